//! Elements that make packets.
pub mod infinite_source;
