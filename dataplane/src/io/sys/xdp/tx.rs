//! The sending half of a socket.
use super::ring::{Consumer, Producer};
use super::socket::Shared;
use crate::io::sys::raw;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;

/// Calls for one burst without any of it being taken, at most.
const PATIENCE: u32 = 2;

/// Why fewer frames were taken than given.
#[derive(Debug)]
pub enum Stop {
    /// No room now.
    Full,
    /// The next frame is longer than the interface or the shared memory takes, or shorter than an Ethernet header.
    BadFrame,
    /// The interface is down or gone.
    Gone(io::Error),
}

/// The sending half.
pub struct TxHalf {
    tx: Producer<libc::xdp_desc>,
    completion: Consumer<u64>,
    /// Chunks that nobody uses.
    free: Vec<u64>,
    shared: Arc<Shared>,
}

impl TxHalf {
    /// The half of a new socket; the chunks `free` are its.
    pub(super) fn new(
        shared: Arc<Shared>,
        tx: Producer<libc::xdp_desc>,
        completion: Consumer<u64>,
        free: Vec<u64>,
    ) -> TxHalf {
        TxHalf { tx, completion, free, shared }
    }

    /// Takes frames to send, from the first on; says how many, and why not all. Never blocks.
    pub fn send<'a>(&mut self, frames: impl ExactSizeIterator<Item = &'a [u8]>) -> (usize, Option<Stop>) {
        let wanted = frames.len();
        if self.free.len() < wanted {
            self.reclaim();
        }
        let room = self.tx.room(wanted as u32) as usize;
        let (mut taken, mut stop) = (0, None);
        for frame in frames {
            if !self.shared.can_send(frame) {
                stop = Some(Stop::BadFrame);
                break;
            }
            let Some(addr) = (taken < room).then(|| self.free.pop()).flatten() else {
                stop = Some(Stop::Full);
                break;
            };
            // SAFETY: a chunk from the list of those that nobody uses; the kernel hears of it when it is published.
            unsafe { self.shared.umem.write(addr, frame) };
            self.tx.write(taken as u32, libc::xdp_desc { addr, len: frame.len() as u32, options: 0 });
            taken += 1;
        }
        self.tx.publish(taken as u32);
        if let Err(why) = self.kick() {
            stop = Some(Stop::Gone(why));
        }
        (taken, stop)
    }

    /// Takes back the chunks whose frames have left.
    fn reclaim(&mut self) {
        let count = self.completion.available(u32::MAX);
        self.free.extend((0..count).map(|number| self.completion.read(number)));
        self.completion.release(count);
    }

    /// Has the kernel send what is in the ring, as far as it can now.
    ///
    /// # Errors
    /// `ENETDOWN` and others: the interface is down or gone.
    pub fn kick(&mut self) -> io::Result<()> {
        let mut before = self.tx.waiting();
        let mut patience = PATIENCE;
        while before > 0 && patience > 0 && self.tx.needs_wakeup() {
            // SAFETY: no pointers: it is the call that counts.
            let result = raw::check(unsafe {
                let fd = self.shared.fd.as_raw_fd();
                libc::sendto(fd, std::ptr::null(), 0, libc::MSG_DONTWAIT, std::ptr::null(), 0) as libc::c_int
            });
            match result.map_err(|error| (error.raw_os_error(), error)) {
                Ok(_) => {}
                // EAGAIN: as many as one call sends; ENOBUFS, EBUSY: the driver has no room.
                Err((Some(libc::EAGAIN | libc::EINTR | libc::ENOBUFS | libc::EBUSY), _)) => {}
                Err((_, error)) => return Err(error),
            }
            let now = self.tx.waiting();
            patience = if now < before { PATIENCE } else { patience - 1 };
            before = now;
        }
        Ok(())
    }

    /// The socket, to wait on: writable when the ring has room.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.shared.fd.as_fd()
    }

    /// Takes the error that waits on the socket.
    ///
    /// # Errors
    /// `ENETDOWN`: the interface is gone.
    pub fn check(&self) -> io::Result<()> {
        self.shared.check()
    }

    /// Number of the interface.
    pub fn ifindex(&self) -> u32 {
        self.shared.ifindex
    }

    /// Whether the driver takes frames right from the shared memory.
    pub fn is_zero_copy(&self) -> bool {
        self.shared.zero_copy
    }
}
