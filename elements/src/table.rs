//! The table of all element classes, sorted by name. One row for each file of this crate.
use crate::*;
use sluice_dataplane::element::{Class, Table};

/// All element classes.
pub const TABLE: Table = Table(CLASSES);

const CLASSES: &[Class] = &[
    Class::of::<arp::arp_print::ARPPrint>(),
    Class::of::<arp::arp_querier::ARPQuerier>(),
    Class::of::<arp::arp_responder::ARPResponder>(),
    Class::of::<arp::arp_table::ARPTable>(),
    Class::of::<bytes::align::Align>(),
    Class::of::<arp::check_arp_header::CheckARPHeader>(),
    Class::of::<bytes::check_crc32::CheckCRC32>(),
    Class::of::<bytes::check_length::CheckLength>(),
    Class::of::<monitoring::counter::Counter>(),
    Class::of::<switching::discard::Discard>(),
    Class::of::<ethernet::drop_broadcasts::DropBroadcasts>(),
    Class::of::<ethernet::ensure_ether::EnsureEther>(),
    Class::of::<ethernet::ether_encap::EtherEncap>(),
    Class::of::<ethernet::ether_mirror::EtherMirror>(),
    Class::of::<ethernet::ether_rewrite::EtherRewrite>(),
    Class::of::<ethernet::ether_switch::EtherSwitch>(),
    Class::of::<ethernet::host_ether_filter::HostEtherFilter>(),
    Class::of::<sources::infinite_source::InfiniteSource>(),
    Class::of::<ethernet::listen_ether_switch::ListenEtherSwitch>(),
    Class::of::<switching::null::Null>(),
    Class::of::<bytes::pad::Pad>(),
    Class::of::<queues::queue::Queue>(),
    Class::of::<bytes::set_anno_byte::SetAnnoByte>(),
    Class::of::<bytes::set_crc32::SetCRC32>(),
    Class::of::<bytes::set_packet_type::SetPacketType>(),
    Class::of::<bytes::set_timestamp::SetTimestamp>(),
    Class::of::<bytes::set_timestamp_delta::SetTimestampDelta>(),
    Class::of::<vlan::set_vlan_anno::SetVLANAnno>(),
    Class::of::<bytes::strip::Strip>(),
    Class::of::<bytes::strip_to_network_header::StripToNetworkHeader>(),
    Class::of::<switching::tee::Tee>(),
    Class::of::<bytes::time_range::TimeRange>(),
    Class::of::<bytes::truncate::Truncate>(),
    Class::of::<queues::unqueue::Unqueue>(),
    Class::of::<bytes::unstrip::Unstrip>(),
    Class::of::<vlan::vlan_decap::VLANDecap>(),
    Class::of::<vlan::vlan_encap::VLANEncap>(),
];
