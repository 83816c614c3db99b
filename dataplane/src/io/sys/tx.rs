//! Sends through a packet socket, up to 64 frames per system call.
//!
//! `sendmmsg`, because a mapped ring (TPACKET_V2) was no faster over veth: 1151 against 1273 ns of processor time for a frame of
//! 64 bytes, 1241 against 1258 ns for 1500. Passing the queueing discipline by changed either by less than 5 %.
use super::{abi, interface, raw};
use libc::SOL_PACKET;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Most frames per call.
pub const MAX_BURST: usize = 64;
/// Bytes that may wait in the kernel for the interface: a burst of full-size frames many times over.
const SEND_BUFFER: libc::c_int = 4 << 20;

/// Why fewer frames were accepted than given.
#[derive(Debug)]
pub enum SendStop {
    /// No room now (`EAGAIN`, `ENOBUFS`): try the rest later.
    Full,
    /// The next frame is larger than the interface sends (`EMSGSIZE`), or too short to be one: leave just that one out.
    BadFrame,
    /// The interface is down or deleted: open a new socket later.
    Gone(io::Error),
}

/// What became of a burst.
#[derive(Debug)]
pub struct Sent {
    /// Frames accepted, from the first on.
    pub accepted: usize,
    /// Why it ended there; `None` if all were accepted.
    pub stop: Option<SendStop>,
}

/// A packet socket that only sends, on one interface.
#[derive(Debug)]
pub struct TxSocket {
    fd: OwnedFd,
    name: String,
    ifindex: u32,
}

impl TxSocket {
    /// Opens a socket on the interface called `name`. With `bypass_queue`, frames go to the driver directly, past the
    /// interface's queueing discipline; a driver without room then drops them and says `Full`.
    ///
    /// # Errors
    /// [`interface::InterfaceError`] inside: no such interface, no permission, interface down.
    pub fn open(name: &str, bypass_queue: bool) -> io::Result<Self> {
        let ifindex = interface::index_if_up(name)?;
        let open = || {
            let fd = raw::packet_socket()?;
            if bypass_queue {
                raw::set_option(fd.as_fd(), SOL_PACKET, abi::PACKET_QDISC_BYPASS, &1)?;
            }
            // Without CAP_NET_ADMIN the limit of the system holds.
            raw::set_option(fd.as_fd(), libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, &SEND_BUFFER)
                .or_else(|_| raw::set_option(fd.as_fd(), libc::SOL_SOCKET, libc::SO_SNDBUF, &SEND_BUFFER))?;
            raw::bind_packet(fd.as_fd(), ifindex, 0)?;
            raw::take_error(fd.as_fd())?;
            Ok(fd)
        };
        let fd = open().map_err(|error| interface::explain(name, error))?;
        Ok(Self { fd, name: name.to_owned(), ifindex })
    }

    /// Whether the interface is there and up, and still the one that was opened: a socket that only
    /// sends is not told when it goes.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn check(&self) -> io::Result<()> {
        match interface::index_if_up(&self.name)? {
            index if index == self.ifindex => Ok(()),
            _ => Err(io::Error::new(io::ErrorKind::NotFound, "the interface was made anew")),
        }
    }

    /// The socket, to wait on: writable when there is room, in error when the interface went away.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Sends whole Ethernet frames, at most [`MAX_BURST`]; further ones are left unasked for. Never blocks.
    pub fn send<'a>(&mut self, frames: impl IntoIterator<Item = &'a [u8]>) -> Sent {
        // SAFETY: all-zero bytes are valid in both: null pointers and lengths of 0.
        let (mut parts, mut messages): ([libc::iovec; MAX_BURST], [libc::mmsghdr; MAX_BURST]) =
            unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        let mut count = 0;
        for (frame, (part, message)) in frames.into_iter().zip(parts.iter_mut().zip(messages.iter_mut())) {
            part.iov_base = frame.as_ptr().cast_mut().cast();
            part.iov_len = frame.len();
            message.msg_hdr.msg_iov = part;
            message.msg_hdr.msg_iovlen = 1;
            count += 1;
        }
        let mut accepted = 0;
        while accepted < count {
            let rest = &mut messages[accepted..count];
            // SAFETY: `rest` is an array of messages whose parts point to the callers' frames; all are borrowed until the
            // end of this function, and the kernel only reads the frames.
            let result = raw::check(unsafe {
                libc::sendmmsg(self.fd.as_raw_fd(), rest.as_mut_ptr(), rest.len() as libc::c_uint, libc::MSG_DONTWAIT)
            });
            match result {
                Ok(sent) => accepted += sent as usize,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Sent { accepted, stop: Some(SendStop::of(error)) },
            }
        }
        Sent { accepted, stop: None }
    }
}

impl SendStop {
    fn of(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM) => Self::Full,
            // EINVAL: shorter than the link header.
            Some(libc::EMSGSIZE | libc::EINVAL) => Self::BadFrame,
            _ => Self::Gone(error),
        }
    }
}
