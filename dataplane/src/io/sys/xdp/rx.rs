//! The receiving half of a socket.
use super::hook::Hook;
use super::ring::{Consumer, Producer};
use super::socket::Shared;
use crate::io::sys::raw;
use libc::SOL_XDP;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

/// Frames fetched ahead of the one that is handed out.
const AHEAD: u32 = 4;
/// Receive calls without a frame between two looks at the socket's pending error.
const CHECK_EVERY: u32 = 64;
/// The receiving half. Frames come once it is on a [`Hook`].
pub struct RxHalf {
    rx: Consumer<libc::xdp_desc>,
    fill: Producer<u64>,
    shared: Arc<Shared>,
    hook: Option<Arc<Hook>>,
    empty_calls: u32,
    told_drops: u64,
}

impl RxHalf {
    /// The half of a new socket; all its frames are in the fill ring.
    pub(super) fn new(shared: Arc<Shared>, rx: Consumer<libc::xdp_desc>, fill: Producer<u64>) -> RxHalf {
        RxHalf { rx, fill, shared, hook: None, empty_calls: 0, told_drops: 0 }
    }

    /// Has the interface's program send the queue's frames here.
    ///
    /// # Errors
    /// The kernel's.
    pub fn join(&mut self, hook: Arc<Hook>) -> io::Result<()> {
        hook.insert(self.shared.queue, self.shared.fd.as_fd())?;
        self.hook = Some(hook);
        Ok(())
    }

    /// Lets the queue's frames go to the host again.
    pub fn leave(&mut self) {
        if let Some(hook) = self.hook.take() {
            hook.remove(self.shared.queue);
        }
    }

    /// Hands out at most `max` frames, oldest first, and says how many. Never blocks.
    ///
    /// # Errors
    /// `ENETDOWN`: the interface is gone.
    #[inline]
    pub fn receive(&mut self, max: usize, mut f: impl FnMut(&[u8])) -> io::Result<usize> {
        let count = self.rx.available(u32::try_from(max).unwrap_or(u32::MAX));
        if count == 0 {
            return self.nothing().map(|()| 0);
        }
        let umem = &self.shared.umem;
        for ahead in 0..AHEAD.min(count) {
            umem.prefetch(self.rx.read(ahead).addr);
        }
        for number in 0..count {
            if number + AHEAD < count {
                umem.prefetch(self.rx.read(number + AHEAD).addr);
            }
            let frame = self.rx.read(number);
            // SAFETY: the kernel has put the frame into the receive ring and does not touch its chunk before it comes back
            // through the fill ring, which is below: the entry is published after the loop.
            if let Some(bytes) = unsafe { umem.read(frame.addr, frame.len) } {
                f(bytes);
            }
            // There is room: the fill ring has as many entries as this half has frames.
            self.fill.write(number, umem.chunk_of(frame.addr));
        }
        self.rx.release(count);
        self.fill.publish(count);
        if self.fill.needs_wakeup() {
            self.wake();
        }
        self.empty_calls = 0;
        Ok(count as usize)
    }

    #[cold]
    fn nothing(&mut self) -> io::Result<()> {
        if self.fill.needs_wakeup() {
            self.wake();
        }
        self.empty_calls += 1;
        if self.empty_calls >= CHECK_EVERY {
            self.empty_calls = 0;
            self.shared.check()?;
        }
        Ok(())
    }

    /// Has the driver take what is in the fill ring.
    fn wake(&self) {
        // Nothing is received: it is the call that counts (af_xdp.rst, XDP_USE_NEED_WAKEUP).
        let _ = raw::receive_datagram(self.shared.fd.as_fd(), &mut []);
    }

    /// The socket, to wait on: readable when a frame is there, in error when the interface went away.
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

    /// Frames that the kernel dropped since the last call: no room, or too long for a frame of the shared memory.
    pub fn kernel_drops(&mut self) -> u64 {
        let none = libc::xdp_statistics {
            rx_dropped: 0,
            rx_invalid_descs: 0,
            tx_invalid_descs: 0,
            rx_ring_full: 0,
            rx_fill_ring_empty_descs: 0,
            tx_ring_empty_descs: 0,
        };
        let Ok(now) = raw::get_option(self.shared.fd.as_fd(), SOL_XDP, libc::XDP_STATISTICS, none) else { return 0 };
        // Frames for which the fill ring was empty are among those dropped.
        let now = now.rx_dropped + now.rx_ring_full;
        now - std::mem::replace(&mut self.told_drops, now)
    }

    /// Number of the interface.
    pub fn ifindex(&self) -> u32 {
        self.shared.ifindex
    }

    /// Whether the driver puts frames right into the shared memory.
    pub fn is_zero_copy(&self) -> bool {
        self.shared.zero_copy
    }

    /// Whether the interface's driver hands the frames out, not the kernel's stack; `None` while no program does.
    pub fn is_native(&self) -> Option<bool> {
        self.hook.as_ref().map(|hook| hook.is_native())
    }
}

impl Drop for RxHalf {
    fn drop(&mut self) {
        self.leave();
    }
}
