//! Counting and measuring.
pub mod counter;
