//! Ports: where packets enter and leave the engine. They belong to the engine, one object for each
//! direction; elements name them by number, so a new graph goes on with open ports.
use crate::batch::Batch;
use crate::count::{ByReason, Count};
use crate::packet::{Packet, PacketKind};
use crate::pool::{Cache, MAX_FRAME};
use crate::reason::{REASONS, Reason};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
#[cfg(feature = "std")]
use std::os::fd::BorrowedFd;

/// A receiving or transmitting port of an engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct PortId(pub(crate) u16);

/// What kind of device a port is on.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub enum Device {
    /// A network interface of the kernel, through packet sockets.
    Kernel(String),
    /// A TAP or TUN interface that the port makes.
    Tun(TunDevice),
    /// UDP datagrams of a multicast group.
    Multicast(MulticastDevice),
}

/// A multicast group and how it is joined.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct MulticastDevice {
    /// What it is called.
    pub name: String,
    /// Whose it is: two elements in one group are two members.
    pub element: String,
    /// Address and UDP port of the group.
    pub group: (core::net::Ipv4Addr, u16),
    /// Address and UDP port that is sent from (port 0: chosen by the kernel). The interface with this
    /// address is used, and what comes from here is not received.
    pub source: Option<(core::net::Ipv4Addr, u16)>,
    /// Members on this machine get what is sent, too.
    pub looped: bool,
    /// Sizes of the kernel's buffers for receiving and sending, bytes, if not its own.
    pub buffers: [Option<u32>; 2],
    /// Longest datagram that is received whole, bytes.
    pub snaplen: u32,
}

/// A TAP or TUN interface and how it is set up.
#[derive(Clone, PartialEq, Eq, Debug, Hash, Default)]
pub struct TunDevice {
    /// Interface name; in `tun%d`, the kernel chooses a number.
    pub name: String,
    /// Ethernet frames (TAP), not IP packets (TUN).
    pub tap: bool,
    /// Address of the host's end and its prefix length, if it gets one.
    pub address: Option<(core::net::Ipv4Addr, u8)>,
    /// MTU, bytes; 0 keeps the default.
    pub mtu: u16,
}

impl Device {
    /// The interface's name.
    pub fn name(&self) -> &str {
        match self {
            Device::Kernel(name) => name,
            Device::Tun(t) => &t.name,
            Device::Multicast(m) => &m.name,
        }
    }
}

/// Which way packets go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Direction {
    /// Into the engine.
    Receive,
    /// Out of the engine.
    Transmit,
}

/// What an element asks for. Two that are equal in device and direction are one port.
#[derive(Clone, Debug)]
pub struct PortSpec {
    /// The device.
    pub device: Device,
    /// The direction.
    pub direction: Direction,
    /// See frames for other hosts too.
    pub promiscuous: bool,
}

/// Which worker opens a port, and of how many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seat {
    /// The worker's number.
    pub worker: usize,
    /// Number of workers.
    pub workers: usize,
    /// No other worker uses the port.
    pub alone: bool,
}

impl Seat {
    /// The only worker.
    pub const ONLY: Seat = Seat { worker: 0, workers: 1, alone: true };
}

impl PortSpec {
    /// Whether both ask for the same port.
    pub fn same_port(&self, other: &PortSpec) -> bool {
        self.direction == other.direction
            && match (&self.device, &other.device) {
                // A name with a number to be chosen may become several interfaces.
                (Device::Tun(a), Device::Tun(b)) if !a.name.contains('%') => a.name == b.name,
                (a, b) => a == b,
            }
    }
}

/// What a port did, readable from any thread.
#[derive(Default, Debug)]
pub struct PortCounters {
    /// Frames that crossed the port; received ones include those dropped on the way in.
    pub packets: Count,
    /// Their bytes.
    pub bytes: Count,
    /// Frames that the kernel or the NIC lost before the port saw them.
    pub kernel_drops: Count,
    /// Frames dropped by the port, by reason.
    pub dropped: ByReason,
    /// 1 while the device is there and up.
    pub up: Count,
}

/// What comes with a received frame.
#[derive(Clone, Copy, Default, Debug)]
pub struct FrameMeta {
    /// Nanoseconds since the Unix epoch; 0 when unknown.
    pub timestamp: u64,
    /// To whom it was addressed.
    pub kind: PacketKind,
    /// Bytes that were on the wire but not captured.
    pub extra_length: u32,
}

/// Where a port puts the frames of one call of [`Receive::receive`].
pub struct Rx<'a> {
    pub(crate) cache: &'a mut Cache,
    pub(crate) batch: &'a mut Batch,
    pub(crate) counters: &'a PortCounters,
    pub(crate) room: usize,
    /// Frames that were lost here, by reason; the engine counts them against the element.
    pub(crate) lost: [u32; REASONS],
}

impl Rx<'_> {
    /// Frames that may still be delivered in this call.
    #[inline]
    pub fn room(&self) -> usize {
        self.room.saturating_sub(self.batch.len())
    }

    /// Delivers a frame, given in pieces. A frame that no buffer takes is a counted drop.
    #[inline]
    pub fn frame(&mut self, pieces: &[&[u8]], meta: FrameMeta) {
        let len = pieces.iter().map(|p| p.len()).sum();
        if len > MAX_FRAME {
            return self.lose(Reason::Oversize, len);
        }
        let Some(mut p) = self.cache.alloc() else { return self.lose(Reason::NoBuffer, len) };
        if !pieces.iter().all(|piece| p.append(piece)) {
            self.cache.free(p);
            return self.lose(Reason::Oversize, len);
        }
        p.set_mac_off(0);
        p.set_kind(meta.kind);
        if meta.timestamp != 0 {
            p.set_timestamp(meta.timestamp);
        }
        if meta.extra_length != 0 {
            p.set_extra_length(meta.extra_length);
        }
        self.deliver(p);
    }

    /// Delivers a packet.
    #[inline]
    fn deliver(&mut self, p: Packet) {
        self.counters.packets.add(1);
        self.counters.bytes.add(p.len() as u64);
        self.batch.push(p);
    }

    /// Counts a frame of `len` bytes that was seen and lost.
    #[cold]
    pub fn lose(&mut self, why: Reason, len: usize) {
        self.counters.packets.add(1);
        self.counters.bytes.add(len as u64);
        self.counters.dropped[why as usize].add(1);
        self.lost[why as usize] += 1;
    }
}

/// The receiving side of a device.
pub trait Receive: Send {
    /// Delivers frames that are there, at most [`Rx::room`]. Never blocks.
    fn receive(&mut self, rx: &mut Rx<'_>);
    /// Descriptor that becomes readable when frames come; `None` for ports that must be asked.
    #[cfg(feature = "std")]
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
    /// Frames that the kernel or the NIC lost since the last call because nobody took them in time.
    fn kernel_drops(&mut self) -> u64 {
        0
    }
    /// Whether the device is there. Called a few times a second: a port whose device went away
    /// tries to open it again. `Some` text when that changed, to be reported.
    fn maintain(&mut self) -> (bool, Option<String>) {
        (true, None)
    }
    /// Whether no frame will ever come again (a file's end).
    fn exhausted(&self) -> bool {
        false
    }
    /// What ended the port before its time (a damaged file); given out once.
    fn failure(&mut self) -> Option<String> {
        None
    }
}

/// What became of the packets handed to [`Transmit::transmit`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// So many from the start were sent; at least one.
    Some(usize),
    /// None can be sent now; try again when the descriptor is writable.
    Full,
    /// The first packet cannot be sent, for this reason; the others may be.
    Refused(Reason),
}

/// The transmitting side of a device.
pub trait Transmit: Send {
    /// Sends packets from the start of `packets`, which is not empty. Never blocks.
    fn transmit(&mut self, packets: &[Packet]) -> Sent;
    /// Descriptor that becomes writable when there is room again.
    #[cfg(feature = "std")]
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
    /// Hands over what the port itself still buffers.
    fn flush(&mut self) {}
    /// As [`Receive::maintain`].
    fn maintain(&mut self) -> (bool, Option<String>) {
        (true, None)
    }
    /// Why packets that it took never got where they should (a full disk); given out once.
    fn failure(&mut self) -> Option<String> {
        None
    }
}

/// A port's object for one direction.
pub enum PortObject {
    /// Receives.
    Rx(Box<dyn Receive>),
    /// Transmits.
    Tx(Box<dyn Transmit>),
}

/// A port as the engine keeps it.
pub struct PortSlot {
    /// What an element asked for.
    pub spec: PortSpec,
    /// The device.
    pub object: PortObject,
    /// Shared with whoever shows them.
    pub counters: Arc<PortCounters>,
    /// The last transmit found no room.
    pub(crate) blocked: bool,
}

impl PortSlot {
    /// A port that has not moved a packet yet.
    pub fn new(spec: PortSpec, object: PortObject) -> PortSlot {
        let counters = Arc::new(PortCounters::default());
        counters.up.add(1);
        PortSlot { spec, object, counters, blocked: false }
    }

    /// Looks after the device, brings the counters up to date, and gives what there is to report.
    pub fn news(&mut self) -> Option<String> {
        let (up, news) = match &mut self.object {
            PortObject::Rx(d) => {
                self.counters.kernel_drops.add(d.kernel_drops());
                d.maintain()
            }
            PortObject::Tx(d) => d.maintain(),
        };
        self.counters.up.set(up.into());
        news
    }

    /// What went wrong for good at the port, once everything that it buffers is handed over.
    pub(crate) fn failure(&mut self) -> Option<String> {
        match &mut self.object {
            PortObject::Rx(d) => d.failure(),
            PortObject::Tx(d) => {
                d.flush();
                d.failure()
            }
        }
    }

    /// Whether it receives, and will never bring another frame.
    pub fn is_exhausted(&self) -> bool {
        matches!(&self.object, PortObject::Rx(d) if d.exhausted())
    }

    /// Whether the last transmit found no room.
    pub fn is_blocked(&self) -> bool {
        self.blocked
    }
}
