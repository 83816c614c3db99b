//! WebAssembly functions in a graph: one element, [`WasmFunction`](element::WasmFunction), and beneath it the host of the
//! interface that `ABI.md` describes.
//!
//! Reading order: [`abi`] (what lies in the guest's memory), [`module`] (from bytes to code), [`instance`] (a running
//! guest, by the life-cycle words of RFC 3165), [`element`] (a guest in a graph).
//!
//! Invariant: nothing that a guest does or says reaches the host unchecked. What it runs is bounded in time, memory and
//! stack; what it writes is read through checked views; a guest that fails costs the packets that it had, and nothing else.
#![forbid(unsafe_code)]

pub mod abi;
pub mod config;
pub mod element;
pub mod exchange;
pub mod fault;
mod host;
pub mod instance;
mod keep;
pub mod life;
mod log;
pub mod module;
mod ticker;

use sluice_dataplane::element::Class;

/// The classes of this crate, sorted by name.
pub const CLASSES: &[Class] = &[Class::of::<element::WasmFunction>()];
