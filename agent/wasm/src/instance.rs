//! A running guest, by the life-cycle words of RFC 3165: start, process batches, reconfigure, stop.
//!
//! After a [`Fault`] an instance must not be used again: what its memory means is not known any more.
use crate::abi::{ALIGN, AREA, VERSION};
use crate::config::{Limits, Work};
use crate::exchange::{self, Verdict};
use crate::fault::Fault;
use crate::host::{Host, store_limits};
use crate::log::Said;
use crate::module::Module;
use crate::ticker;
use sluice_dataplane::packet::Packet;
use std::sync::Arc;
use wasmtime::{Memory, Store, TypedFunc, WasmParams, WasmResults};

/// Longest text that a guest gives or is given, bytes.
pub const MAX_TEXT: usize = 64 * 1024;

/// A running guest.
pub struct Instance {
    module: Arc<Module>,
    store: Store<Host>,
    memory: Memory,
    calls: Calls,
    limits: Limits,
    /// Where the area lies in the guest's memory.
    area: u32,
    fuel: u64,
}

/// The functions that the guest exports.
struct Calls {
    process: TypedFunc<(u32, u32, u32), ()>,
    area: TypedFunc<u32, u32>,
    configure: Option<TypedFunc<(u32, u32), u32>>,
    stop: Option<TypedFunc<(), ()>>,
    statistics: Option<TypedFunc<(), u64>>,
    snapshot: Option<TypedFunc<(), u64>>,
    restore: Option<TypedFunc<(u32, u32), u32>>,
}

impl Instance {
    /// Starts a guest with its configuration. `now` is the time, nanoseconds since the epoch.
    ///
    /// # Errors
    /// It fails on the way, refuses the configuration, or wants more memory than it may have.
    pub fn start(module: &Arc<Module>, limits: Limits, config: &str, now: u64) -> Result<Instance, Fault> {
        let engine = module.code.module().engine();
        let mut store = Store::try_new(engine, Host::new(&limits, now))?;
        store.limiter(|host| &mut host.limits);
        arm(&mut store, limits.work.slow())?;
        let instance = module.code.instantiate(&mut store).map_err(too_much)?;
        let memory = instance.get_memory(&mut store, "memory").ok_or_else(|| Fault::invalid("exports no ‘memory’"))?;
        let mut find = Finder { instance, store: &mut store };
        let initialize = find.optional::<(), ()>("_initialize")?;
        let start = find.optional::<(), ()>("sluice_start")?;
        let abi = find.required::<(), u32>("sluice_abi")?;
        let calls = Calls {
            process: find.required("sluice_process")?,
            area: find.required("sluice_area")?,
            configure: find.optional("sluice_configure")?,
            stop: find.optional("sluice_stop")?,
            statistics: find.optional("sluice_statistics")?,
            snapshot: find.optional("sluice_snapshot")?,
            restore: find.optional("sluice_restore")?,
        };
        let mut this = Instance { module: module.clone(), store, memory, calls, limits, area: 0, fuel: 0 };
        if let Some(f) = initialize {
            this.slow(&f, ())?;
        }
        let version = this.slow(&abi, ())?;
        if version != VERSION {
            return Err(Fault::Invalid(format!("speaks version {version} of the interface, not {VERSION}")));
        }
        this.area = this.ask_area(AREA)?;
        if !config.is_empty() {
            this.reconfigure(config)?;
        }
        if let Some(f) = start {
            this.slow(&f, ())?;
        }
        Ok(this)
    }

    /// Hands a batch of at most [`MAX_PACKETS`](crate::abi::MAX_PACKETS) packets to the guest, and does with them what it
    /// says. `verdicts`, one for each packet, tell where they go: below `outputs`, or a drop.
    ///
    /// # Errors
    /// The guest failed or lied. The packets are as they were.
    #[inline]
    pub fn process(&mut self, packets: &mut [Packet], outputs: u16, verdicts: &mut [Verdict]) -> Result<(), Fault> {
        let at = self.area as usize;
        let area = self.memory.data_mut(&mut self.store).get_mut(at..).and_then(|m| m.get_mut(..AREA));
        exchange::hand_over(area.ok_or_else(no_area)?, self.area, packets)?;
        arm(&mut self.store, self.limits.work)?;
        let process = &self.calls.process;
        let done = process.call(&mut self.store, (self.area, packets.len() as u32, outputs.into()));
        if let Work::Fuel(given) = self.limits.work {
            self.fuel = self.fuel.wrapping_add(given.saturating_sub(self.store.get_fuel()?));
        }
        done?;
        let area = self.memory.data(&self.store).get(at..).and_then(|m| m.get(..AREA));
        exchange::take_back(area.ok_or_else(no_area)?, self.area, packets, outputs, verdicts)
    }

    /// Gives the guest another configuration.
    ///
    /// # Errors
    /// It has none ([`Fault::Refused`]), refuses it (likewise; it goes on with what it had), or fails.
    pub fn reconfigure(&mut self, text: &str) -> Result<(), Fault> {
        let Some(f) = self.calls.configure.clone() else {
            return Err(Fault::Refused("the module takes no configuration".into()));
        };
        if text.len() > MAX_TEXT {
            return Err(Fault::Refused(format!("a configuration of more than {MAX_TEXT} bytes")));
        }
        match self.with_bytes(&f, text.as_bytes())? {
            0 => Ok(()),
            code => Err(self.refusal("its configuration", code)),
        }
    }

    /// What the guest says of itself, a line `key=value` for each figure; `None` if it has nothing to say.
    ///
    /// # Errors
    /// It fails, or gives what is not in its memory.
    pub fn statistics(&mut self) -> Result<Option<String>, Fault> {
        let Some(f) = self.calls.statistics.clone() else { return Ok(None) };
        let bytes = self.bytes_of(&f, MAX_TEXT)?;
        let text = String::from_utf8_lossy(&bytes);
        let visible = |c: &char| *c == '\n' || !c.is_control();
        Ok(Some(text.chars().filter(visible).collect()))
    }

    /// The guest's state, in its own format; `None` if it has none to give.
    ///
    /// # Errors
    /// As for [`statistics`](Self::statistics).
    pub fn snapshot(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        let Some(f) = self.calls.snapshot.clone() else { return Ok(None) };
        self.bytes_of(&f, self.limits.memory).map(Some)
    }

    /// Whether the guest takes a state.
    pub fn restores(&self) -> bool {
        self.calls.restore.is_some()
    }

    /// Gives the guest the state that a snapshot gave.
    ///
    /// # Errors
    /// It refuses it ([`Fault::Refused`]; it goes on with what it had), or fails.
    pub fn restore(&mut self, state: &[u8]) -> Result<(), Fault> {
        let Some(f) = self.calls.restore.clone() else {
            return Err(Fault::Refused("the module takes no state".into()));
        };
        match self.with_bytes(&f, state)? {
            0 => Ok(()),
            code => Err(self.refusal("the state of its predecessor", code)),
        }
    }

    /// Ends the guest.
    ///
    /// # Errors
    /// It fails while it ends. It has ended all the same.
    pub fn stop(mut self) -> Result<(), Fault> {
        match self.calls.stop.clone() {
            Some(f) => self.slow(&f, ()),
            None => Ok(()),
        }
    }

    /// What it runs.
    pub fn module(&self) -> &Arc<Module> {
        &self.module
    }
    /// Tells the guest the time of the next call, nanoseconds since the epoch.
    #[inline]
    pub fn set_time(&mut self, now: u64) {
        self.store.data_mut().now = now;
    }
    /// Changes what it may use from now on. The work must be of the kind that the module was compiled for.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.store.data_mut().limits = store_limits(&limits);
    }
    /// Bytes of linear memory.
    pub fn memory(&self) -> usize {
        self.memory.data_size(&self.store)
    }
    /// Fuel that batches have used.
    pub fn fuel(&self) -> u64 {
        self.fuel
    }
    /// What it said since this was taken last.
    #[inline]
    pub(crate) fn said(&mut self) -> &mut Said {
        &mut self.store.data_mut().said
    }

    /// A call that is not for a batch.
    fn slow<P: WasmParams, R: WasmResults>(&mut self, f: &TypedFunc<P, R>, args: P) -> Result<R, Fault> {
        arm(&mut self.store, self.limits.work.slow())?;
        Ok(f.call(&mut self.store, args)?)
    }

    /// Has the guest give an area of `bytes` bytes.
    fn ask_area(&mut self, bytes: usize) -> Result<u32, Fault> {
        let f = self.calls.area.clone();
        let size = u32::try_from(bytes).map_err(|_| Fault::invalid("more than 4 GiB"))?;
        let at = self.slow(&f, size)?;
        if at == 0 {
            return Err(Fault::Resources(format!("has no room for {bytes} bytes")));
        }
        let fits = (at as usize).checked_add(bytes).is_some_and(|end| end <= self.memory());
        if !fits || !(at as usize).is_multiple_of(ALIGN) {
            return Err(Fault::Invalid(format!("gives {bytes} bytes at {at:#x}, outside of memory or not aligned")));
        }
        Ok(at)
    }

    /// Calls a function with the address and length of bytes. They lie in the area, which is free between batches; for
    /// more than fits there the guest gives another one.
    fn with_bytes(&mut self, f: &TypedFunc<(u32, u32), u32>, bytes: &[u8]) -> Result<u32, Fault> {
        if bytes.len() > AREA {
            self.area = self.ask_area(bytes.len())?;
        }
        let at = self.area as usize;
        let to = self.memory.data_mut(&mut self.store).get_mut(at..).and_then(|m| m.get_mut(..bytes.len()));
        to.ok_or_else(no_area)?.copy_from_slice(bytes);
        self.slow(f, (self.area, bytes.len() as u32))
    }

    /// Copies the bytes whose address (upper half) and length (lower half) a function gives.
    fn bytes_of(&mut self, f: &TypedFunc<(), u64>, most: usize) -> Result<Vec<u8>, Fault> {
        let packed = self.slow(f, ())?;
        let (at, len) = ((packed >> 32) as usize, (packed & 0xffff_ffff) as usize);
        let bytes = self.memory.data(&self.store).get(at..).and_then(|m| m.get(..len));
        match bytes {
            Some(bytes) if len <= most => Ok(bytes.to_vec()),
            Some(_) => Err(Fault::Invalid(format!("gives {len} bytes, more than {most}"))),
            None => Err(Fault::Invalid(format!("gives {len} bytes at {at:#x}, outside of memory"))),
        }
    }

    /// A refusal, with what the guest said about it.
    fn refusal(&mut self, what: &str, code: u32) -> Fault {
        Fault::Refused(match self.store.data().said.last() {
            Some(why) => format!("{what}: {why}"),
            None => format!("{what}: code {code}"),
        })
    }
}

/// Looks up what a guest exports.
struct Finder<'a> {
    instance: wasmtime::Instance,
    store: &'a mut Store<Host>,
}

impl Finder<'_> {
    fn optional<P: WasmParams, R: WasmResults>(&mut self, name: &str) -> Result<Option<TypedFunc<P, R>>, Fault> {
        if self.instance.get_export(&mut *self.store, name).is_none() {
            return Ok(None);
        }
        self.required(name).map(Some)
    }
    fn required<P: WasmParams, R: WasmResults>(&mut self, name: &str) -> Result<TypedFunc<P, R>, Fault> {
        Ok(self.instance.get_typed_func(&mut *self.store, name)?)
    }
}

/// Sets what the next call may do.
#[inline]
fn arm(store: &mut Store<Host>, work: Work) -> Result<(), Fault> {
    match work {
        Work::Fuel(n) => store.set_fuel(n)?,
        Work::Time(ms) => store.set_epoch_deadline(ticker::ticks(ms)),
    }
    Ok(())
}

/// A module that cannot be instantiated, mostly for want of memory.
fn too_much(e: wasmtime::Error) -> Fault {
    if e.is::<wasmtime::Trap>() { e.into() } else { Fault::Resources(e.root_cause().to_string()) }
}

#[cold]
fn no_area() -> Fault {
    Fault::invalid("its area is not in its memory")
}

const _: () = assert!(MAX_TEXT <= AREA);
