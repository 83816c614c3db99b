//! Annotations: what elements note about a packet beside its bytes (Click's `packet_anno.hh`).
//!
//! Offsets of headers are stored from the start of the buffer, so that stripping and pushing bytes
//! leaves them alone; the methods speak in offsets from the packet's first byte.
use super::Packet;
use super::header::{COLD, Cold, FIX_IP_SRC, Header, SERVICE, TRACED, UNSET};
use core::cell::Cell;
use core::net::{Ipv4Addr, Ipv6Addr};

/// To whom the link layer addressed a packet (Click's packet type annotation).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum PacketKind {
    /// To this host, or unknown.
    #[default]
    Host = 0,
    /// To everyone on the link.
    Broadcast = 1,
    /// To a group.
    Multicast = 2,
    /// To another host, seen in promiscuous mode.
    OtherHost = 3,
    /// Sent by this host.
    Outgoing = 4,
}

/// An annotation that elements address by name or by Click's byte offset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Anno {
    /// `DST_IP`: bytes 0 to 3.
    DstIp,
    /// `PAINT`: byte 16.
    Paint,
    /// `ICMP_PARAMPROB`: byte 17.
    IcmpPointer,
    /// `FIX_IP_SRC`: byte 19.
    FixIpSrc,
    /// `VLAN_TCI`. Click keeps it in bytes 20 and 21, which `AGGREGATE` uses too; here it has a place of
    /// its own and is reached by name or by size.
    VlanTci,
    /// `AGGREGATE`: bytes 20 to 23.
    Aggregate,
    /// `EXTRA_PACKETS`: bytes 24 to 27.
    ExtraPackets,
    /// `EXTRA_LENGTH`: bytes 28 to 31.
    ExtraLength,
}

impl Anno {
    /// The annotation of a name as configurations write it (with or without `_ANNO`).
    pub fn by_name(name: &str) -> Option<Anno> {
        Some(match name.trim_end_matches("_ANNO") {
            "DST_IP" => Anno::DstIp,
            "PAINT" => Anno::Paint,
            "ICMP_PARAMPROB" => Anno::IcmpPointer,
            "FIX_IP_SRC" => Anno::FixIpSrc,
            "VLAN_TCI" | "VLAN" => Anno::VlanTci,
            "AGGREGATE" => Anno::Aggregate,
            "EXTRA_PACKETS" => Anno::ExtraPackets,
            "EXTRA_LENGTH" => Anno::ExtraLength,
            _ => return None,
        })
    }

    /// The annotation at one of Click's byte offsets, used as one of `size` bytes.
    pub fn by_offset(offset: u32, size: usize) -> Option<Anno> {
        Some(match offset {
            20 if size == 2 => Anno::VlanTci,
            0 => Anno::DstIp,
            16 => Anno::Paint,
            17 => Anno::IcmpPointer,
            19 => Anno::FixIpSrc,
            20 => Anno::Aggregate,
            24 => Anno::ExtraPackets,
            28 => Anno::ExtraLength,
            _ => return None,
        })
    }

    /// Size, bytes.
    pub fn size(self) -> usize {
        match self {
            Anno::Paint | Anno::IcmpPointer | Anno::FixIpSrc => 1,
            Anno::VlanTci => 2,
            Anno::DstIp | Anno::Aggregate | Anno::ExtraPackets | Anno::ExtraLength => 4,
        }
    }
}

impl Packet {
    #[inline]
    fn offset(&self, field: &Cell<u16>) -> Option<usize> {
        let start = self.header().data_off.get();
        // One comparison for both: what lies before the start is beyond the end of all buffers, as what is not set.
        let at = field.get().wrapping_sub(start);
        if at < UNSET - start { Some(at.into()) } else { None }
    }

    #[inline]
    fn set_offset(&mut self, field: impl Fn(&Header) -> &Cell<u16>, off: usize) {
        let h = self.header();
        // Past the end of all buffers it is as good as not set.
        let at = u32::from(h.data_off.get()) + off.min(UNSET.into()) as u32;
        field(h).set(at.min(UNSET.into()) as u16);
    }

    /// Offset of the network header from the first byte; `None` when it is not set or was stripped.
    #[inline]
    pub fn net_off(&self) -> Option<usize> {
        self.offset(&self.header().net_off)
    }
    /// Sets the network header's offset from the first byte.
    #[inline]
    pub fn set_net_off(&mut self, off: usize) {
        self.set_offset(|h| &h.net_off, off);
    }
    /// Whether the network header was ever set, stripped or not.
    pub fn has_net(&self) -> bool {
        self.header().net_off.get() != UNSET
    }
    /// The network header's offset from the first byte; negative when it was stripped.
    pub fn net_off_signed(&self) -> Option<isize> {
        self.has_net().then(|| self.header().net_off.get() as isize - self.header().data_off.get() as isize)
    }
    /// Forgets where the network and transport headers are.
    pub fn clear_net_off(&mut self) {
        self.header().net_off.set(UNSET);
        self.header().transport_off.set(UNSET);
    }
    /// Offset of the transport header from the first byte.
    #[inline]
    pub fn transport_off(&self) -> Option<usize> {
        self.offset(&self.header().transport_off)
    }
    /// Sets the transport header's offset from the first byte.
    #[inline]
    pub fn set_transport_off(&mut self, off: usize) {
        self.set_offset(|h| &h.transport_off, off);
    }
    /// Offset of the link header from the first byte; `None` when it is not set or was stripped.
    pub fn mac_off(&self) -> Option<usize> {
        self.offset(&self.header().mac_off)
    }
    /// Sets the link header's offset from the first byte.
    #[inline]
    pub fn set_mac_off(&mut self, off: usize) {
        self.set_offset(|h| &h.mac_off, off);
    }
    /// The link header's offset from the first byte; negative when it was stripped.
    pub fn mac_off_signed(&self) -> Option<isize> {
        let at = self.header().mac_off.get();
        (at != UNSET).then(|| at as isize - self.header().data_off.get() as isize)
    }
    /// From the network header to the end.
    #[inline]
    pub fn network(&self) -> Option<&[u8]> {
        self.data().get(self.net_off()?..)
    }
    /// As [`network`](Self::network), writable. `None` also when a shared buffer could not be
    /// copied.
    #[inline]
    pub fn network_mut(&mut self) -> Option<&mut [u8]> {
        let at = self.net_off()?;
        self.data_mut()?.get_mut(at..)
    }
    /// From the transport header to the end.
    #[inline]
    pub fn transport(&self) -> Option<&[u8]> {
        self.data().get(self.transport_off()?..)
    }
    /// As [`transport`](Self::transport), writable.
    #[inline]
    pub fn transport_mut(&mut self) -> Option<&mut [u8]> {
        let at = self.transport_off()?;
        self.data_mut()?.get_mut(at..)
    }

    /// Destination address annotation.
    #[inline]
    pub fn dst(&self) -> Ipv4Addr {
        Ipv4Addr::from(self.header().dst.get())
    }
    /// Sets the destination address annotation.
    #[inline]
    pub fn set_dst(&mut self, to: Ipv4Addr) {
        self.header().dst.set(to.octets());
    }
    /// Paint annotation.
    #[inline]
    pub fn paint(&self) -> u8 {
        self.header().paint.get()
    }
    /// Sets the paint annotation.
    #[inline]
    pub fn set_paint(&mut self, paint: u8) {
        self.header().paint.set(paint);
    }
    /// VLAN TCI annotation, host byte order.
    #[inline]
    pub fn vlan_tci(&self) -> u16 {
        self.header().vlan_tci.get()
    }
    /// Sets the VLAN TCI annotation, host byte order.
    #[inline]
    pub fn set_vlan_tci(&mut self, tci: u16) {
        self.header().vlan_tci.set(tci);
    }
    /// Packet type annotation.
    #[inline]
    pub fn kind(&self) -> PacketKind {
        match self.header().kind.get() {
            1 => PacketKind::Broadcast,
            2 => PacketKind::Multicast,
            3 => PacketKind::OtherHost,
            4 => PacketKind::Outgoing,
            _ => PacketKind::Host,
        }
    }
    /// Sets the packet type annotation.
    #[inline]
    pub fn set_kind(&mut self, kind: PacketKind) {
        self.header().kind.set(kind as u8);
    }
    /// Offset of the byte that ICMP parameter problem points at.
    pub fn icmp_pointer(&self) -> u8 {
        self.header().icmp_pointer.get()
    }
    /// Sets the offset of the byte that ICMP parameter problem points at.
    pub fn set_icmp_pointer(&mut self, at: u8) {
        self.header().icmp_pointer.set(at);
    }
    /// Index of the port the packet came from.
    #[inline]
    pub fn port(&self) -> u16 {
        self.header().port.get()
    }
    /// Sets the index of the port the packet came from.
    #[inline]
    pub fn set_port(&mut self, port: u16) {
        self.header().port.set(port);
    }

    #[inline]
    fn marked(&self, bit: u8) -> bool {
        self.header().mark.get() & bit != 0
    }
    fn set_mark(&mut self, bit: u8, on: bool) {
        let mark = &self.header().mark;
        mark.set(if on { mark.get() | bit } else { mark.get() & !bit });
    }
    /// Whether FixIPSrc must set the source address.
    pub fn fix_ip_src(&self) -> bool {
        self.marked(FIX_IP_SRC)
    }
    /// Sets whether FixIPSrc must set the source address.
    pub fn set_fix_ip_src(&mut self, on: bool) {
        self.set_mark(FIX_IP_SRC, on);
    }
    /// Which traced packet this is, if it is one.
    #[inline]
    pub(crate) fn trace(&self) -> Option<u16> {
        self.marked(TRACED).then(|| self.header().trace.get())
    }
    /// If `cause` is traced, this packet belongs to its trace: an answer to it, say.
    pub fn join_trace(&mut self, cause: &Packet) {
        if let Some(id) = cause.trace() {
            self.set_trace(id);
        }
    }
    /// Marks the packet as the traced packet `id`.
    pub(crate) fn set_trace(&mut self, id: u16) {
        self.warm();
        self.header().trace.set(id);
        self.set_mark(TRACED, true);
    }

    /// Where on a service path the packet is: service path identifier and index as in the header (RFC 8300 section 2.3), and
    /// a number of whoever put it there; `None` if it is on none.
    #[inline]
    pub fn service(&self) -> Option<(u32, u32)> {
        let both = self.header().tx_offload.get();
        self.marked(SERVICE).then_some(((both >> 32) as u32, both as u32))
    }
    /// Sets where on a service path the packet is.
    #[inline]
    pub fn set_service(&mut self, place: u32, number: u32) {
        self.header().tx_offload.set(u64::from(place) << 32 | u64::from(number));
        self.set_mark(SERVICE, true);
    }
    /// The packet is on no service path (any more).
    #[inline]
    pub fn clear_service(&mut self) {
        self.set_mark(SERVICE, false);
    }

    /// The second line's annotations; all zero until one was set.
    #[inline]
    fn cold(&self) -> Cold {
        if self.marked(COLD) { self.header().cold.get() } else { Cold::default() }
    }
    fn warm(&mut self) {
        if !self.marked(COLD) {
            self.header().cold.set(Cold::default());
            self.set_mark(COLD, true);
        }
    }
    fn set_cold(&mut self, change: impl FnOnce(&mut Cold)) {
        let mut cold = self.cold();
        change(&mut cold);
        self.header().cold.set(cold);
        self.set_mark(COLD, true);
    }
    /// Timestamp annotation, nanoseconds since the Unix epoch; 0 when it was never set.
    pub fn timestamp(&self) -> u64 {
        let [low, high] = self.cold().timestamp;
        u64::from(high) << 32 | u64::from(low)
    }
    /// Sets the timestamp annotation, nanoseconds since the Unix epoch.
    pub fn set_timestamp(&mut self, ns: u64) {
        self.set_cold(|c| c.timestamp = [ns as u32, (ns >> 32) as u32]);
    }
    /// Aggregate annotation.
    pub fn aggregate(&self) -> u32 {
        self.cold().aggregate
    }
    /// Sets the aggregate annotation.
    pub fn set_aggregate(&mut self, n: u32) {
        self.set_cold(|c| c.aggregate = n);
    }
    /// Packets that this one stands for beyond itself (sampled traces).
    pub fn extra_packets(&self) -> u32 {
        self.cold().extra_packets
    }
    /// Sets the extra packets annotation.
    pub fn set_extra_packets(&mut self, n: u32) {
        self.set_cold(|c| c.extra_packets = n);
    }
    /// Bytes the packet had on the wire beyond those captured.
    pub fn extra_length(&self) -> u32 {
        self.cold().extra_length
    }
    /// Sets the extra length annotation.
    pub fn set_extra_length(&mut self, n: u32) {
        self.set_cold(|c| c.extra_length = n);
    }
    /// IPv6 destination address annotation.
    pub fn dst6(&self) -> Ipv6Addr {
        Ipv6Addr::from(self.cold().dst6)
    }
    /// Sets the IPv6 destination address annotation.
    pub fn set_dst6(&mut self, to: Ipv6Addr) {
        self.set_cold(|c| c.dst6 = to.octets());
    }

    /// An annotation as a number, host byte order.
    pub fn anno(&self, which: Anno) -> u32 {
        match which {
            Anno::DstIp => self.dst().into(),
            Anno::Paint => self.paint().into(),
            Anno::IcmpPointer => self.icmp_pointer().into(),
            Anno::FixIpSrc => self.fix_ip_src().into(),
            Anno::VlanTci => self.vlan_tci().into(),
            Anno::Aggregate => self.aggregate(),
            Anno::ExtraPackets => self.extra_packets(),
            Anno::ExtraLength => self.extra_length(),
        }
    }

    /// Sets an annotation from a number, host byte order; bits that do not fit are cut off.
    pub fn set_anno(&mut self, which: Anno, v: u32) {
        match which {
            Anno::DstIp => self.set_dst(v.into()),
            Anno::Paint => self.set_paint(v as u8),
            Anno::IcmpPointer => self.set_icmp_pointer(v as u8),
            Anno::FixIpSrc => self.set_fix_ip_src(v != 0),
            Anno::VlanTci => self.set_vlan_tci(v as u16),
            Anno::Aggregate => self.set_aggregate(v),
            Anno::ExtraPackets => self.set_extra_packets(v),
            Anno::ExtraLength => self.set_extra_length(v),
        }
    }
}
