//! The C functions of DPDK that Sluice calls, as the headers on this machine declare them. Nothing here
//! is safe; `sluice_dataplane::io::sys::dpdk` makes it so.
//!
//! Functions that are inline in C are called through compiled wrappers. Those that run for each burst
//! (`rte_eth_rx_burst`, `rte_eth_tx_burst`) are written in Rust over the table [`rte_eth_fp_ops`].
#![allow(non_camel_case_types, non_snake_case, non_upper_case_globals, missing_docs, unreachable_pub)]
#![allow(clippy::all, clippy::undocumented_unsafe_blocks, unsafe_op_in_unsafe_fn, rust_2018_idioms)]
include!(concat!(env!("OUT_DIR"), "/dpdk.rs"));
