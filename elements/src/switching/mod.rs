//! Choosing an output, copying, painting, and ending packets.
pub mod discard;
pub mod null;
pub mod tee;
