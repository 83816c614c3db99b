//! DPDK's drivers through the program itself: real traffic over every virtual one, what is refused, peers that come
//! and go, and whether every buffer is back at the end. Needs a build with the feature `dpdk`.
//!
//! `SLUICE_PACKETS` says how many packets each kind of port carries in the test of buffers (10000000 for a full one),
//! `SOAK_SECONDS` how long that test goes on in all, `SLUICE_SECONDS` how long a transfer through a sample function lasts.
#![cfg(feature = "dpdk")]
#[path = "../ems/client.rs"]
#[allow(dead_code)] // other tests need the rest
mod client;
#[path = "../common/mod.rs"]
mod common;
#[path = "../ems/rig.rs"]
#[allow(dead_code)] // likewise
mod vnf;

mod buffers;
mod drivers;
mod functions;
mod peers;
mod programs;
mod refusals;
mod rig;
mod swaps;
