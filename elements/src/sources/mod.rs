//! Elements that make packets.
pub mod infinite_source;
pub mod rated_source;
mod supply;
pub mod timed_source;
