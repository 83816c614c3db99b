//! The kernel's structures and constants that the `libc` crate does not carry (`linux/if_packet.h`, `linux/if_tun.h`,
//! `linux/ethtool.h`). Fields in host byte order unless said otherwise.
use libc::c_int;

pub(super) const PACKET_RX_RING: c_int = 5;
pub(super) const PACKET_STATISTICS: c_int = 6;
pub(super) const PACKET_VERSION: c_int = 10;
pub(super) const PACKET_TX_RING: c_int = 13;
pub(super) const PACKET_LOSS: c_int = 14;
pub(super) const PACKET_VNET_HDR: c_int = 15;
pub(super) const PACKET_QDISC_BYPASS: c_int = 20;
pub(super) const PACKET_IGNORE_OUTGOING: c_int = 23;

pub(super) const TPACKET_V2: c_int = 1;
pub(super) const TPACKET_V3: c_int = 2;

pub(super) const TP_STATUS_KERNEL: u32 = 0;
pub(super) const TP_STATUS_USER: u32 = 1;
pub(super) const TP_STATUS_CSUMNOTREADY: u32 = 1 << 3;
pub(super) const TP_STATUS_VLAN_VALID: u32 = 1 << 4;
pub(super) const TP_STATUS_VLAN_TPID_VALID: u32 = 1 << 6;

/// Bytes of the `virtio_net_hdr` that the kernel writes before a frame.
pub(super) const VNET_HEADER_LEN: usize = 10;

/// `struct tpacket_req3`: the shape of a TPACKET_V3 ring.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct RingRequest3 {
    pub(super) block_size: u32,
    pub(super) block_count: u32,
    pub(super) frame_size: u32,
    pub(super) frame_count: u32,
    /// Milliseconds after which a block with at least one frame is handed over.
    pub(super) retire_timeout: u32,
    pub(super) private_size: u32,
    pub(super) features: u32,
}

/// `struct tpacket_req`: the shape of a ring of fixed slots.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct RingRequest {
    pub(super) block_size: u32,
    pub(super) block_count: u32,
    pub(super) frame_size: u32,
    pub(super) frame_count: u32,
}

/// Head of `struct tpacket_block_desc` with `tpacket_hdr_v1`: what stands before the frames of a block.
#[repr(C)]
pub(super) struct BlockHeader {
    pub(super) version: u32,
    pub(super) offset_to_priv: u32,
    pub(super) status: u32,
    pub(super) frame_count: u32,
    pub(super) first_frame: u32,
    pub(super) used: u32,
}

/// `struct tpacket3_hdr`: what stands before each frame of a block.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct FrameHeader3 {
    /// Bytes to the next header of the block; 0 behind the last one.
    pub(super) next_offset: u32,
    pub(super) sec: u32,
    pub(super) nsec: u32,
    pub(super) snaplen: u32,
    pub(super) len: u32,
    pub(super) status: u32,
    pub(super) mac: u16,
    pub(super) net: u16,
    pub(super) rxhash: u32,
    pub(super) vlan_tci: u32,
    pub(super) vlan_tpid: u16,
    pub(super) padding: [u16; 5],
}

/// `struct tpacket2_hdr`: what stands before the frame of a fixed slot.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct FrameHeader2 {
    pub(super) status: u32,
    pub(super) len: u32,
    pub(super) snaplen: u32,
    pub(super) mac: u16,
    pub(super) net: u16,
    pub(super) sec: u32,
    pub(super) nsec: u32,
    pub(super) vlan_tci: u16,
    pub(super) vlan_tpid: u16,
    pub(super) padding: [u8; 4],
}

/// `struct tpacket_stats_v3`; for TPACKET_V2 the kernel fills the first two fields.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Statistics {
    pub(super) packets: u32,
    pub(super) drops: u32,
    pub(super) freezes: u32,
}

const _: () = {
    assert!(size_of::<FrameHeader3>() == 48);
    assert!(size_of::<FrameHeader2>() == 32);
    assert!(size_of::<RingRequest3>() == 28);
    assert!(size_of::<BlockHeader>() == 24);
};
