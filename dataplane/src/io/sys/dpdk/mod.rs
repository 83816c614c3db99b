//! DPDK, made safe. One environment for the process ([`eal`]), one pool (`mempool`), ports that are
//! configured once and stay ([`device`], `ask`), and a pair of queues for each worker ([`queue`]).
//!
//! Invariant: a packet that came from a driver is an `rte_mbuf` of the process's mempool, of one segment,
//! with its own buffer; whatever else a driver hands over is copied into one or counted as lost.
mod ask;
pub mod device;
pub mod eal;
pub mod interrupt;
mod log;
pub(crate) mod mempool;
pub mod queue;

use sluice_dpdk_sys as c;
use std::ffi::{CStr, c_int};

/// What an error number of DPDK (positive or negative) means.
fn error_text(number: c_int) -> String {
    // SAFETY: DPDK gives a string that stays, per thread.
    let text = unsafe { CStr::from_ptr(c::rte_strerror(number.abs())) };
    text.to_string_lossy().into_owned()
}

/// The error that the last failing call of this thread left.
fn last_error() -> c_int {
    // SAFETY: reads a variable of the thread.
    unsafe { c::sluice_errno() }
}
