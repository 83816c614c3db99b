//! Ports: where packets enter and leave the engine. They belong to the engine, one object for each
//! direction; elements name them by number, so a new graph goes on with open ports.
use crate::batch::Batch;
use crate::count::{ByReason, Count, Counts};
use crate::packet::{Packet, PacketKind};
use crate::pool::Cache;
use crate::reason::Reason;
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
    /// A port of DPDK.
    Dpdk(DpdkDevice),
    /// A network interface of the kernel, through AF_XDP sockets.
    Xdp(XdpDevice),
}

/// A port of DPDK, and what an element wants of it.
#[derive(Clone, PartialEq, Eq, Debug, Hash, Default)]
pub struct DpdkDevice {
    /// Its number, its PCI address, or the name of its virtual device.
    pub name: String,
    /// First queue that is used.
    pub queue: u16,
    /// Queues that are used; `None`: one for each worker.
    pub queues: Option<u16>,
    /// Descriptors of each queue, if not the default.
    pub descriptors: Option<u16>,
    /// Largest packet behind the Ethernet header, bytes, if it is to be set.
    pub mtu: Option<u16>,
    /// How frames are spread over receiving queues.
    pub spread: Spread,
    /// The device is to check the checksums of what it receives.
    pub checksum: bool,
    /// The device is to take the VLAN tag off.
    pub vlan_strip: bool,
}

/// How frames are spread over receiving queues.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub enum Spread {
    /// By a hash of addresses and ports if there is more than one queue and the driver can; else as the device does.
    #[default]
    Auto,
    /// By a hash (RSS); an error where the driver cannot.
    Rss,
    /// As the device does.
    None,
}

/// A network interface and how AF_XDP is used on it. `None` and `Auto` accept what is there: both directions of a queue
/// share one socket.
#[derive(Clone, PartialEq, Eq, Debug, Hash, Default)]
pub struct XdpDevice {
    /// Interface name.
    pub name: String,
    /// First queue.
    pub queue: u32,
    /// Queues that are received from, at least 1.
    pub queues: u32,
    /// Where frames are taken.
    pub mode: XdpMode,
    /// Whether frames are copied.
    pub copy: XdpCopy,
    /// Frames that a queue holds in each direction, a power of two.
    pub ring: Option<u32>,
}

/// Where an XDP program runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub enum XdpMode {
    /// In the driver where that can, else in the kernel's stack.
    #[default]
    Auto,
    /// In the driver.
    Native,
    /// Where the kernel's stack begins, with any driver.
    Generic,
}

/// Whether the kernel copies frames between its memory and that of an AF_XDP socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub enum XdpCopy {
    /// Only where the driver cannot do without.
    #[default]
    Auto,
    /// Always.
    Copy,
    /// Never.
    ZeroCopy,
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
            Device::Dpdk(d) => &d.name,
            Device::Xdp(x) => &x.name,
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
                (Device::Dpdk(a), Device::Dpdk(b)) => (&a.name, a.queue, a.queues) == (&b.name, b.queue, b.queues),
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
    /// The element's counters.
    pub(crate) counts: &'a Counts,
    /// Frames that were lost here.
    pub(crate) lost: u64,
    /// Somebody will ask for the kind of the packets. Kernel ports know it anyhow.
    #[cfg_attr(not(feature = "dpdk"), allow(dead_code))]
    pub(crate) asks_kind: bool,
}

impl<'a> Rx<'a> {
    /// For whoever uses a port without an engine: frames are appended to `batch` until it holds `room`. What is received or
    /// lost is counted in `counters`, what is lost also in `counts`.
    pub fn new(
        cache: &'a mut Cache,
        batch: &'a mut Batch,
        counters: &'a PortCounters,
        counts: &'a Counts,
        room: usize,
    ) -> Rx<'a> {
        Rx { cache, batch, counters, room, counts, lost: 0, asks_kind: false }
    }
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
        if len > self.cache.longest_frame() {
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
        self.counters.dropped.add(why, 1);
        self.counts.dropped.add(why, 1);
        self.lost += 1;
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
    /// The worker is going to sleep, but asks for frames once more before it does. False: the descriptor will not
    /// tell of frames, so it must not sleep for long.
    #[cfg(feature = "std")]
    fn rest(&mut self) -> bool {
        self.fd().is_some() || self.exhausted()
    }
    /// The worker is awake again.
    fn resume(&mut self) {}
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
    /// What the device says about `what`, a word; `None` if it knows nothing of it.
    fn ask(&self, _what: &str) -> Option<String> {
        None
    }
    /// Changes `what` of the device.
    ///
    /// # Errors
    /// It cannot be changed, or not to this.
    fn change(&mut self, what: &str, _value: &str) -> Result<(), String> {
        Err(alloc::format!("{what} cannot be changed here"))
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

/// What became of a batch given to [`Transmit::hand_over`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HandedOver {
    /// Packets that were taken out of the batch, from its start.
    pub packets: usize,
    /// Their bytes.
    pub bytes: u64,
    /// The device is gone: nothing of the rest can be sent.
    pub down: bool,
}

/// The transmitting side of a device.
pub trait Transmit: Send {
    /// Sends packets from the start of `packets`, which is not empty. Never blocks.
    fn transmit(&mut self, packets: &[Packet]) -> Sent;
    /// Sends packets from the start of the batch, which is not empty, and takes those out of it that were sent:
    /// for devices that keep the buffers and give them back by themselves. `None`, and nothing done: send them
    /// with [`transmit`](Self::transmit).
    fn hand_over(&mut self, _batch: &mut Batch) -> Option<HandedOver> {
        None
    }
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
    /// As [`Receive::ask`].
    fn ask(&self, _what: &str) -> Option<String> {
        None
    }
    /// As [`Receive::change`].
    ///
    /// # Errors
    /// As there.
    fn change(&mut self, what: &str, _value: &str) -> Result<(), String> {
        Err(alloc::format!("{what} cannot be changed here"))
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

    /// Frames that the kernel or the NIC lost so far.
    pub fn kernel_drops(&mut self) -> u64 {
        if let PortObject::Rx(d) = &mut self.object {
            self.counters.kernel_drops.add(d.kernel_drops());
        }
        self.counters.kernel_drops.get()
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
