//! One AF_XDP socket on one queue of an interface, as two halves that may live on two threads: each has rings and frames of
//! its own, so neither waits for the other.
//!
//! System calls: none to receive in copy mode; one a burst to send. Where the driver itself moves frames (zero-copy), it says
//! in a ring's flag when it wants to be called (`XDP_USE_NEED_WAKEUP`).
use super::hook::Hook;
use super::ring::{self, Consumer, Producer};
use super::umem::Umem;
use crate::io::sys::{interface, raw};
use crate::port::XdpCopy;
use libc::SOL_XDP;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Frames fetched ahead of the one that is handed out.
const AHEAD: u32 = 4;
/// Receive calls without a frame between two looks at the socket's pending error.
const CHECK_EVERY: u32 = 64;
/// Bytes that may wait in the kernel for the interface, as it counts them.
const SEND_BUFFER: libc::c_int = 4 << 20;
/// `XDP_MAX_TX_SKB_BUDGET` (Linux 6.18): frames that one call sends, 32 by default.
const MAX_TX_BUDGET: libc::c_int = 9;
/// A burst of ours.
const TX_BUDGET: libc::c_int = 64;
/// Calls for one burst without any of it being taken, at most.
const PATIENCE: u32 = 2;

/// How a socket is set up.
#[derive(Clone, Copy, Debug)]
pub struct SocketConfig {
    /// Queue of the interface.
    pub queue: u32,
    /// Frames that it holds in each direction: a power of two.
    pub ring: u32,
    /// Whether frames are copied.
    pub copy: XdpCopy,
}

/// What both halves stand on.
struct Shared {
    // Closed before the memory goes.
    fd: OwnedFd,
    umem: Umem,
    queue: u32,
    ifindex: u32,
    /// Payload of an Ethernet frame, bytes, when the socket was opened.
    mtu: usize,
    zero_copy: bool,
    /// An error was taken off the socket. It is there once, and concerns both halves.
    gone: AtomicBool,
}

impl Shared {
    fn check(&self) -> io::Result<()> {
        if self.gone.load(Ordering::Relaxed) {
            return Err(io::Error::from_raw_os_error(libc::ENETDOWN));
        }
        raw::take_error(self.fd.as_fd()).inspect_err(|_| self.gone.store(true, Ordering::Relaxed))
    }

    /// Whether the interface sends a frame of this length: the MTU is without Ethernet header and tag.
    fn can_send(&self, frame: &[u8]) -> bool {
        let tag = if matches!(frame.get(12..14), Some([0x81, 0x00] | [0x88, 0xa8])) { 4 } else { 0 };
        (14..=(self.mtu + 14 + tag).min(self.umem.chunk())).contains(&frame.len())
    }
}

/// Opens a socket on an interface.
///
/// # Errors
/// `EINVAL`: no such queue; `EBUSY`: another socket has it; `EOPNOTSUPP`: no zero-copy; `EPERM`; or what
/// [`interface::read`] says.
pub fn open(name: &str, config: SocketConfig) -> io::Result<(RxHalf, TxHalf)> {
    let found = interface::read(name)?;
    // SAFETY: no pointers; the descriptor is new and nobody else owns it.
    let fd = unsafe {
        let fd = libc::socket(libc::AF_XDP, libc::SOCK_RAW | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, 0);
        OwnedFd::from_raw_fd(raw::check(fd)?)
    };
    let count = config.ring as usize;
    // Ethernet header and a tag more than the MTU. The frames of the receiving half come first.
    let umem = Umem::new(count * 2, found.mtu as usize + 18)?;
    umem.register(fd.as_fd())?;
    // Without CAP_NET_ADMIN the limit of the system holds; the budget is new.
    let _ = raw::set_option(fd.as_fd(), libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, &SEND_BUFFER);
    let _ = raw::set_option(fd.as_fd(), SOL_XDP, MAX_TX_BUDGET, &TX_BUDGET);
    let mut fill = Producer::make(fd.as_fd(), ring::FILL, config.ring)?;
    let completion = Consumer::make(fd.as_fd(), ring::COMPLETION, config.ring)?;
    let rx = Consumer::make(fd.as_fd(), ring::RX, config.ring)?;
    let tx = Producer::make(fd.as_fd(), ring::TX, config.ring)?;
    for number in 0..config.ring {
        fill.write(number, umem.address(number as usize));
    }
    fill.publish(config.ring);
    bind(fd.as_fd(), found.index, config)?;
    let none = libc::xdp_options { flags: 0 };
    let options = raw::get_option(fd.as_fd(), SOL_XDP, libc::XDP_OPTIONS, none)?;
    let zero_copy = options.flags & libc::XDP_OPTIONS_ZEROCOPY != 0;
    let free = (count..count * 2).map(|number| umem.address(number)).collect();
    let (queue, ifindex, mtu) = (config.queue, found.index, found.mtu as usize);
    let shared = Arc::new(Shared { fd, umem, queue, ifindex, mtu, zero_copy, gone: AtomicBool::new(false) });
    let half = RxHalf { rx, fill, shared: shared.clone(), hook: None, empty_calls: 0, told_drops: 0 };
    Ok((half, TxHalf { tx, completion, free, shared }))
}

fn bind(fd: BorrowedFd<'_>, ifindex: u32, config: SocketConfig) -> io::Result<()> {
    let copy = match config.copy {
        XdpCopy::Auto => 0,
        XdpCopy::Copy => libc::XDP_COPY,
        XdpCopy::ZeroCopy => libc::XDP_ZEROCOPY,
    };
    let address = libc::sockaddr_xdp {
        sxdp_family: libc::AF_XDP as u16,
        sxdp_flags: libc::XDP_USE_NEED_WAKEUP | copy,
        sxdp_ifindex: ifindex,
        sxdp_queue_id: config.queue,
        sxdp_shared_umem_fd: 0,
    };
    // SAFETY: pointer and length describe `address`.
    let result = unsafe {
        let len = size_of::<libc::sockaddr_xdp>() as libc::socklen_t;
        libc::bind(fd.as_raw_fd(), (&raw const address).cast(), len)
    };
    raw::check(result).map(drop)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_can_move_to_the_threads_that_use_them() {
        fn movable<T: Send>() {}
        movable::<RxHalf>();
        movable::<TxHalf>();
    }
}
