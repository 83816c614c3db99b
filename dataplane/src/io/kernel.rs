//! Ports on network interfaces of the kernel, through packet sockets.
//!
//! What the host's offloads left undone is done here: super-frames are cut into frames of wire size
//! with right checksums, VLAN tags that the kernel stripped are put back. So a graph sees what a
//! wire would have carried.
use super::gso;
use super::sys::fanout::Fanout;
use super::sys::ring::{PacketType, RingConfig, RxFrame, RxRing};
use super::sys::tx::{SendStop, TxSocket};
use crate::packet::{Packet, PacketKind};
use crate::port::{FrameMeta, Receive, Rx, Sent, Transmit};
use crate::reason::Reason;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

/// Receives from an interface.
pub struct KernelRx {
    name: String,
    config: RingConfig,
    /// Those that it shares the frames with.
    group: Option<Arc<Fanout>>,
    /// `None` while the interface is down or gone.
    ring: Option<RxRing>,
    /// Drops of rings that were closed, and those of this ring that were told already.
    told_drops: u64,
    news: Option<String>,
}

impl KernelRx {
    /// Opens the interface `name`; those of one `group` share its frames, all of a flow going to the same.
    ///
    /// # Errors
    /// As [`RxRing::open`]: it does not exist, is down, or the process may not.
    pub fn open(name: &str, promiscuous: bool, group: Option<Arc<Fanout>>) -> io::Result<KernelRx> {
        let config = RingConfig { promiscuous, ..RingConfig::default() };
        let ring = RxRing::open_shared(name, config, group.as_ref())?;
        Ok(KernelRx { name: name.into(), config, group, ring: Some(ring), told_drops: 0, news: None })
    }

    fn lost(&mut self, why: &io::Error) {
        self.ring = None;
        self.told_drops = 0;
        self.news = Some(format!("{}: cannot receive: {why}; trying to open it again", self.name));
    }
}

/// Puts one frame of the ring, or what it is cut into, into the batch.
fn deliver(frame: &RxFrame<'_>, rx: &mut Rx<'_>) {
    if frame.is_truncated() {
        return rx.lose(Reason::Oversize, frame.wire_len);
    }
    let meta = FrameMeta {
        timestamp: frame.timestamp_ns,
        kind: match frame.packet_type {
            PacketType::Host => PacketKind::Host,
            PacketType::Broadcast => PacketKind::Broadcast,
            PacketType::Multicast => PacketKind::Multicast,
            PacketType::OtherHost => PacketKind::OtherHost,
        },
        extra_length: 0,
    };
    let mut tag = [0; 4];
    let tag = match frame.vlan {
        Some(v) => {
            tag[..2].copy_from_slice(&v.tpid.to_be_bytes());
            tag[2..].copy_from_slice(&v.tci.to_be_bytes());
            &tag[..]
        }
        None => &[],
    };
    let mut whole = |head: &[u8], payload: &[u8]| {
        // IEEE 802.1Q: the tag stands behind the two addresses.
        let (addresses, rest) = head.split_at(head.len().min(12));
        rx.frame(&[addresses, tag, rest, payload], meta);
        true
    };
    match &frame.vnet {
        Some(v) if !v.is_plain() => {
            if gso::segment(frame.data, v, &mut whole).is_err() {
                rx.lose(Reason::BadOffload, frame.wire_len);
            }
        }
        None if frame.checksum_not_ready => rx.lose(Reason::BadOffload, frame.wire_len),
        _ => {
            whole(frame.data, &[]);
        }
    }
}

impl Receive for KernelRx {
    fn receive(&mut self, rx: &mut Rx<'_>) {
        let Some(ring) = &mut self.ring else { return };
        // One at a time: a super-frame becomes many packets, and what is over the room would only wait
        // in a queue of the graph, or be lost there.
        while rx.room() > 0 {
            match ring.receive(1, |frame| deliver(&frame, rx)) {
                Ok(0) => return,
                Ok(_) => {}
                Err(why) => return self.lost(&why),
            }
        }
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.ring.as_ref().map(RxRing::fd)
    }

    fn kernel_drops(&mut self) -> u64 {
        let now = self.ring.as_mut().and_then(|r| r.kernel_drops().ok()).unwrap_or(self.told_drops);
        now - std::mem::replace(&mut self.told_drops, now)
    }

    fn maintain(&mut self) -> (bool, Option<String>) {
        if let Some(ring) = &mut self.ring
            && let Err(why) = ring.check()
        {
            self.lost(&why);
        }
        if self.ring.is_none()
            && let Ok(ring) = RxRing::open_shared(&self.name, self.config, self.group.as_ref())
        {
            self.ring = Some(ring);
            self.news = Some(format!("{}: receiving again", self.name));
        }
        (self.ring.is_some(), self.news.take())
    }
}

/// Sends through an interface.
pub struct KernelTx {
    name: String,
    socket: Option<TxSocket>,
    news: Option<String>,
}

impl KernelTx {
    /// Opens the interface `name`.
    ///
    /// # Errors
    /// As [`TxSocket::open`]: it does not exist, is down, or the process may not.
    pub fn open(name: &str) -> io::Result<KernelTx> {
        Ok(KernelTx { name: name.into(), socket: Some(TxSocket::open(name, false)?), news: None })
    }

    fn lost(&mut self, why: &io::Error) {
        self.socket = None;
        self.news = Some(format!("{}: cannot send: {why}; trying to open it again", self.name));
    }
}

impl Transmit for KernelTx {
    fn transmit(&mut self, packets: &[Packet]) -> Sent {
        let Some(socket) = &mut self.socket else { return Sent::Refused(Reason::PortDown) };
        let sent = socket.send(packets.iter().map(Packet::data));
        match sent.stop {
            _ if sent.accepted > 0 => Sent::Some(sent.accepted),
            Some(SendStop::BadFrame) => Sent::Refused(Reason::Oversize),
            Some(SendStop::Gone(why)) => {
                self.lost(&why);
                Sent::Refused(Reason::PortDown)
            }
            Some(SendStop::Full) | None => Sent::Full,
        }
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.socket.as_ref().map(TxSocket::fd)
    }

    fn maintain(&mut self) -> (bool, Option<String>) {
        if let Some(Err(why)) = self.socket.as_ref().map(TxSocket::check) {
            self.lost(&why);
        }
        if self.socket.is_none()
            && let Ok(socket) = TxSocket::open(&self.name, false)
        {
            self.socket = Some(socket);
            self.news = Some(format!("{}: sending again", self.name));
        }
        (self.socket.is_some(), self.news.take())
    }
}
