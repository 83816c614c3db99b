//! What DPDK logs: kept while it starts, so that a failure can be explained; passed on afterwards.
use super::c;
use std::collections::VecDeque;
use std::ffi::{c_char, c_void};
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
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

/// Does `what` while nothing that DPDK logs goes to standard error: it is about to be explained. If all went well, it
/// goes there afterwards.
pub(super) fn held<T>(what: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let live = std::mem::take(&mut lock().live);
    drop(take()); // what comes now is about this
    let result = what();
    if live && result.is_ok() {
        take().iter().filter(|l| !l.is_empty()).for_each(|l| eprintln!("sluice: dpdk: {l}"));
    }
    lock().live = live;
    result
}

/// Does `what`, and gives what C code wrote to standard output and standard error meanwhile: DPDK prints its whole
/// manual about a wrong argument.
pub(super) fn captured<T>(what: impl FnOnce() -> T) -> (T, String) {
    let _ = std::io::stdout().flush();
    // SAFETY: the name is a C string; a descriptor that comes is ours.
    let to = unsafe {
        let fd = libc::memfd_create(c"dpdk".as_ptr(), libc::MFD_CLOEXEC);
        if fd < 0 {
            return (what(), String::new());
        }
        File::from(OwnedFd::from_raw_fd(fd))
    };
    // SAFETY: both are open, or the copy fails and they stay as they are.
    let saved = [1, 2].map(|fd| unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned());
    let point = |fd: i32, at: &dyn Fn() -> Option<i32>| {
        if let Some(at) = at() {
            // SAFETY: the C library's buffers are flushed; a descriptor is replaced by another.
            unsafe {
                libc::fflush(std::ptr::null_mut());
                libc::dup2(at, fd);
            }
        }
    };
    for (fd, saved) in [1, 2].into_iter().zip(&saved) {
        point(fd, &|| saved.as_ref().ok().map(|_| to.as_raw_fd()));
    }
    let result = what();
    for (fd, saved) in [1, 2].into_iter().zip(&saved) {
        point(fd, &|| saved.as_ref().ok().map(|s| s.as_raw_fd()));
    }
    let (mut to, mut bytes) = (to, Vec::new());
    let _ = to.rewind().and_then(|()| to.read_to_end(&mut bytes));
    (result, String::from_utf8_lossy(&bytes).into_owned())
}

/// Does `what` while nothing that DPDK logs is told: a question to a driver, to which it may say no.
pub(super) fn unheard<T>(what: impl FnOnce() -> T) -> T {
    let live = std::mem::take(&mut lock().live);
    let answer = what();
    drop(take());
    lock().live = live;
    answer
}
