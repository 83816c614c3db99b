//! TAP and TUN devices: frames to and from the kernel's own network stack (Linux `tuntap` documentation).
//!
//! Offloads are switched off at the device, so every frame that the kernel hands over is complete, and no larger than the
//! MTU: no metadata goes with frames, and the device is opened without a vnet header.
use super::{interface, raw};
use rustix::fs::{Mode, OFlags};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What a device carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TapKind {
    /// Ethernet frames.
    Tap,
    /// IP packets without a link header.
    Tun,
}

/// An open TAP or TUN device. The interface goes away with it, unless it is a persistent one made elsewhere.
#[derive(Debug)]
pub struct Tap {
    fd: OwnedFd,
    name: String,
    kind: TapKind,
}

impl Tap {
    /// Makes an interface called `name`, or takes an existing persistent one; without a name, or with a `%d` in it, the kernel
    /// chooses a number. It is down and has no address yet.
    ///
    /// # Errors
    /// [`interface::InterfaceError::Forbidden`]; `EBUSY` if somebody has it open; `EINVAL` if it exists and is something else;
    /// `ENOENT` if the kernel has no `/dev/net/tun`.
    pub fn open(name: Option<&str>, kind: TapKind) -> io::Result<Self> {
        let shown = name.unwrap_or("/dev/net/tun");
        let fd = rustix::fs::open("/dev/net/tun", OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| match error {
                rustix::io::Errno::NOENT | rustix::io::Errno::NODEV | rustix::io::Errno::NXIO => io::Error::new(
                    io::ErrorKind::NotFound,
                    "no /dev/net/tun: load the kernel's tun module (modprobe tun)",
                ),
                other => interface::explain(shown, other.into()),
            })?;
        let wanted = match name {
            Some(name) => name,
            None if kind == TapKind::Tap => "tap%d",
            None => "tun%d",
        };
        let mut request = raw::interface_request(&interface::c_name(wanted)?)?;
        let carries = match kind {
            TapKind::Tap => libc::IFF_TAP,
            TapKind::Tun => libc::IFF_TUN,
        };
        request.ifr_ifru.ifru_flags = (carries | libc::IFF_NO_PI) as libc::c_short;
        // SAFETY: TUNSETIFF reads and writes an `ifreq`.
        unsafe { raw::interface_ioctl(fd.as_fd(), libc::TUNSETIFF, &mut request) }
            .map_err(|error| interface::explain(shown, error))?;
        // A persistent device keeps the offloads that its last user allowed.
        // SAFETY: TUNSETOFFLOAD takes a number.
        unsafe { raw::value_ioctl(fd.as_fd(), libc::TUNSETOFFLOAD, 0) }?;
        let name = request.ifr_name.iter().take_while(|c| **c != 0).map(|c| char::from(*c as u8)).collect();
        Ok(Self { fd, name, kind })
    }

    /// The interface's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it carries.
    pub fn kind(&self) -> TapKind {
        self.kind
    }

    /// The device, to wait on: readable when the kernel sent a frame, writable when it has room.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Takes one frame that the kernel sent into `frame`, and says how long it is; `None` if there is none. A frame that does
    /// not fit is cut: room for the MTU and 18 bytes (Ethernet header and a VLAN tag) fits all.
    ///
    /// # Errors
    /// `ENETDOWN` while the interface is down, `EBADFD` when it was deleted.
    pub fn read(&self, frame: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match rustix::io::read(&self.fd, &mut *frame) {
                Ok(len) => return Ok(Some(len)),
                Err(rustix::io::Errno::AGAIN) => return Ok(None),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(failure(error)),
            }
        }
    }

    /// Gives one frame to the kernel; `false` if it has no room now.
    ///
    /// # Errors
    /// `EINVAL` for a frame without a whole header, `ENETDOWN` while the interface is down, `EBADFD` when it was deleted.
    pub fn write(&self, frame: &[u8]) -> io::Result<bool> {
        loop {
            match rustix::io::write(&self.fd, frame) {
                Ok(_) => return Ok(true),
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::NOBUFS) => return Ok(false),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(failure(error)),
            }
        }
    }
}

/// The device says `EIO` where a socket says that the network is down.
fn failure(error: rustix::io::Errno) -> io::Error {
    match error {
        rustix::io::Errno::IO => io::Error::from_raw_os_error(libc::ENETDOWN),
        other => other.into(),
    }
}
