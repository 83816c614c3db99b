//! IPv4 headers (RFC 791, RFC 1812).
mod addresses;
pub mod check_ip_header;
pub mod check_ip_header2;
pub mod check_tcp_header;
pub mod check_udp_header;
pub mod dec_ip_ttl;
pub mod fix_ip_src;
pub mod get_ip_address;
pub mod ip_encap;
pub mod ip_fragmenter;
pub mod ip_gw_options;
pub mod ip_reassembler;
pub mod mark_ip_header;
pub mod set_ip_address;
pub mod set_ip_checksum;
pub mod set_ip_dscp;
pub mod set_ip_ecn;
pub mod set_tcp_checksum;
pub mod set_udp_checksum;
pub mod store_ip_address;
pub mod strip_ip_header;
pub(crate) mod tally;
pub mod udp_ip_encap;
mod view;

pub(crate) use addresses::{Addresses, Prefixes};
pub(crate) use view::{header, header_mut};
