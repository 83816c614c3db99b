//! Choosing an output by what a packet says: patterns and filter expressions.
pub mod classifier;
pub mod filter;
pub mod ip_classifier;
pub mod ip_filter;
pub mod snmp_classifier;
mod sorter;
