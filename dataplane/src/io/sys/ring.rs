//! Receives through a packet socket with a mapped ring of slots (TPACKET_V2, Linux `packet_mmap` documentation).
//!
//! A slot fits a frame of the interface's MTU. Larger ones, the super-frames of senders inside the same machine, also wait
//! whole on the socket (`PACKET_COPY_THRESH`), and their slot says so: they come out in order with the others.
//!
//! Why not the blocks of TPACKET_V3: the kernel hands a block over when it is full or its time is up, a millisecond at the
//! least. From send to hand-out with a sleeping receiver, p50 / p99: blocks 515 / 1020 us, slots 45 / 110 us. Processor time to
//! take and copy a frame while many are there: 64 bytes: blocks 45 to 90 ns, slots 63 to 94 ns; 1500 bytes: no difference.
//! Sending and filling costs the kernel 1400 to 1500 ns a frame with both. The price of slots: a receiver that sleeps in `poll`
//! is woken for each frame, which costs it and the sender about 900 ns; so sleep only after a while without frames.
//!
//! Invariant: a slot is ours exactly while its status word has `TP_STATUS_USER`.
use super::abi::{self, RingRequest, SlotHeader, Statistics};
use super::fanout::{Fanout, Member};
use super::{interface, raw};
use crate::io::gso::VnetHeader;
use libc::SOL_PACKET;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Slots whose first lines are fetched ahead of the one that is handed out.
const AHEAD: usize = 4;
/// Receive calls without a frame between two looks at the socket's pending error.
const CHECK_EVERY: u32 = 64;
/// Bytes of a block, the unit in which the kernel allocates: a multiple of all page sizes.
const BLOCK: usize = 64 * 1024;
/// What the kernel puts before a frame in its slot: header, link-layer address, vnet header, alignment.
const SLOT_HEAD: usize = 96;
/// Bytes of super-frames that may wait: over a hundred of the largest, as the kernel counts them (twice this).
const RECEIVE_BUFFER: libc::c_int = 8 << 20;

/// Shape of a receive ring.
#[derive(Clone, Copy, Debug)]
pub struct RingConfig {
    /// Frames that the ring holds, at least 1. Memory used: the MTU and about 130 bytes for each.
    pub slots: usize,
    /// Bytes of the largest frame received whole. A default interface sends up to 65,226, one with BIG TCP more.
    pub max_frame: usize,
    /// Also take frames that are addressed to other hosts, for as long as the ring is open.
    pub promiscuous: bool,
}

impl Default for RingConfig {
    fn default() -> Self {
        Self { slots: 2048, max_frame: 128 * 1024, promiscuous: true }
    }
}

/// To whom a received frame is addressed, as the kernel saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketType {
    /// To the interface's own address.
    Host,
    /// To all stations.
    Broadcast,
    /// To a group.
    Multicast,
    /// To another station; seen because the interface is promiscuous.
    OtherHost,
}

/// A VLAN tag that the kernel took out of the frame; it belongs behind the two MAC addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VlanTag {
    /// Tag control information, host byte order: priority (3 bits), DEI (1), VLAN id (12).
    pub tci: u16,
    /// Tag protocol identifier, host byte order: 0x8100 or 0x88a8.
    pub tpid: u16,
}

/// One received frame, in place.
#[derive(Clone, Copy, Debug)]
pub struct RxFrame<'a> {
    /// The bytes that are there, from the destination MAC address on, without `vlan`.
    pub data: &'a [u8],
    /// Bytes that the frame had; more than `data.len()` if it was truncated.
    pub wire_len: usize,
    /// When the kernel saw it: nanoseconds since 1970-01-01 UTC.
    pub timestamp_ns: u64,
    /// The outer tag, if the kernel stripped one.
    pub vlan: Option<VlanTag>,
    /// What is left to do to the frame; `None` if nothing is, or if the ring has no such metadata.
    pub vnet: Option<VnetHeader>,
    /// The transport checksum was left for the sender's hardware to fill in.
    pub checksum_not_ready: bool,
    /// To whom it is addressed.
    pub packet_type: PacketType,
}

impl RxFrame<'_> {
    /// Whether bytes are missing at the end. Happens to frames over [`RingConfig::max_frame`], and to super-frames that come
    /// while too many of them wait: both are for the caller to drop and count.
    pub fn is_truncated(&self) -> bool {
        self.wire_len > self.data.len()
    }
}

/// An open receive ring on one interface.
pub struct RxRing {
    // Dropped before `fd`: unmap, then close.
    map: raw::Mapping,
    fd: OwnedFd,
    /// Dropped after `fd`.
    member: Option<Member>,
    shape: Shape,
    has_vnet: bool,
    /// Where the slot lies that is read next, or waited for: bytes into the mapping.
    current: usize,
    /// A frame that did not fit its slot, behind the vnet header if there is one.
    large: Box<[u8]>,
    /// An error that came up while a frame was fetched; reported at the next occasion.
    pending: Option<io::Error>,
    empty_calls: u32,
    drops: u64,
}

/// Where the slots lie. Slots do not cross blocks.
#[derive(Clone, Copy)]
struct Shape {
    slot_size: usize,
    per_block: usize,
    slots: usize,
}

impl Shape {
    fn new(mtu: u32, slots: usize) -> Self {
        // Ethernet header and a tag inside the frame. An odd number of cache lines: else the slots' first lines compete for
        // a few places in the cache.
        let lines = (mtu as usize + 14 + 4 + SLOT_HEAD).div_ceil(64) | 1;
        // An interface with a huge MTU (the loopback) lets its largest frames wait on the socket instead.
        let slot_size = (lines * 64).min(BLOCK / 4);
        let per_block = BLOCK / slot_size;
        Self { slot_size, per_block, slots: slots.clamp(1, 1 << 24).div_ceil(per_block) * per_block }
    }

    fn blocks(&self) -> usize {
        self.slots / self.per_block
    }

    /// The slot behind the one at `offset`, around at the end.
    fn next(&self, offset: usize) -> usize {
        let next = offset + self.slot_size;
        let next = if next % BLOCK + self.slot_size > BLOCK { next.next_multiple_of(BLOCK) } else { next };
        if next < self.blocks() * BLOCK { next } else { 0 }
    }
}

impl RxRing {
    /// Opens a ring on the interface called `name`.
    ///
    /// # Errors
    /// [`interface::InterfaceError`] inside: no such interface, no permission, interface down (bring it up and open again);
    /// or any error of the kernel, such as `ENOMEM` for a ring that it cannot hold.
    pub fn open(name: &str, config: RingConfig) -> io::Result<Self> {
        Self::open_shared(name, config, None)
    }

    /// The same, for a ring that shares the interface's frames with others of `group`.
    ///
    /// # Errors
    /// As [`RxRing::open`].
    pub fn open_shared(name: &str, config: RingConfig, group: Option<&Arc<Fanout>>) -> io::Result<Self> {
        let found = interface::read(name)?;
        let open = || {
            let mut ring = Self::on_interface(found.index, found.mtu, config)?;
            ring.member = group.map(|g| g.join(ring.fd.as_fd())).transpose()?;
            if ring.member.as_ref().is_some_and(|m| m.joined_others) {
                // What came before it joined has gone to another ring as well.
                while ring.receive(usize::MAX, |_| ())? > 0 {}
            }
            Ok(ring)
        };
        open().map_err(|error| interface::explain(name, error))
    }

    fn on_interface(ifindex: u32, mtu: u32, config: RingConfig) -> io::Result<Self> {
        let fd = raw::packet_socket()?;
        let set = |name, value: libc::c_int| raw::set_option(fd.as_fd(), SOL_PACKET, name, &value);
        set(abi::PACKET_VERSION, abi::TPACKET_V2)?;
        // Must be set before the ring is made. A kernel may refuse these two; then frames say so themselves.
        let has_vnet = set(abi::PACKET_VNET_HDR, 1).is_ok();
        let _ = set(abi::PACKET_IGNORE_OUTGOING, 1);
        set(abi::PACKET_COPY_THRESH, 1)?;
        // Without CAP_NET_ADMIN the limit of the system holds.
        raw::set_option(fd.as_fd(), libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &RECEIVE_BUFFER)
            .or_else(|_| raw::set_option(fd.as_fd(), libc::SOL_SOCKET, libc::SO_RCVBUF, &RECEIVE_BUFFER))?;

        let shape = Shape::new(mtu, config.slots);
        let too_large = || io::Error::new(io::ErrorKind::InvalidInput, "a receive ring of 4 GiB or more");
        let len = shape.blocks().checked_mul(BLOCK).filter(|len| u32::try_from(*len).is_ok()).ok_or_else(too_large)?;
        let request = RingRequest {
            block_size: BLOCK as u32,
            block_count: shape.blocks() as u32,
            frame_size: shape.slot_size as u32,
            frame_count: shape.slots as u32,
        };
        raw::set_option(fd.as_fd(), SOL_PACKET, abi::PACKET_RX_RING, &request)?;
        let map = raw::Mapping::of_ring(fd.as_fd(), len)?;

        raw::bind_packet(fd.as_fd(), ifindex, libc::ETH_P_ALL as u16)?;
        raw::take_error(fd.as_fd())?;
        if config.promiscuous {
            let membership = libc::packet_mreq {
                mr_ifindex: ifindex as libc::c_int,
                mr_type: libc::PACKET_MR_PROMISC as u16,
                mr_alen: 0,
                mr_address: [0; 8],
            };
            raw::set_option(fd.as_fd(), SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &membership)?;
        }
        let large = vec![0; config.max_frame.saturating_add(abi::VNET_HEADER_LEN)].into_boxed_slice();
        Ok(Self { map, fd, member: None, shape, has_vnet, current: 0, large, pending: None, empty_calls: 0, drops: 0 })
    }

    /// Whether frames carry offload metadata. Without it, super-frames cannot be told from oversize ones, and
    /// [`RxFrame::checksum_not_ready`] is all that is known of checksums.
    pub fn has_vnet(&self) -> bool {
        self.has_vnet
    }

    /// The socket, to wait on: readable when a frame is there, in error when the interface went away.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Hands out at most `max` frames, oldest first, and says how many. Never blocks; 0 means that none is there. Each slot
    /// goes back to the kernel as soon as `f` returns.
    ///
    /// # Errors
    /// `ENETDOWN`: the interface is down or gone. The kernel goes on by itself when an interface comes back up, not when one
    /// of the same name is made anew: drop the ring and open it again until that works.
    pub fn receive(&mut self, max: usize, mut f: impl FnMut(RxFrame<'_>)) -> io::Result<usize> {
        let mut taken = 0;
        while taken < max {
            // Acquire: the frame was written before the status.
            let status = self.status().load(Ordering::Acquire);
            if status & abi::TP_STATUS_USER == 0 {
                break;
            }
            self.prefetch();
            let large = if status & abi::TP_STATUS_COPY != 0 { self.fetch_large() } else { None };
            if let Some(frame) = self.frame(large) {
                f(frame);
                taken += 1;
            }
            // Release: our reads of the slot come before the kernel's next writes.
            self.status().store(abi::TP_STATUS_KERNEL, Ordering::Release);
            self.current = self.shape.next(self.current);
        }
        if taken > 0 {
            self.empty_calls = 0;
        } else if max > 0 {
            self.empty_calls += 1;
            if self.empty_calls >= CHECK_EVERY || self.pending.is_some() {
                self.empty_calls = 0;
                self.check()?;
            }
        }
        Ok(taken)
    }

    /// Takes the error that waits on the socket, for one whom `poll` told that there is one. [`RxRing::receive`] does so
    /// itself now and then while nothing comes.
    pub fn check(&mut self) -> io::Result<()> {
        match self.pending.take() {
            Some(error) => Err(error),
            None => raw::take_error(self.fd.as_fd()),
        }
    }

    /// Frames that the kernel dropped since the ring was opened because no slot was free.
    pub fn kernel_drops(&mut self) -> io::Result<u64> {
        let new = raw::get_option(self.fd.as_fd(), SOL_PACKET, abi::PACKET_STATISTICS, Statistics::default())?;
        self.drops = self.drops.saturating_add(u64::from(new.drops));
        Ok(self.drops)
    }

    /// Status word of the current slot.
    fn status(&self) -> &AtomicU32 {
        debug_assert!(self.current + self.shape.slot_size <= self.map.len());
        // SAFETY: slots lie in the mapping and are multiples of 64 bytes apart, so the word is aligned. The kernel changes it
        // at any time, and we reach it through atomics only.
        unsafe { AtomicU32::from_ptr(self.map.start().as_ptr().add(self.current).cast()) }
    }

    /// Fetches the whole of a frame that did not fit its slot from the socket's queue, which is in the order of the slots.
    /// Returns its length, vnet header included.
    fn fetch_large(&mut self) -> Option<usize> {
        loop {
            match raw::receive_datagram(self.fd.as_fd(), &mut self.large) {
                Ok(len) => return Some(len),
                // The queue is given out only after the socket's error: note it, and ask once more.
                Err(error) if interface::is_gone(&error) && self.pending.is_none() => self.pending = Some(error),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Not there against all rules: its slot has the beginning.
                Err(_) => return None,
            }
        }
    }

    /// The frame in the current slot, which is ours; `None` for the host's own frames, which no port receives.
    fn frame(&self, large: Option<usize>) -> Option<RxFrame<'_>> {
        let offset = self.current;
        // SAFETY: a slot inside the mapping, 64-byte aligned and larger than its header and the link-layer address behind
        // that; it is ours, so the kernel does not write it.
        let (header, packet_type) = unsafe {
            let slot = self.map.start().as_ptr().add(offset);
            let address = slot.add(size_of::<SlotHeader>()).cast::<libc::sockaddr_ll>();
            (slot.cast::<SlotHeader>().read(), (&raw const (*address).sll_pkttype).read())
        };
        let packet_type = match packet_type {
            libc::PACKET_HOST => PacketType::Host,
            libc::PACKET_BROADCAST => PacketType::Broadcast,
            libc::PACKET_MULTICAST => PacketType::Multicast,
            libc::PACKET_OTHERHOST => PacketType::OtherHost,
            // Sent by this host: only seen where the kernel does not know PACKET_IGNORE_OUTGOING (before 4.20).
            _ => return None,
        };
        let vnet_len = if self.has_vnet { abi::VNET_HEADER_LEN } else { 0 };
        let (start, whole): (usize, &[u8]) = match large {
            Some(len) => (vnet_len, self.large.get(..len).unwrap_or(&self.large)),
            None => {
                // SAFETY: the whole slot, inside the mapping. It is ours, so nobody writes it while the slice lives: that
                // borrows `self`, and the slot is released through `&mut self` only.
                let slot =
                    unsafe { std::slice::from_raw_parts(self.map.start().as_ptr().add(offset), self.shape.slot_size) };
                let end = usize::from(header.mac) + header.snaplen as usize;
                (usize::from(header.mac), slot.get(..end).unwrap_or(slot))
            }
        };
        let vnet = start.checked_sub(vnet_len).and_then(|at| whole.get(at..)?.first_chunk()).filter(|_| self.has_vnet);
        Some(RxFrame {
            data: whole.get(start..).unwrap_or(&[]),
            wire_len: header.len as usize,
            timestamp_ns: u64::from(header.sec) * 1_000_000_000 + u64::from(header.nsec),
            vlan: (header.status & abi::TP_STATUS_VLAN_VALID != 0).then_some(VlanTag {
                tci: header.vlan_tci,
                // Kernels before 3.14 do not say the protocol; it was always the customer tag then.
                tpid: if header.status & abi::TP_STATUS_VLAN_TPID_VALID != 0 { header.vlan_tpid } else { 0x8100 },
            }),
            vnet: vnet.map(VnetHeader::from_bytes).filter(|vnet| !vnet.is_plain()),
            checksum_not_ready: header.status & abi::TP_STATUS_CSUMNOTREADY != 0,
            packet_type,
        })
    }

    /// Fetches the header and first data of a slot that comes later.
    #[inline]
    fn prefetch(&self) {
        // At the end of a block this is a little off, which costs nothing but the fetch.
        let ahead = self.current + AHEAD * self.shape.slot_size;
        raw::prefetch(&self.map, ahead);
        raw::prefetch(&self.map, ahead + 64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_fit_the_mtu_and_stay_in_their_block() {
        for (mtu, size) in [(1500, 1728), (9000, 9152), (65_536, 16_384), (68, 192)] {
            let shape = Shape::new(mtu, 1000);
            assert_eq!(shape.slot_size, size, "MTU {mtu}");
            assert!(shape.slots >= 1000);
            let mut offset = 0;
            for _ in 0..shape.slots {
                assert_eq!(offset / BLOCK, (offset + shape.slot_size - 1) / BLOCK);
                assert!(offset < shape.blocks() * BLOCK);
                offset = shape.next(offset);
            }
            assert_eq!(offset, 0, "as many slots as the kernel counts, then around");
        }
        assert_eq!(Shape::new(1500, 0).blocks(), 1);
    }

    #[test]
    fn a_ring_can_move_to_the_thread_that_reads_it() {
        fn movable<T: Send>() {}
        movable::<RxRing>();
    }
}
