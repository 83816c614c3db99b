//! The network service header (RFC 8300, updated by RFC 9451): the roles of service function chaining (RFC 7665).
//!
//! The elements work on the header at the packet's network header annotation, which CheckNSHHeader and NSHEncap set;
//! whatever lies before it (Ethernet, VXLAN-GPE) those leave alone that only change the header. The roles are cut
//! so that only NSHForwarder changes the time to live, and only functions, proxies and reclassifiers the service index.
pub mod carried;
pub mod check_nsh_header;
mod context;
pub mod flow;
pub(crate) mod header;
mod learned;
pub(crate) mod log;
mod mac;
pub(crate) mod next;
pub mod next_hops;
pub mod nsh_classifier;
pub mod nsh_decap;
pub mod nsh_encap;
pub mod nsh_filter;
pub mod nsh_forwarder;
pub mod nsh_function;
pub mod nsh_integrity_check;
pub mod nsh_integrity_sign;
pub mod nsh_metadata;
pub mod nsh_print;
pub mod nsh_proxy;
pub mod nsh_reclassify;
pub mod paths;
pub(crate) mod tlv;
