//! The table of all element classes, sorted by name. One row for each file of this crate.
use crate::*;
use sluice_dataplane::element::{Class, Table};

/// All element classes.
pub const TABLE: Table = Table(CLASSES);

const CLASSES: &[Class] = &[
    Class::of::<icmp::check_icmp_header::CheckICMPHeader>(),
    Class::of::<ip::check_ip_header::CheckIPHeader>(),
    Class::of::<ip::check_ip_header2::CheckIPHeader2>(),
    Class::of::<ip::check_tcp_header::CheckTCPHeader>(),
    Class::of::<ip::check_udp_header::CheckUDPHeader>(),
    Class::of::<monitoring::counter::Counter>(),
    Class::of::<ip::dec_ip_ttl::DecIPTTL>(),
    Class::of::<switching::discard::Discard>(),
    Class::of::<ip::fix_ip_src::FixIPSrc>(),
    Class::of::<ip::get_ip_address::GetIPAddress>(),
    Class::of::<icmp::icmp_error::ICMPError>(),
    Class::of::<icmp::icmp_ping_encap::ICMPPingEncap>(),
    Class::of::<icmp::icmp_ping_responder::ICMPPingResponder>(),
    Class::of::<icmp::icmp_ping_source::ICMPPingSource>(),
    Class::of::<ip::ip_encap::IPEncap>(),
    Class::of::<ip::ip_fragmenter::IPFragmenter>(),
    Class::of::<ip::ip_gw_options::IPGWOptions>(),
    Class::of::<ip::ip_reassembler::IPReassembler>(),
    Class::of::<sources::infinite_source::InfiniteSource>(),
    Class::of::<ip::mark_ip_header::MarkIPHeader>(),
    Class::of::<switching::null::Null>(),
    Class::of::<queues::queue::Queue>(),
    Class::of::<ip::set_ip_address::SetIPAddress>(),
    Class::of::<ip::set_ip_checksum::SetIPChecksum>(),
    Class::of::<ip::set_ip_dscp::SetIPDSCP>(),
    Class::of::<ip::set_ip_ecn::SetIPECN>(),
    Class::of::<ip::set_tcp_checksum::SetTCPChecksum>(),
    Class::of::<ip::set_udp_checksum::SetUDPChecksum>(),
    Class::of::<ip::store_ip_address::StoreIPAddress>(),
    Class::of::<ip::strip_ip_header::StripIPHeader>(),
    Class::of::<switching::tee::Tee>(),
    Class::of::<ip::udp_ip_encap::UDPIPEncap>(),
    Class::of::<queues::unqueue::Unqueue>(),
];
