//! Ports on network interfaces of the kernel, through AF_XDP sockets: frames are taken before the host's stack sees them, so
//! the host does not get them.
//!
//! Frames are copied between the memory shared with the kernel and packets. There is no metadata beside a frame: checksums
//! that a sender in the same machine left for hardware are found by their value and filled in (`gso::unfilled`).
mod share;
#[cfg(test)]
mod tests;
mod tx;

use super::gso;
use super::sys::xdp::rx::RxHalf;
use super::sys::{interface, offload};
use crate::packet::PacketKind;
use crate::port::{FrameMeta, Receive, Rx, XdpDevice};
use crate::reason::Reason;
use rustix::event::epoll;
pub use share::Interface;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;
pub use tx::XdpTx;

/// How long a queue may be in use when a port is opened for the first time.
const PATIENCE: Duration = Duration::from_millis(500);

/// Receives from queues of an interface.
pub struct XdpRx {
    interface: Arc<Interface>,
    device: XdpDevice,
    promiscuous: bool,
    /// `None` while the interface is gone.
    open: Option<Open>,
    /// Whether the interface is up.
    up: bool,
    news: Option<String>,
}

/// What is there while the interface is.
struct Open {
    /// The sockets' halves, from the first queue on.
    queues: Vec<RxHalf>,
    /// The queue that is asked first.
    first: usize,
    /// Waits for all queues, if there are several.
    epoll: Option<OwnedFd>,
    /// Keeps the interface promiscuous.
    _promiscuous: Option<OwnedFd>,
    /// Ethernet address of the interface.
    mac: [u8; 6],
    /// Senders may have left checksums for hardware that is not there.
    completes: bool,
}

impl XdpRx {
    /// Opens the device's queues.
    ///
    /// # Errors
    /// What is wrong, and what to do about it.
    pub fn open(interface: Arc<Interface>, device: &XdpDevice, promiscuous: bool) -> io::Result<XdpRx> {
        let mut port = XdpRx { interface, device: device.clone(), promiscuous, open: None, up: true, news: None };
        port.reopen(PATIENCE)?;
        port.news = Some(format!("{}: AF_XDP, {}", device.name, port.mode()));
        Ok(port)
    }

    fn reopen(&mut self, patience: Duration) -> io::Result<()> {
        let mut queues = Vec::new();
        for number in (self.device.queue..).take(self.device.queues as usize) {
            match self.interface.take_rx(&self.device, number, patience) {
                Ok(half) => queues.push(half),
                Err(error) => {
                    self.close(queues, false);
                    return Err(error);
                }
            }
        }
        let name = &self.device.name;
        let set_up = || {
            let native = queues.iter().all(|half| half.is_native() == Some(true));
            Ok(Open {
                first: 0,
                epoll: (queues.len() > 1).then(|| wait_for_all(&queues)).transpose()?,
                _promiscuous: self.promiscuous.then(|| interface::make_promiscuous(name)).transpose()?,
                mac: interface::read(name)?.mac,
                // A driver that runs the program has its hardware's checksums filled in; software has no hardware.
                completes: !(native && offload::is_physical(name).unwrap_or(false)),
                queues: Vec::new(),
            })
        };
        match set_up() {
            Ok(open) => {
                self.open = Some(Open { queues, ..open });
                self.up = true;
                Ok(())
            }
            Err(error) => {
                self.close(queues, false);
                Err(error)
            }
        }
    }

    fn close(&self, queues: Vec<RxHalf>, broken: bool) {
        for (number, half) in (self.device.queue..).zip(queues) {
            self.interface.give_rx(number, half, broken);
        }
    }

    fn lost(&mut self, why: &io::Error) {
        if let Some(open) = self.open.take() {
            self.close(open.queues, true);
        }
        self.up = false;
        self.news = Some(format!("{}: cannot receive: {why}; trying to open it again", self.device.name));
    }
}

/// A descriptor that is readable when one of the sockets is.
fn wait_for_all(queues: &[RxHalf]) -> io::Result<OwnedFd> {
    let all = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for half in queues {
        epoll::add(&all, half.fd(), epoll::EventData::new_u64(0), epoll::EventFlags::IN)?;
    }
    Ok(all)
}

/// To whom a frame is addressed.
fn kind(frame: &[u8], mac: &[u8; 6]) -> PacketKind {
    match frame.first_chunk::<6>() {
        Some([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]) => PacketKind::Broadcast,
        // IEEE 802: the first bit on the wire says that it is a group.
        Some([first, ..]) if first & 1 != 0 => PacketKind::Multicast,
        Some(to) if to == mac => PacketKind::Host,
        _ => PacketKind::OtherHost,
    }
}

/// Puts one frame into the batch.
#[inline]
fn deliver(frame: &[u8], mac: &[u8; 6], completes: bool, rx: &mut Rx<'_>) {
    let meta = FrameMeta { kind: kind(frame, mac), ..FrameMeta::default() };
    let Some(todo) = completes.then(|| gso::unfilled(frame)).flatten() else { return rx.frame(&[frame], meta) };
    let done = gso::segment(frame, &todo, &mut |head, payload| {
        rx.frame(&[head, payload], meta);
        true
    });
    if done.is_err() {
        rx.lose(Reason::BadOffload, frame.len());
    }
}

impl Receive for XdpRx {
    fn receive(&mut self, rx: &mut Rx<'_>) {
        let Some(open) = &mut self.open else { return };
        let Open { queues, first, mac, completes, .. } = open;
        let count = queues.len();
        let mut failed = None;
        for number in (*first..count).chain(0..*first) {
            if rx.room() == 0 {
                break;
            }
            if let Err(why) = queues[number].receive(rx.room(), |frame| deliver(frame, mac, *completes, rx)) {
                failed = Some(why);
            }
        }
        *first = (*first + 1) % count.max(1);
        if let Some(why) = failed {
            self.lost(&why);
        }
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        let open = self.open.as_ref()?;
        open.epoll.as_ref().map(AsFd::as_fd).or_else(|| open.queues.first().map(RxHalf::fd))
    }

    fn kernel_drops(&mut self) -> u64 {
        self.open.iter_mut().flat_map(|open| &mut open.queues).map(RxHalf::kernel_drops).sum()
    }

    fn maintain(&mut self) -> (bool, Option<String>) {
        let name = self.device.name.clone();
        if let Some(open) = &self.open {
            let index = open.queues.first().map_or(0, RxHalf::ifindex);
            let checked = open.queues.iter().try_for_each(RxHalf::check);
            match checked.and_then(|()| state(&name, index)) {
                Ok(up) => self.news = self.news.take().or_else(|| turned(&name, &mut self.up, up)),
                Err(why) => self.lost(&why),
            }
        }
        if self.open.is_none() && self.reopen(Duration::ZERO).is_ok() {
            self.news = Some(format!("{name}: receiving again, AF_XDP, {}", self.mode()));
        }
        (self.up && self.open.is_some(), self.news.take())
    }

    /// `mode`, such as `native, copy`.
    fn ask(&self, what: &str) -> Option<String> {
        (what == "mode").then(|| self.mode())
    }
}

impl XdpRx {
    fn mode(&self) -> String {
        let Some(open) = &self.open else { return "closed".into() };
        let native = open.queues.iter().all(|half| half.is_native() == Some(true));
        let zero_copy = open.queues.iter().all(RxHalf::is_zero_copy);
        format!("{}, {}", if native { "native" } else { "generic" }, copies(zero_copy))
    }
}

impl Drop for XdpRx {
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            self.close(open.queues, false);
        }
    }
}

fn copies(zero_copy: bool) -> &'static str {
    if zero_copy { "zero-copy" } else { "copy" }
}

/// Whether the interface with this number is up.
///
/// # Errors
/// It is gone, or another one has its name.
fn state(name: &str, index: u32) -> io::Result<bool> {
    match interface::index_if_up(name) {
        Ok(now) if now == index => Ok(true),
        Ok(_) => Err(io::Error::new(io::ErrorKind::NotFound, "the interface was made anew")),
        Err(error) if error.kind() == io::ErrorKind::NetworkDown => Ok(false),
        Err(error) => Err(error),
    }
}

/// What there is to say when an interface goes down or comes up; the socket stays.
fn turned(name: &str, was: &mut bool, up: bool) -> Option<String> {
    (std::mem::replace(was, up) != up).then(|| {
        let text = if up { "the interface is up again" } else { "the interface is down" };
        format!("{name}: {text}")
    })
}
