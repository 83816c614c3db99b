//! Ports on a TAP or TUN interface: the host's end is a network interface of the kernel, the other
//! end is this port.
use super::sys::interface;
use super::sys::tap::{Tap, TapKind};
use crate::packet::Packet;
use crate::pool::MAX_FRAME;
use crate::port::{FrameMeta, Receive, Rx, Sent, Transmit, TunDevice};
use crate::reason::Reason;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

/// Makes the interface and sets it up: address, MTU, up.
///
/// # Errors
/// The interface cannot be made (no permission, name taken), or set up as wanted.
pub fn make(device: &TunDevice) -> io::Result<Arc<Tap>> {
    let name = (!device.name.is_empty()).then_some(device.name.as_str());
    let tap = Tap::open(name, if device.tap { TapKind::Tap } else { TapKind::Tun })?;
    if device.mtu != 0 {
        interface::set_mtu(tap.name(), device.mtu.into())?;
    }
    if let Some((address, prefix)) = device.address {
        interface::set_ipv4(tap.name(), address, prefix)?;
    }
    interface::bring_up(tap.name())?;
    Ok(Arc::new(tap))
}

/// Receives what the host sends to the interface.
pub struct TunRx {
    tap: Arc<Tap>,
    frame: Box<[u8; MAX_FRAME]>,
    up: bool,
}

impl TunRx {
    /// The receiving side of an interface that [`make`] has made.
    pub fn new(tap: Arc<Tap>) -> TunRx {
        TunRx { tap, frame: Box::new([0; MAX_FRAME]), up: true }
    }
}

impl Receive for TunRx {
    fn receive(&mut self, rx: &mut Rx<'_>) {
        while rx.room() > 0 {
            match self.tap.read(&mut self.frame[..]) {
                Ok(Some(n)) => rx.frame(&[&self.frame[..n.min(MAX_FRAME)]], FrameMeta::default()),
                Ok(None) => break,
                Err(_) => {
                    self.up = false;
                    break;
                }
            }
        }
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.up.then(|| self.tap.fd())
    }

    fn maintain(&mut self) -> (bool, Option<String>) {
        let was = std::mem::replace(&mut self.up, true); // the next read finds out
        (was, (!was).then(|| format!("{}: the interface is down", self.tap.name())))
    }
}

/// Sends to the host through the interface.
pub struct TunTx(Arc<Tap>);

impl TunTx {
    /// The sending side of an interface that [`make`] has made.
    pub fn new(tap: Arc<Tap>) -> TunTx {
        TunTx(tap)
    }
}

impl Transmit for TunTx {
    fn transmit(&mut self, packets: &[Packet]) -> Sent {
        for (i, p) in packets.iter().enumerate() {
            let refused = match self.0.write(p.data()) {
                Ok(true) => continue,
                Ok(false) => Sent::Full,
                Err(e) if e.raw_os_error() == Some(libc::EINVAL) => Sent::Refused(Reason::Truncated),
                Err(_) => Sent::Refused(Reason::PortDown),
            };
            return if i > 0 { Sent::Some(i) } else { refused };
        }
        Sent::Some(packets.len())
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.0.fd())
    }
}
