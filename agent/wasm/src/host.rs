//! What a guest may ask of the host: to log a line, and what time it is. Neither waits for anything.
use crate::config::{Limits, TABLE_ELEMENTS};
use crate::fault::Lie;
use crate::log::{LINE, Level, Said};
use wasmtime::{Caller, Engine, Error, Extern, Linker, Result, StoreLimits, StoreLimitsBuilder};

/// Name of the module that the functions are imported from.
pub(crate) const NAMESPACE: &str = "sluice";

/// The host's side of an instance.
pub(crate) struct Host {
    /// Asked when memory or a table grows.
    pub(crate) limits: StoreLimits,
    /// Nanoseconds since the epoch, as of this call.
    pub(crate) now: u64,
    pub(crate) said: Said,
}

impl Host {
    pub(crate) fn new(limits: &Limits, now: u64) -> Host {
        Host { limits: store_limits(limits), now, said: Said::default() }
    }
}

pub(crate) fn store_limits(limits: &Limits) -> StoreLimits {
    StoreLimitsBuilder::new()
        .memory_size(limits.memory)
        .table_elements(TABLE_ELEMENTS)
        .instances(1)
        .memories(1)
        .tables(8)
        .build()
}

/// The functions that guests may import.
pub(crate) fn linker(engine: &Engine) -> Result<Linker<Host>> {
    let mut linker = Linker::new(engine);
    linker.func_wrap(NAMESPACE, "log", log)?;
    linker.func_wrap(NAMESPACE, "clock", |caller: Caller<'_, Host>| caller.data().now)?;
    Ok(linker)
}

/// `log(level, address, length)`.
fn log(mut caller: Caller<'_, Host>, level: u32, at: u32, len: u32) -> Result<()> {
    if !caller.data_mut().said.takes_more() {
        return Ok(());
    }
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
        return Err(Error::new(Lie("log: there is no memory")));
    };
    let (bytes, host) = memory.data_and_store_mut(&mut caller);
    let text = bytes.get(at as usize..).and_then(|b| b.get(..len as usize));
    let text = text.ok_or_else(|| Error::new(Lie("log: text outside of memory")))?;
    host.said.add(Level::of(level), text.get(..LINE).unwrap_or(text));
    Ok(())
}
