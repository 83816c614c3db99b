//! The 128 bytes in front of every buffer, laid out as DPDK's `struct rte_mbuf` (22.11 and newer).
//!
//! Invariant: the first cache line holds what every element touches. The annotations there overlay
//! fields that are free once receive has read them (`packet_type`, `hash`, `vlan_tci_outer`); the
//! other annotations lie in the second line (`timesync`, `dynfield1`), which is written only by
//! packets that use one of them (see [`COLD`]).
//!
//! The fields are cells, and nobody makes a `&mut Header`: packets that share a buffer count its
//! users in the owner's `refcnt`, from other threads too, while the owner writes the other fields.
use crate::pool;
use core::cell::Cell;
use core::mem::offset_of;
use core::ptr::NonNull;
use core::sync::atomic::AtomicU16;

/// Bytes of a header: two cache lines.
pub(crate) const HEADER: usize = 128;
/// `RTE_MBUF_F_INDIRECT`: the buffer belongs to another header, [`HEADER`] bytes before `buf_addr`.
pub(crate) const INDIRECT: u64 = 1 << 62;
/// "No such header", for the offsets of the link, network and transport headers.
pub(crate) const UNSET: u16 = u16::MAX;

/// Bit of `mark`: the packet is traced.
pub(crate) const TRACED: u8 = 1;
/// Bit of `mark`: the second cache line holds annotations; without it they all read as zero.
pub(crate) const COLD: u8 = 2;
/// Bit of `mark`: FixIPSrc must set the source address.
pub(crate) const FIX_IP_SRC: u8 = 4;
/// Bit of `mark`: the packet is on a service path, and `tx_offload` says where.
pub(crate) const SERVICE: u8 = 8;

#[repr(C, align(64))]
pub(crate) struct Header {
    pub(crate) buf_addr: Cell<NonNull<u8>>,
    pub(crate) buf_iova: Cell<u64>,
    pub(crate) data_off: Cell<u16>,
    /// Users of the buffer, not of the header.
    pub(crate) refcnt: AtomicU16,
    pub(crate) nb_segs: Cell<u16>,
    pub(crate) port: Cell<u16>,
    pub(crate) ol_flags: Cell<u64>,
    /// Bytes from `buf_addr`, or [`UNSET`]; as are `transport_off` and `mac_off`.
    pub(crate) net_off: Cell<u16>,
    pub(crate) transport_off: Cell<u16>,
    pub(crate) pkt_len: Cell<u32>,
    pub(crate) data_len: Cell<u16>,
    pub(crate) vlan_tci: Cell<u16>,
    /// Network byte order.
    pub(crate) dst: Cell<[u8; 4]>,
    pub(crate) paint: Cell<u8>,
    pub(crate) mark: Cell<u8>,
    pub(crate) mac_off: Cell<u16>,
    pub(crate) kind: Cell<u8>,
    pub(crate) icmp_pointer: Cell<u8>,
    pub(crate) buf_len: Cell<u16>,
    pub(crate) pool: *const pool::Home,
    pub(crate) next: Cell<u64>,
    /// Free between receiving and sending: the service annotation, while `mark` says [`SERVICE`].
    pub(crate) tx_offload: Cell<u64>,
    pub(crate) shinfo: Cell<u64>,
    pub(crate) priv_size: Cell<u16>,
    /// Which traced packet this is; read only when `mark` says [`TRACED`].
    pub(crate) trace: Cell<u16>,
    pub(crate) cold: Cell<Cold>,
}

/// The annotations of the second cache line that `mark` declares with [`COLD`].
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(crate) struct Cold {
    /// Nanoseconds since the Unix epoch, low word first: `dynfield1` is aligned to 4.
    pub(crate) timestamp: [u32; 2],
    pub(crate) dst6: [u8; 16],
    pub(crate) aggregate: u32,
    pub(crate) extra_packets: u32,
    pub(crate) extra_length: u32,
}

const _: () = {
    assert!(size_of::<Header>() == HEADER && align_of::<Header>() == 64);
    assert!(offset_of!(Header, data_off) == 16 && offset_of!(Header, refcnt) == 18);
    assert!(offset_of!(Header, ol_flags) == 24 && offset_of!(Header, net_off) == 32);
    assert!(offset_of!(Header, pkt_len) == 36 && offset_of!(Header, data_len) == 40);
    assert!(offset_of!(Header, vlan_tci) == 42 && offset_of!(Header, dst) == 44);
    assert!(offset_of!(Header, paint) == 48 && offset_of!(Header, mark) == 49 && offset_of!(Header, mac_off) == 50);
    assert!(
        offset_of!(Header, kind) == 52 && offset_of!(Header, icmp_pointer) == 53 && offset_of!(Header, buf_len) == 54
    );
    assert!(offset_of!(Header, pool) == 56 && offset_of!(Header, next) == 64);
    assert!(offset_of!(Header, priv_size) == 88 && offset_of!(Header, trace) == 90);
    assert!(offset_of!(Header, cold) == 92);
};
