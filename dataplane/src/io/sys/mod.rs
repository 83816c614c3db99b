//! What needs `unsafe`: packet sockets with mapped rings, AF_XDP sockets, TAP devices, interface control, inherited descriptors, signals,
//! the time-stamp counter.
//!
//! Every public function here is safe to call. The kernel's structures are in `abi`, the few raw calls that they need are
//! wrapped once in `raw`; the other files build on those.
mod abi;
#[cfg(feature = "dpdk")]
pub mod dpdk;
pub mod fanout;
pub mod interface;
pub mod offload;
pub mod process;
mod raw;
pub mod ring;
pub mod tap;
pub mod tsc;
pub mod tx;
#[cfg(feature = "xdp")]
pub mod xdp;
