//! What DPDK logs: kept while it starts, so that a failure can be explained; passed on afterwards.
use super::c;
use std::collections::VecDeque;
use std::ffi::{c_char, c_void};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Lines that are kept.
const KEPT: usize = 64;

struct Log {
    lines: VecDeque<String>,
    /// The end of what came, not a whole line yet.
    part: String,
    /// Lines go to standard error.
    live: bool,
}

static LOG: Mutex<Log> = Mutex::new(Log { lines: VecDeque::new(), part: String::new(), live: false });

fn lock() -> MutexGuard<'static, Log> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner) // whole between any two lines
}

/// Takes what DPDK writes; called by the C library.
unsafe extern "C" fn write(_: *mut c_void, text: *const c_char, length: usize) -> i64 {
    // SAFETY: the C library gives `length` bytes.
    let bytes = unsafe { std::slice::from_raw_parts(text.cast::<u8>(), length) };
    let mut log = lock();
    log.part.push_str(&String::from_utf8_lossy(bytes));
    while let Some(end) = log.part.find('\n') {
        let line: String = log.part.drain(..=end).collect();
        let line = line.trim_end();
        if log.live && !line.is_empty() {
            eprintln!("sluice: dpdk: {line}");
        }
        if log.lines.len() == KEPT {
            log.lines.pop_front();
        }
        log.lines.push_back(line.to_string());
    }
    length as i64
}

/// From now on DPDK logs here. Where the stream cannot be made it goes on logging where it does.
pub(super) fn capture() {
    let functions = c::cookie_io_functions_t { read: None, write: Some(write), seek: None, close: None };
    // SAFETY: the mode is a C string, and `write` does what the C library expects; the stream is never
    // closed, for DPDK keeps it. Line by line, so that nothing waits in it.
    unsafe {
        let stream = c::fopencookie(std::ptr::null_mut(), c"w".as_ptr(), functions);
        if !stream.is_null() {
            c::setvbuf(stream, std::ptr::null_mut(), libc::_IOLBF, 0);
            c::rte_openlog_stream(stream);
        }
    }
}

/// What was logged since the last call, a line each.
pub(super) fn take() -> Vec<String> {
    lock().lines.drain(..).collect()
}

/// Lines go to standard error from now on, or no longer.
pub(super) fn pass_on(live: bool) {
    lock().live = live;
}
