//! Devices and files.
pub mod files;
pub mod from_ip_summary_dump;
pub mod summary;
pub mod to_ip_summary_dump;
