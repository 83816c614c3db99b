//! The sending port.
use super::{Interface, PATIENCE, copies, state, turned};
use crate::io::sys::xdp::tx::{Stop, TxHalf};
use crate::packet::Packet;
use crate::port::{Sent, Transmit, XdpDevice};
use crate::reason::Reason;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

/// Sends through a queue of an interface.
pub struct XdpTx {
    interface: Arc<Interface>,
    device: XdpDevice,
    /// `None` while the interface is gone.
    half: Option<TxHalf>,
    up: bool,
    news: Option<String>,
}

impl XdpTx {
    /// Opens the device's first queue.
    ///
    /// # Errors
    /// What is wrong, and what to do about it.
    pub fn open(interface: Arc<Interface>, device: &XdpDevice) -> io::Result<XdpTx> {
        let half = Some(interface.take_tx(device, PATIENCE)?);
        Ok(XdpTx { interface, device: device.clone(), half, up: true, news: None })
    }

    fn lost(&mut self, why: &io::Error) {
        if let Some(half) = self.half.take() {
            self.interface.give_tx(self.device.queue, half, true);
        }
        self.up = false;
        self.news = Some(format!("{}: cannot send: {why}; trying to open it again", self.device.name));
    }
}

impl Transmit for XdpTx {
    fn transmit(&mut self, packets: &[Packet]) -> Sent {
        let Some(half) = self.half.as_mut().filter(|_| self.up) else { return Sent::Refused(Reason::PortDown) };
        let (taken, stop) = half.send(packets.iter().map(Packet::data));
        match stop {
            // The interface may be down only: looking after it tells.
            Some(Stop::Gone(_)) => {
                self.up = false;
                self.news = Some(format!("{}: the interface is down", self.device.name));
                if taken > 0 { Sent::Some(taken) } else { Sent::Refused(Reason::PortDown) }
            }
            _ if taken > 0 => Sent::Some(taken),
            Some(Stop::BadFrame) => Sent::Refused(Reason::Oversize),
            Some(Stop::Full) | None => Sent::Full,
        }
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.half.as_ref().map(TxHalf::fd)
    }

    fn flush(&mut self) {
        // Frames that find no way stay in the ring; there is nobody to tell.
        let _ = self.half.as_mut().map(TxHalf::kick);
    }

    fn maintain(&mut self) -> (bool, Option<String>) {
        let name = self.device.name.clone();
        if let Some(half) = &mut self.half {
            match half.check().and_then(|()| state(&name, half.ifindex())) {
                Ok(up) => {
                    self.news = self.news.take().or_else(|| turned(&name, &mut self.up, up));
                    if up {
                        self.up = true;
                        self.flush();
                    }
                }
                Err(why) => self.lost(&why),
            }
        }
        if self.half.is_none()
            && let Ok(half) = self.interface.take_tx(&self.device, Duration::ZERO)
        {
            (self.half, self.up) = (Some(half), true);
            self.news = Some(format!("{name}: sending again"));
        }
        (self.up && self.half.is_some(), self.news.take())
    }

    /// `mode`, such as `copy`.
    fn ask(&self, what: &str) -> Option<String> {
        (what == "mode").then(|| self.half.as_ref().map_or("closed", |half| copies(half.is_zero_copy())).into())
    }
}

impl Drop for XdpTx {
    fn drop(&mut self) {
        self.flush();
        if let Some(half) = self.half.take() {
            self.interface.give_tx(self.device.queue, half, false);
        }
    }
}
