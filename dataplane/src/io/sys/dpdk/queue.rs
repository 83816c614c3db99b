//! The queues of a port, one of each for a worker: bursts of buffers, whole and without a copy.
//!
//! What `rte_eth_rx_burst` and `rte_eth_tx_burst` do in C is done here, so that the one call for a burst
//! is the driver's.
use super::c;
use super::device::Device;
use crate::batch::{Batch, MAX_BURST};
use crate::packet::{Header, Packet, PacketKind};
use crate::pool::HEADROOM;
use crate::port::{FrameMeta, Rx};
use crate::reason::Reason;
use crate::wire::EtherAddr;
use std::ptr::NonNull;
use std::sync::Arc;

/// A receiving queue. Its owner alone uses it.
pub struct RxQueue {
    device: Arc<Device>,
    queue: u16,
    /// Flags of a buffer that cannot become a packet as it is.
    special: u64,
}

/// A sending queue. Its owner alone uses it.
pub struct TxQueue {
    device: Arc<Device>,
    queue: u16,
}

impl RxQueue {
    /// Queue number `queue`; `None` if the port has no such.
    pub fn new(device: Arc<Device>, queue: u16) -> Option<RxQueue> {
        let mut special = c::SLUICE_MBUF_INDIRECT | c::SLUICE_MBUF_EXTERNAL;
        if device.strips_vlan() {
            special |= c::SLUICE_RX_VLAN_STRIPPED;
        }
        if device.checks_sums() {
            special |= c::SLUICE_RX_IP_BAD | c::SLUICE_RX_L4_BAD;
        }
        (queue < device.rx_queues()).then_some(RxQueue { device, queue, special })
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.queue
    }

    /// Takes a burst of at most `room` buffers, written to `to`; says how many.
    /// # Safety
    /// `to` has room for so many pointers.
    #[inline]
    unsafe fn burst(&mut self, to: *mut *mut c::rte_mbuf, room: usize) -> usize {
        // SAFETY: the port exists and has such a queue, which only this object uses; the driver writes at most as
        // many pointers as it is told, each to a buffer that is the caller's from now on.
        unsafe {
            let ops = (&raw const c::rte_eth_fp_ops).cast::<c::rte_eth_fp_ops>().add(self.device.id().into());
            let queue = *(*ops).rxq.data.add(usize::from(self.queue));
            let Some(receive) = (*ops).rx_pkt_burst else { return 0 };
            usize::from(receive(queue, to, room as u16)).min(room)
        }
    }

    /// Delivers what is there, at most as many frames as there is room for; one burst. The driver writes the handles
    /// straight into the batch, where its buffers become packets.
    #[inline(always)] // a call for a burst is one too many
    pub(crate) fn receive(&mut self, rx: &mut Rx<'_>) {
        let room = rx.room().min(MAX_BURST);
        let batch = rx.batch.as_vec();
        batch.reserve(room);
        let had = batch.len();
        // SAFETY: there is room for so many; a packet is a pointer to a header laid out as an mbuf.
        let got = unsafe {
            let to = batch.as_mut_ptr().add(had).cast::<*mut c::rte_mbuf>();
            let n = self.burst(to, room);
            std::slice::from_raw_parts(to.cast::<NonNull<c::rte_mbuf>>(), n)
        };
        if got.is_empty() {
            return;
        }
        if self.device.strips_vlan() {
            let got = got.to_vec();
            return self.receive_each(&got, rx);
        }
        // SAFETY: the buffers are ours now; whether they are as a packet's must be is looked at before they are one.
        let seen = unsafe { adopt_all(got) };
        if (seen.segments != 1) | (seen.flags & self.special != 0) {
            let got = got.to_vec();
            return self.receive_each(&got, rx);
        }
        rx.counters.packets.add(got.len() as u64);
        rx.counters.bytes.add(seen.bytes);
        // SAFETY: so many were written, and all are packets.
        unsafe { batch.set_len(had + got.len()) };
        if rx.asks_kind {
            let mac = self.device.mac();
            batch[had..].iter_mut().for_each(|p| p.set_kind(kind(p.data(), mac)));
        }
    }

    /// The same one by one, for a burst in which some may not be as a packet's buffer must be.
    #[cold]
    fn receive_each(&mut self, got: &[NonNull<c::rte_mbuf>], rx: &mut Rx<'_>) {
        let mac = self.device.mac();
        for &m in got {
            // SAFETY: the buffer is ours, and becomes a packet or is given back.
            unsafe {
                if is_plain(m, self.special) {
                    Packet::adopt(m.cast::<Header>());
                    let mut p = Packet::from_adopted(m.cast::<Header>());
                    p.set_kind(kind(p.data(), mac));
                    rx.counters.packets.add(1);
                    rx.counters.bytes.add(p.len() as u64);
                    rx.batch.push(p);
                } else {
                    receive_other(m, self.special, mac, rx);
                }
            }
        }
    }
}

/// Brings the first bytes of the frame into the cache; the driver has just written the header. The address is
/// computed, not read.
#[inline]
fn prefetch(m: NonNull<c::rte_mbuf>) {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let at = m.as_ptr().cast::<i8>().wrapping_add(crate::packet::HEADER + HEADROOM as usize);
        // SAFETY: a prefetch has no effect that the program can see, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = m;
}

/// To whom a frame is addressed (IEEE 802 clause 8).
#[inline]
fn kind(frame: &[u8], mac: EtherAddr) -> PacketKind {
    match frame.first_chunk::<6>() {
        Some(to) if to[0] & 1 == 0 => match *to == mac.0 {
            true => PacketKind::Host,
            false => PacketKind::OtherHost,
        },
        Some([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]) => PacketKind::Broadcast,
        Some(_) => PacketKind::Multicast,
        None => PacketKind::Host,
    }
}

/// What a burst of buffers is like.
#[derive(Default)]
struct Seen {
    bytes: u64,
    /// Their flags together, and their numbers of segments: each by "or".
    flags: u64,
    segments: u16,
}

impl Seen {
    /// # Safety
    /// `m` is a live buffer of the caller's.
    #[inline]
    unsafe fn adopt(&mut self, m: NonNull<c::rte_mbuf>) {
        prefetch(m);
        // SAFETY: as the caller says.
        let h = unsafe { m.as_ref() };
        self.segments |= h.nb_segs;
        self.flags |= h.ol_flags;
        self.bytes += u64::from(h.pkt_len);
        // SAFETY: as the caller says.
        unsafe { Packet::adopt(m.cast::<Header>()) };
    }
}

/// Writes what a packet's header has beyond a buffer's into each, four by four, for there is little to do for one.
/// # Safety
/// They are live buffers of the caller's.
#[inline]
unsafe fn adopt_all(buffers: &[NonNull<c::rte_mbuf>]) -> Seen {
    let mut seen = Seen::default();
    let (fours, rest) = buffers.as_chunks::<4>();
    // SAFETY: as the caller says.
    unsafe {
        for [a, b, c, d] in fours {
            seen.adopt(*a);
            seen.adopt(*b);
            seen.adopt(*c);
            seen.adopt(*d);
        }
        rest.iter().for_each(|m| seen.adopt(*m));
    }
    seen
}

/// Bytes of all packets.
#[inline]
fn bytes(packets: &[Packet]) -> u64 {
    let (fours, rest) = packets.as_chunks::<4>();
    let of_four = |[a, b, c, d]: &[Packet; 4]| (a.len() + b.len() + c.len() + d.len()) as u64;
    fours.iter().map(of_four).sum::<u64>() + rest.iter().map(|p| p.len() as u64).sum::<u64>()
}

/// Whether the buffer is of one segment and has none of the flags in `special`.
/// # Safety
/// `m` is a live buffer of the caller's.
#[inline]
unsafe fn is_plain(m: NonNull<c::rte_mbuf>, special: u64) -> bool {
    // SAFETY: as the caller says.
    let m = unsafe { m.as_ref() };
    (m.nb_segs == 1) & (m.ol_flags & special == 0)
}

/// Receives a buffer that cannot become a packet as it is: of several segments, of somebody else's memory, with a
/// checksum that the device found wrong, or with its VLAN tag beside it.
/// # Safety
/// `m` is a live buffer of the caller's, who forgets it.
#[cold]
unsafe fn receive_other(m: NonNull<c::rte_mbuf>, special: u64, mac: EtherAddr, rx: &mut Rx<'_>) {
    // SAFETY: the buffer and its segments are live until they are freed at the end, and nobody else uses them.
    unsafe {
        let h = m.as_ref();
        let (flags, length) = (h.ol_flags, h.pkt_len as usize);
        // "Bad" and "good" together mean that there is no checksum.
        let bad = |bit: u64, good: u64| special & bit != 0 && flags & (bit | good) == bit;
        if bad(c::SLUICE_RX_IP_BAD, c::SLUICE_RX_IP_GOOD) || bad(c::SLUICE_RX_L4_BAD, c::SLUICE_RX_L4_GOOD) {
            rx.lose(Reason::BadChecksum, length);
        } else if length > rx.cache.longest_frame() {
            rx.lose(Reason::Oversize, length);
        } else {
            let mut pieces = Vec::new();
            let mut segment = m.as_ptr().cast_const();
            while let Some(s) = segment.as_ref() {
                let at = s.buf_addr.cast::<u8>().add(s.data_off.into());
                pieces.push(std::slice::from_raw_parts(at.cast_const(), s.data_len.into()));
                segment = s.next;
            }
            let meta = FrameMeta { kind: kind(pieces.first().unwrap_or(&&[][..]), mac), ..FrameMeta::default() };
            let had = rx.batch.len();
            rx.frame(&pieces, meta);
            if special & flags & c::SLUICE_RX_VLAN_STRIPPED != 0
                && let Some(p) = rx.batch.some_mut(had).first_mut()
            {
                p.set_vlan_tci(h.vlan_tci);
            }
        }
        c::rte_pktmbuf_free(m.as_ptr());
    }
}

impl TxQueue {
    /// Queue number `queue`; `None` if the port has no such.
    pub fn new(device: Arc<Device>, queue: u16) -> Option<TxQueue> {
        (queue < device.tx_queues()).then_some(TxQueue { device, queue })
    }

    /// The port.
    pub fn device(&self) -> &Arc<Device> {
        &self.device
    }

    /// Sends packets from the start of the batch, as many as the queue takes at once, and takes them out of it;
    /// says how many, and their bytes. They are the driver's then, which gives their buffers back.
    #[inline(always)]
    pub(crate) fn send(&mut self, batch: &mut Batch) -> (usize, u64) {
        let packets = batch.as_slice();
        let all = bytes(packets);
        // SAFETY: the port exists and has such a queue, which only this object uses. A packet is a pointer to a header
        // laid out as an mbuf, of DPDK's pool: there is no other while DPDK runs. Those that the driver takes are
        // forgotten below, before anybody can look at them.
        let sent = unsafe {
            let ops = (&raw const c::rte_eth_fp_ops).cast::<c::rte_eth_fp_ops>().add(self.device.id().into());
            let queue = *(*ops).txq.data.add(usize::from(self.queue));
            let Some(send) = (*ops).tx_pkt_burst else { return (0, 0) };
            usize::from(send(queue, packets.as_ptr().cast_mut().cast(), packets.len() as u16))
        };
        if sent >= batch.len() {
            // SAFETY: none is left; all are the driver's.
            unsafe { batch.as_vec().set_len(0) };
            return (sent, all);
        }
        batch.drain_first(sent).for_each(std::mem::forget);
        (sent, all - bytes(batch.as_slice()))
    }
}
