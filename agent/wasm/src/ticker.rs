//! The thread that makes time pass for guests: it counts while they run, and sleeps while none does.
use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::io;
use std::sync::OnceLock;
use std::thread::{self, Thread};
use std::time::Duration;
use wasmtime::Engine;

/// Milliseconds from one tick to the next.
const TICK: u32 = 5;

/// Ticks without a batch after which the thread sleeps: more than the longest time that a batch may take, or it would
/// sleep while a guest loops.
const IDLE: u32 = 4 * crate::config::MAX_MILLISECONDS / TICK;

/// Somebody has run since the last tick.
static BUSY: AtomicBool = AtomicBool::new(false);
static ASLEEP: AtomicBool = AtomicBool::new(false);
static THREAD: OnceLock<Thread> = OnceLock::new();

/// Starts the thread; it goes on as long as the process.
pub(crate) fn start(engine: Engine) -> io::Result<()> {
    let handle = thread::Builder::new().name("wasm-ticker".into()).spawn(move || tick(&engine))?;
    let _ = THREAD.set(handle.thread().clone()); // there is one engine of this kind
    Ok(())
}

fn tick(engine: &Engine) {
    let mut idle = 0;
    loop {
        idle = if BUSY.swap(false, SeqCst) { 0 } else { idle + 1 };
        engine.increment_epoch();
        if idle > IDLE {
            ASLEEP.store(true, SeqCst);
            // Either this sees that somebody runs, or that one sees that this sleeps.
            while !BUSY.load(SeqCst) {
                thread::park();
            }
            ASLEEP.store(false, SeqCst);
            idle = 0;
        }
        thread::sleep(Duration::from_millis(TICK.into()));
    }
}

/// A guest is about to run for `ms` milliseconds at most: how many ticks that is, rounded up, and one more because the
/// first may come at once.
#[inline]
pub(crate) fn ticks(ms: u32) -> u64 {
    if !BUSY.load(Relaxed) {
        BUSY.store(true, SeqCst);
        if ASLEEP.load(SeqCst)
            && let Some(thread) = THREAD.get()
        {
            thread.unpark();
        }
    }
    u64::from(ms.div_ceil(TICK)) + 1
}
