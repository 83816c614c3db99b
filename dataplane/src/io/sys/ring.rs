//! Receives through a packet socket with a mapped TPACKET_V3 ring (Linux `packet_mmap` documentation).
//!
//! The kernel fills blocks and hands each one over as a whole: when it is full, or a time-out after its first frame. Frames
//! are handed out as slices into the ring; a block goes back to the kernel when its last frame was handed out.
//! Invariant: the block at `current` is ours exactly while its status word has `TP_STATUS_USER`.
use super::abi::{self, BlockHeader, FrameHeader3, RingRequest3, Statistics};
use super::{interface, raw};
use crate::io::gso::VnetHeader;
use libc::SOL_PACKET;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};

/// Frames whose headers are fetched ahead of the one that is handed out.
const AHEAD: u32 = 4;
/// Receive calls without a frame between two looks at the socket's pending error.
const CHECK_EVERY: u32 = 64;

/// Shape of a receive ring. Memory used: `block_size * block_count`.
#[derive(Clone, Copy, Debug)]
pub struct RingConfig {
    /// Bytes per block: a multiple of the page size. A frame must fit one block with about 100 bytes to spare; the largest
    /// super-frame of a default interface has 65,226 bytes.
    pub block_size: usize,
    /// Blocks in the ring, at least 2.
    pub block_count: usize,
    /// Milliseconds after which a block that is not full is handed over, at least 1.
    pub block_timeout_ms: u32,
    /// Also take frames that are addressed to other hosts, for as long as the ring is open.
    pub promiscuous: bool,
}

impl Default for RingConfig {
    fn default() -> Self {
        Self { block_size: 256 * 1024, block_count: 8, block_timeout_ms: 1, promiscuous: true }
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
    /// Sent by this host itself.
    Outgoing,
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
    /// Offload metadata; `None` if the ring has none or it says nothing.
    pub vnet: Option<VnetHeader>,
    /// The transport checksum was left for the sender's hardware to fill in.
    pub checksum_not_ready: bool,
    /// To whom it is addressed.
    pub packet_type: PacketType,
}

impl RxFrame<'_> {
    /// Whether bytes are missing at the end.
    pub fn is_truncated(&self) -> bool {
        self.wire_len > self.data.len()
    }
}

/// An open receive ring on one interface.
pub struct RxRing {
    // Dropped before `fd`: unmap, then close.
    map: raw::Mapping,
    fd: OwnedFd,
    config: RingConfig,
    has_vnet: bool,
    /// Index of the block that is read, or waited for.
    current: usize,
    /// Where in the current block to go on.
    cursor: Option<Cursor>,
    empty_calls: u32,
    drops: u64,
}

/// A place in a block that is ours.
#[derive(Clone, Copy)]
struct Cursor {
    /// Bytes from the start of the block to the next frame's header.
    offset: usize,
    /// Frames not handed out yet, at least 1.
    left: u32,
}

impl RxRing {
    /// Opens a ring on the interface called `name`.
    ///
    /// # Errors
    /// [`interface::InterfaceError`] inside: no such interface, no permission, interface down (`ENETDOWN`; bring it up and
    /// open again), or any error of the kernel, such as `ENOMEM` for a ring that it cannot hold.
    pub fn open(name: &str, config: RingConfig) -> io::Result<Self> {
        let ifindex = interface::index(name)?;
        let fd = raw::packet_socket().map_err(|error| interface::explain(name, error))?;
        Self::on_socket(fd, ifindex, config).map_err(|error| interface::explain(name, error))
    }

    fn on_socket(fd: OwnedFd, ifindex: u32, config: RingConfig) -> io::Result<Self> {
        raw::set_option(fd.as_fd(), SOL_PACKET, abi::PACKET_VERSION, &abi::TPACKET_V3)?;
        // Both must be set before the ring is made. A kernel may refuse them; then frames say so themselves.
        let has_vnet = raw::set_option(fd.as_fd(), SOL_PACKET, abi::PACKET_VNET_HDR, &1).is_ok();
        let _ = raw::set_option(fd.as_fd(), SOL_PACKET, abi::PACKET_IGNORE_OUTGOING, &1);
        let frame_size = 2048_usize;
        let narrow = |value: usize| {
            u32::try_from(value).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "the ring has over 4 GiB"))
        };
        let len = config
            .block_size
            .checked_mul(config.block_count)
            .filter(|len| *len <= u32::MAX as usize)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the ring has over 4 GiB"))?;
        let request = RingRequest3 {
            block_size: narrow(config.block_size)?,
            block_count: narrow(config.block_count)?,
            frame_size: frame_size as u32,
            frame_count: narrow(config.block_size / frame_size * config.block_count)?,
            retire_timeout: config.block_timeout_ms.max(1),
            ..RingRequest3::default()
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
        Ok(Self { map, fd, config, has_vnet, current: 0, cursor: None, empty_calls: 0, drops: 0 })
    }

    /// Whether frames carry offload metadata. Without it, super-frames cannot be told from oversize ones, and
    /// [`RxFrame::checksum_not_ready`] is all that is known of checksums.
    pub fn has_vnet(&self) -> bool {
        self.has_vnet
    }

    /// The socket, to wait on: readable when a block is ready, in error when the interface went away.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Hands out at most `max` frames, oldest first, and says how many. Never blocks; 0 means that none is there.
    ///
    /// # Errors
    /// `ENETDOWN`: the interface is down or gone. The kernel goes on by itself when an interface comes back up, not when one
    /// of the same name is made anew: drop the ring and open it again until that works.
    pub fn receive(&mut self, max: usize, mut f: impl FnMut(RxFrame<'_>)) -> io::Result<usize> {
        let mut taken = 0;
        while taken < max {
            let Some(mut cursor) = self.cursor.or_else(|| self.next_block()) else { break };
            while taken < max && cursor.left > 0 {
                let Some((header, data_at)) = self.frame_header(cursor.offset) else {
                    // Not a frame of the kernel's making: give the block up rather than read outside of it.
                    cursor.left = 0;
                    break;
                };
                self.prefetch(cursor.offset, &header);
                if let Some(frame) = self.frame(&header, cursor.offset, data_at) {
                    f(frame);
                    taken += 1;
                }
                cursor.offset += header.next_offset as usize;
                cursor.left -= 1;
            }
            if cursor.left > 0 {
                self.cursor = Some(cursor);
            } else {
                self.cursor = None;
                self.release_block();
            }
        }
        if taken > 0 {
            self.empty_calls = 0;
        } else if max > 0 {
            self.empty_calls += 1;
            if self.empty_calls >= CHECK_EVERY {
                self.empty_calls = 0;
                self.check()?;
            }
        }
        Ok(taken)
    }

    /// Takes the error that waits on the socket, for one whom `poll` told that there is one. [`RxRing::receive`] does so
    /// itself now and then while nothing comes.
    pub fn check(&self) -> io::Result<()> {
        raw::take_error(self.fd.as_fd())
    }

    /// Frames that the kernel dropped since the ring was opened because no block was free.
    pub fn kernel_drops(&mut self) -> io::Result<u64> {
        let statistics =
            raw::get_option(self.fd.as_fd(), SOL_PACKET, abi::PACKET_STATISTICS, Statistics::default())?;
        // Reading sets the kernel's counters back to zero.
        self.drops = self.drops.saturating_add(u64::from(statistics.drops));
        Ok(self.drops)
    }

    /// Status word of the current block.
    fn status(&self) -> &AtomicU32 {
        let offset = self.current * self.config.block_size + std::mem::offset_of!(BlockHeader, status);
        debug_assert!(offset + 4 <= self.map.len());
        // SAFETY: `current < block_count`, so the word lies in the mapping; blocks are page aligned, so it is aligned. The
        // kernel changes it at any time, and we reach it through atomics only.
        unsafe { AtomicU32::from_ptr(self.map.start().as_ptr().add(offset).cast()) }
    }

    /// First frame of the current block, if the kernel has handed it over. Empty blocks go straight back.
    fn next_block(&mut self) -> Option<Cursor> {
        loop {
            // Acquire: the frames were written before the status.
            if self.status().load(Ordering::Acquire) & abi::TP_STATUS_USER == 0 {
                return None;
            }
            let at = self.current * self.config.block_size;
            // SAFETY: the header lies at the start of a block inside the mapping, is aligned, and the block is ours, so the
            // kernel does not write these fields.
            let (left, offset) = unsafe {
                let header = self.map.start().as_ptr().add(at).cast::<BlockHeader>();
                ((&raw const (*header).frame_count).read(), (&raw const (*header).first_frame).read())
            };
            if left > 0 {
                return Some(Cursor { offset: offset as usize, left });
            }
            self.release_block();
        }
    }

    /// Gives the current block back and goes on to the next.
    fn release_block(&mut self) {
        // Release: our reads of the block come before the kernel's next writes.
        self.status().store(abi::TP_STATUS_KERNEL, Ordering::Release);
        self.current = (self.current + 1) % self.config.block_count;
    }

    /// The frame header `offset` bytes into the current block and where the frame's bytes start, if it lies inside.
    fn frame_header(&self, offset: usize) -> Option<(FrameHeader3, usize)> {
        let end = offset.checked_add(size_of::<FrameHeader3>() + size_of::<libc::sockaddr_ll>())?;
        if end > self.config.block_size || !offset.is_multiple_of(align_of::<FrameHeader3>()) {
            return None;
        }
        let at = self.current * self.config.block_size + offset;
        // SAFETY: checked above to lie inside the block and to be aligned; the block is ours while the cursor is in it.
        let header = unsafe { self.map.start().as_ptr().add(at).cast::<FrameHeader3>().read() };
        let data_at = offset + usize::from(header.mac);
        let data_end = data_at.checked_add(header.snaplen as usize)?;
        let before = if self.has_vnet { abi::VNET_HEADER_LEN } else { 0 };
        (data_end <= self.config.block_size && usize::from(header.mac) >= size_of::<FrameHeader3>() + before)
            .then_some((header, data_at))
    }

    /// The frame behind a checked header; `None` for the host's own frames, which no port receives.
    fn frame(&self, header: &FrameHeader3, offset: usize, data_at: usize) -> Option<RxFrame<'_>> {
        let block = self.map.start().as_ptr();
        let base = self.current * self.config.block_size;
        // SAFETY: `frame_header` found these bytes inside the block: the link-layer address behind the header, the vnet
        // header before the data, the data. The block is ours, so nobody writes them while the slices live: they borrow
        // `self`, and the block is released through `&mut self` only.
        let (packet_type, vnet, data) = unsafe {
            let address = block.add(base + offset + size_of::<FrameHeader3>()).cast::<libc::sockaddr_ll>();
            let packet_type = (&raw const (*address).sll_pkttype).read();
            let vnet = self
                .has_vnet
                .then(|| block.add(base + data_at - abi::VNET_HEADER_LEN).cast::<[u8; abi::VNET_HEADER_LEN]>().read());
            let data = std::slice::from_raw_parts(block.add(base + data_at), header.snaplen as usize);
            (packet_type, vnet, data)
        };
        let packet_type = match packet_type {
            libc::PACKET_HOST => PacketType::Host,
            libc::PACKET_BROADCAST => PacketType::Broadcast,
            libc::PACKET_MULTICAST => PacketType::Multicast,
            libc::PACKET_OTHERHOST => PacketType::OtherHost,
            // Only seen where the kernel does not know PACKET_IGNORE_OUTGOING (before 4.20).
            _ => return None,
        };
        Some(RxFrame {
            data,
            wire_len: header.len as usize,
            timestamp_ns: u64::from(header.sec) * 1_000_000_000 + u64::from(header.nsec),
            vlan: (header.status & abi::TP_STATUS_VLAN_VALID != 0).then(|| VlanTag {
                tci: header.vlan_tci as u16,
                // Kernels before 3.14 do not say the protocol; it was always the customer tag then.
                tpid: if header.status & abi::TP_STATUS_VLAN_TPID_VALID != 0 { header.vlan_tpid } else { 0x8100 },
            }),
            vnet: vnet.map(|bytes| VnetHeader::from_bytes(&bytes)).filter(|vnet| !vnet.is_plain()),
            checksum_not_ready: header.status & abi::TP_STATUS_CSUMNOTREADY != 0,
            packet_type,
        })
    }

    /// Fetches the header and first data of a frame that comes later, at the place where it lies if all have one size.
    fn prefetch(&self, offset: usize, header: &FrameHeader3) {
        let ahead = offset + (header.next_offset.saturating_mul(AHEAD)) as usize;
        if ahead + 192 <= self.config.block_size {
            let at = self.current * self.config.block_size + ahead;
            raw::prefetch(&self.map, at);
            raw::prefetch(&self.map, at + 64);
        }
    }
}

