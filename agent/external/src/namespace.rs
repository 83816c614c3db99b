//! A network namespace without a name: it is there as long as somebody has it open or lives in it, so one that is
//! forgotten does not stay.
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use sluice_dataplane::io::sys::process::{Own, separate};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::thread;

/// A network namespace.
#[derive(Debug)]
pub(crate) struct Namespace(File);

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Namespace {
    /// A new one.
    ///
    /// # Errors
    /// The process may not, or the kernel has none.
    pub(crate) fn new() -> io::Result<Namespace> {
        aside(|| {
            separate(Own::Network)?;
            File::open("/proc/thread-self/ns/net").map(Namespace)
        })
    }

    /// What `f` gives in it. `f` runs on a thread of its own, for the namespace of a thread that goes on stays.
    ///
    /// # Errors
    /// It cannot be entered, or what `f` says.
    pub(crate) fn inside<R: Send>(&self, f: impl FnOnce() -> io::Result<R> + Send) -> io::Result<R> {
        aside(|| {
            move_into_link_name_space(self.as_fd(), Some(LinkNameSpaceType::Network))?;
            f()
        })
    }
}

fn aside<R: Send>(f: impl FnOnce() -> io::Result<R> + Send) -> io::Result<R> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("namespace".into()).spawn_scoped(scope, f)?;
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread in the namespace panicked")))
    })
}
