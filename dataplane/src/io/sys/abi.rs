//! The kernel's structures and constants that the `libc` crate does not carry (`linux/if_packet.h`, `linux/if_tun.h`,
//! `linux/ethtool.h`). Fields in host byte order unless said otherwise.
use libc::c_int;

pub(super) const PACKET_RX_RING: c_int = 5;
pub(super) const PACKET_STATISTICS: c_int = 6;
pub(super) const PACKET_COPY_THRESH: c_int = 7;
pub(super) const PACKET_VERSION: c_int = 10;
pub(super) const PACKET_VNET_HDR: c_int = 15;
pub(super) const PACKET_QDISC_BYPASS: c_int = 20;
pub(super) const PACKET_IGNORE_OUTGOING: c_int = 23;

pub(super) const TPACKET_V2: c_int = 1;

pub(super) const TP_STATUS_KERNEL: u32 = 0;
pub(super) const TP_STATUS_USER: u32 = 1;
pub(super) const TP_STATUS_COPY: u32 = 1 << 1;
pub(super) const TP_STATUS_CSUMNOTREADY: u32 = 1 << 3;
pub(super) const TP_STATUS_VLAN_VALID: u32 = 1 << 4;
pub(super) const TP_STATUS_VLAN_TPID_VALID: u32 = 1 << 6;

/// Bytes of the `virtio_net_hdr` that the kernel writes before a frame.
pub(super) const VNET_HEADER_LEN: usize = 10;

/// `struct tpacket_req`: the shape of a ring of fixed slots.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct RingRequest {
    pub(super) block_size: u32,
    pub(super) block_count: u32,
    pub(super) frame_size: u32,
    pub(super) frame_count: u32,
}

/// `struct tpacket2_hdr`: what stands before the frame of a fixed slot.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct SlotHeader {
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

/// `struct tpacket_stats`. Reading it sets the kernel's counters back to zero.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Statistics {
    pub(super) packets: u32,
    pub(super) drops: u32,
}

const _: () = {
    assert!(size_of::<SlotHeader>() == 32);
    assert!(size_of::<RingRequest>() == 16);
    assert!(size_of::<Statistics>() == 8);
};
