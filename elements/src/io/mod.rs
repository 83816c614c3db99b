//! Devices and files.
pub mod dump_file;
pub mod dump_times;
pub mod encap;
pub mod files;
pub mod from_dump;
pub mod from_ip_summary_dump;
pub mod summary;
pub mod to_dump;
pub mod to_ip_summary_dump;
