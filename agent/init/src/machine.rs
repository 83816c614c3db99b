//! TODO
pub mod slots;
