//! One AF_XDP socket on one queue of an interface, as two halves that may live on two threads: each has rings and frames of
//! its own, so neither waits for the other.
//!
//! System calls: none to receive in copy mode; one a burst to send. Where the driver itself moves frames (zero-copy), it says
//! in a ring's flag when it wants to be called (`XDP_USE_NEED_WAKEUP`).
use super::ring::{self, Consumer, Producer};
use super::rx::RxHalf;
use super::tx::TxHalf;
use super::umem::Umem;
use crate::io::sys::{interface, raw};
use crate::port::XdpCopy;
use libc::SOL_XDP;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes that may wait in the kernel for the interface, as it counts them.
const SEND_BUFFER: libc::c_int = 4 << 20;
/// `XDP_MAX_TX_SKB_BUDGET` (Linux 6.18): frames that one call sends, 32 by default.
const MAX_TX_BUDGET: libc::c_int = 9;
/// A burst of ours.
const TX_BUDGET: libc::c_int = 64;
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
pub(super) struct Shared {
    // Closed before the memory goes.
    pub(super) fd: OwnedFd,
    pub(super) umem: Umem,
    pub(super) queue: u32,
    pub(super) ifindex: u32,
    /// Payload of an Ethernet frame, bytes, when the socket was opened.
    mtu: usize,
    pub(super) zero_copy: bool,
    /// An error was taken off the socket. It is there once, and concerns both halves.
    gone: AtomicBool,
}

impl Shared {
    pub(super) fn check(&self) -> io::Result<()> {
        if self.gone.load(Ordering::Relaxed) {
            return Err(io::Error::from_raw_os_error(libc::ENETDOWN));
        }
        raw::take_error(self.fd.as_fd()).inspect_err(|_| self.gone.store(true, Ordering::Relaxed))
    }

    /// Whether the interface sends a frame of this length: the MTU is without Ethernet header and tag.
    pub(super) fn can_send(&self, frame: &[u8]) -> bool {
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
    Ok((RxHalf::new(shared.clone(), rx, fill), TxHalf::new(shared, tx, completion, free)))
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
