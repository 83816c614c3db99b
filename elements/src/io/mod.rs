//! Devices and files.
mod backlog;
pub mod files;
pub mod from_device;
pub mod from_ip_summary_dump;
pub mod kernel_tun;
pub mod summary;
pub mod to_device;
pub mod to_ip_summary_dump;
