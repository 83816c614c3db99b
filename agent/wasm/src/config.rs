//! How guests are compiled and what they may use.
use crate::fault::Fault;
use crate::ticker;
use std::sync::OnceLock;
use wasmtime::{Config, Engine, OptLevel};

/// Stack that a guest may use, bytes: a fraction of a worker's.
const STACK: usize = 256 * 1024;

/// How the work of a guest is limited. Code is compiled for one of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Metering {
    /// Instructions are counted: the same batch always costs the same.
    Fuel,
    /// Time passes. Cheaper for the guest, but a worker that the system keeps from running counts, too.
    Time,
}

/// How much a guest may do in one batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// Instructions, roughly; a byte that is copied or filled in bulk costs one as well.
    Fuel(u64),
    /// Milliseconds, 1 to [`MAX_MILLISECONDS`].
    Time(u32),
}

/// Longest time that a batch may be given: the ticker sleeps when nobody ran for longer.
pub const MAX_MILLISECONDS: u32 = 1000;

/// Most fuel that an element gives a batch: about as long as [`MAX_MILLISECONDS`].
pub const MAX_FUEL: u64 = 1_000_000_000;

/// Calls other than for a batch may do so many times as much.
const SLOW_CALLS: u32 = 16;

impl Work {
    /// What code must be compiled for.
    pub fn metering(self) -> Metering {
        match self {
            Work::Fuel(_) => Metering::Fuel,
            Work::Time(_) => Metering::Time,
        }
    }
    /// What a call may do that is not for a batch: starting, configuring, statistics, states.
    pub(crate) fn slow(self) -> Work {
        match self {
            Work::Fuel(n) => Work::Fuel(n.saturating_mul(SLOW_CALLS.into()).min(MAX_FUEL)),
            Work::Time(ms) => Work::Time(ms.saturating_mul(SLOW_CALLS).min(MAX_MILLISECONDS)),
        }
    }
}

/// What an instance may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// In one batch.
    pub work: Work,
    /// Linear memory, bytes.
    pub memory: usize,
}

/// Elements of a guest's tables of functions.
pub(crate) const TABLE_ELEMENTS: usize = 65_536;

/// The compiler for one kind of metering; there is one in a process.
pub(crate) fn engine(metering: Metering) -> Result<&'static Engine, Fault> {
    static FUEL: OnceLock<Result<Engine, Fault>> = OnceLock::new();
    static TIME: OnceLock<Result<Engine, Fault>> = OnceLock::new();
    let cell = match metering {
        Metering::Fuel => &FUEL,
        Metering::Time => &TIME,
    };
    let made = cell.get_or_init(|| {
        let engine = Engine::new(&features(metering)).map_err(Fault::from)?;
        if metering == Metering::Time {
            ticker::start(engine.clone()).map_err(|e| Fault::Resources(format!("a thread: {e}")))?;
        }
        Ok(engine)
    });
    made.as_ref().map_err(Clone::clone)
}

fn features(metering: Metering) -> Config {
    let mut c = Config::new();
    c.consume_fuel(metering == Metering::Fuel)
        .epoch_interruption(metering == Metering::Time)
        .max_wasm_stack(STACK)
        .cranelift_opt_level(OptLevel::Speed)
        // The same guest does the same on every machine.
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false);
    c
}
