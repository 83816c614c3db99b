//! Devices and files.
mod backlog;
pub mod dump_file;
pub mod dump_times;
pub mod encap;
pub mod files;
pub mod from_device;
pub mod from_dump;
pub mod from_ip_summary_dump;
pub mod from_xdp;
pub mod kernel_tun;
pub mod mcast_socket;
pub mod summary;
pub mod to_device;
pub mod to_dump;
pub mod to_ip_summary_dump;
pub mod to_xdp;
mod xdp_words;
