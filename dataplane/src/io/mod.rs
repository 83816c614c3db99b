//! Bytes in and out of the process: packet sockets, TAP devices, capture files, and what they need.
//!
//! Everything here works on byte slices; the ports of the engine are built on top. Unsafe code sits in [`sys`] only. Files
//! that read or write captures are pure over `std::io::{Read, Write}`, and [`gso`] is pure over slices.
pub mod affinity;
pub mod capture;
pub mod gso;
pub mod pcap;
pub mod pcapng;
pub mod poll;
pub mod sys;
