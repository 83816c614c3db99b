//! Counting and measuring.
pub mod aggregate_counter;
pub mod aggregate_ip_flows;
pub mod average_counter;
pub mod counter;
