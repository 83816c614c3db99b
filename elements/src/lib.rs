//! Click's elements for Sluice: one element a file, one folder a family, and [`TABLE`], the sorted
//! table of them all.
//!
//! Every file has the same shape: what it does, `INFO` (facts and documentation, from which the
//! manual is made), the arguments, `impl Element`. Names, arguments, handlers and printed formats
//! are Click's where Click has the element.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]
extern crate alloc;

pub mod arp;
pub mod bytes;
pub mod classify;
pub mod control;
pub mod ethernet;
pub mod icmp;
pub mod impairment;
#[cfg(feature = "std")]
pub mod io;
pub mod ip;
pub mod lookup;
pub mod monitoring;
pub mod nsh;
pub mod paint;
pub mod print;
pub mod queues;
pub mod scheduling;
pub mod shaping;
pub mod snmp;
pub mod sources;
pub mod structural;
pub mod switching;
mod table;
pub mod tunnels;
pub mod vlan;

pub use table::TABLE;
