//! Counting and measuring.
pub mod average_counter;
pub mod counter;
