//! The queues of a port, one of each for a worker: bursts of buffers, whole and without a copy.
//!
//! What `rte_eth_rx_burst` and `rte_eth_tx_burst` do in C is done here, so that the one call for a burst
//! is the driver's.
use super::c;
use super::device::Device;
use super::mempool::Mempool;
use crate::batch::{Batch, MAX_BURST};
use crate::packet::{Header, Packet, PacketKind};
use crate::pool::{HEADROOM, Home, MAX_FRAME};
use crate::port::{FrameMeta, Rx};
use crate::reason::Reason;
use crate::wire::EtherAddr;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::Arc;

/// Packets that are brought into the cache ahead of the one that is looked at.
const AHEAD: usize = 4;

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
    home: *const Home,
}

// SAFETY: `home` is compared, never followed.
unsafe impl Send for TxQueue {}

type Slot = MaybeUninit<*mut c::rte_mbuf>;

impl RxQueue {
    /// Queue number `queue`; `None` if the port has no such.
    pub fn new(device: Arc<Device>, queue: u16) -> Option<RxQueue> {
        let mut special = c::SLUICE_MBUF_INDIRECT | c::SLUICE_MBUF_EXTERNAL | c::SLUICE_RX_VLAN_STRIPPED;
        if device.checks_sums() {
            special |= c::SLUICE_RX_IP_BAD | c::SLUICE_RX_L4_BAD;
        }
        (queue < device.rx_queues()).then_some(RxQueue { device, queue, special })
    }

    /// The port.
    pub fn device(&self) -> &Arc<Device> {
        &self.device
    }

    /// Takes at most as many as `into` has room for; says how many.
    #[inline]
    fn burst(&mut self, into: &mut [Slot]) -> usize {
        // SAFETY: the port exists and has such a queue, which only this object uses; the driver writes at most as
        // many pointers as it is told, each to a buffer that is the caller's from now on.
        unsafe {
            let ops = &*(&raw const c::rte_eth_fp_ops[usize::from(self.device.id())]);
            let queue = *ops.rxq.data.add(usize::from(self.queue));
            let Some(receive) = ops.rx_pkt_burst else { return 0 };
            receive(queue, into.as_mut_ptr().cast(), into.len() as u16).into()
        }
    }

    /// Delivers what is there, at most as many frames as there is room for; one burst.
    #[inline]
    pub(crate) fn receive(&mut self, rx: &mut Rx<'_>) {
        let mut got = [const { Slot::uninit() }; MAX_BURST];
        let room = rx.room().min(MAX_BURST);
        let n = self.burst(&mut got[..room]).min(room);
        if n == 0 {
            return;
        }
        // SAFETY: the driver wrote `n` of them, none of them null.
        let got = unsafe { &*(&raw const got[..n] as *const [NonNull<c::rte_mbuf>]) };
        got.iter().take(AHEAD).for_each(|m| prefetch(*m));
        let mac = self.device.mac();
        let (mut bytes, mut delivered) = (0, 0);
        for (i, &m) in got.iter().enumerate() {
            if let Some(next) = got.get(i + AHEAD) {
                prefetch(*next);
            }
            // SAFETY: the buffer is ours now.
            if unsafe { is_plain(m, self.special) } {
                // SAFETY: as above, and it is as a packet's must be.
                let mut p = unsafe { Packet::adopt(m.cast::<Header>()) };
                p.set_kind(kind(p.data(), mac));
                bytes += p.len() as u64;
                delivered += 1;
                rx.batch.push(p);
            } else {
                // SAFETY: the buffer is ours now, and forgotten.
                unsafe { receive_other(m, self.special, mac, rx) };
            }
        }
        rx.counters.packets.add(delivered);
        rx.counters.bytes.add(bytes);
    }

    /// Descriptor that becomes readable when frames come, if the driver has interrupts.
    pub fn interrupt(&self) -> Option<BorrowedFd<'_>> {
        self.device.interrupt(self.queue)
    }

    /// Switches the interrupt on or off; false where the driver has none.
    pub fn set_interrupt(&mut self, on: bool) -> bool {
        // SAFETY: the port exists.
        unsafe {
            match on {
                true => c::rte_eth_dev_rx_intr_enable(self.device.id(), self.queue) == 0,
                false => c::rte_eth_dev_rx_intr_disable(self.device.id(), self.queue) == 0,
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
        } else if length > MAX_FRAME {
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
            if flags & c::SLUICE_RX_VLAN_STRIPPED != 0
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
        let home = Mempool::get()?.home();
        (queue < device.tx_queues()).then_some(TxQueue { device, queue, home })
    }

    /// Whether a packet can be sent as it is: it is of DPDK's pool.
    #[inline]
    fn takes(&self, p: &Packet) -> bool {
        p.is_of(self.home)
    }

    /// The port.
    pub fn device(&self) -> &Arc<Device> {
        &self.device
    }

    /// Sends packets from the start of the batch, as many as the queue takes at once, and takes them out of it;
    /// says how many. They are the driver's then, which gives their buffers back.
    ///
    /// # Safety
    /// It [`takes`](Self::takes) them all.
    #[inline]
    unsafe fn send_unchecked(&mut self, batch: &mut Batch) -> usize {
        let packets = batch.as_slice();
        // SAFETY: as the caller says; the port exists and has such a queue, which only this object uses. A packet is a pointer to a header
        // laid out as an mbuf; those that the driver takes are forgotten below, before anybody can look at them.
        let sent = unsafe {
            let ops = &*(&raw const c::rte_eth_fp_ops[usize::from(self.device.id())]);
            let queue = *ops.txq.data.add(usize::from(self.queue));
            let Some(send) = ops.tx_pkt_burst else { return 0 };
            send(queue, packets.as_ptr().cast_mut().cast(), packets.len() as u16)
        };
        batch.drain_first(sent.into()).for_each(std::mem::forget);
        sent.into()
    }

    /// The same, if it [`takes`](Self::takes) all of them: how many were sent, and their bytes.
    #[inline]
    pub(crate) fn send(&mut self, batch: &mut Batch) -> Option<(usize, u64)> {
        let (mut bytes, mut ours) = (0, true);
        for p in batch.iter() {
            bytes += p.len() as u64;
            ours &= self.takes(p);
        }
        if !ours {
            return None;
        }
        // SAFETY: just looked at.
        let sent = unsafe { self.send_unchecked(batch) };
        let left: u64 = batch.iter().map(|p| p.len() as u64).sum();
        Some((sent, bytes - left))
    }
}
