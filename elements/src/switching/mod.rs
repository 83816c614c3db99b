//! Choosing an output, copying, and ending packets.
pub mod block;
pub mod discard;
pub mod hash_switch;
pub mod idle;
pub mod null;
pub mod pull_null;
pub mod pull_switch;
pub mod pull_tee;
pub mod push_null;
pub mod random_sample;
pub mod round_robin_switch;
pub mod static_pull_switch;
pub mod static_switch;
pub mod suppressor;
pub mod switch;
pub mod tee;
