//! Bytes in and out of the process: packet sockets, TAP devices, capture files, and what they need.
//!
//! The ports of the engine are [`kernel`], [`tun`], `xdp`, [`mod@file`] and [`memory`], opened by [`open`]; what they stand on works on byte slices.
//! Unsafe code sits in [`sys`] only. Files that read or write captures are pure over `std::io::{Read, Write}`, and [`gso`] is
//! pure over slices.
pub mod affinity;
pub mod capture;
#[cfg(feature = "dpdk")]
pub mod dpdk;
pub mod file;
pub mod gso;
pub mod kernel;
pub mod memory;
pub mod multicast;
pub mod names;
pub mod open;
pub mod pcap;
pub mod pcapng;
pub mod poll;
pub mod sys;
pub mod tun;
#[cfg(feature = "xdp")]
pub mod xdp;
