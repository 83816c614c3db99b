//! Writes WebAssembly functions for Sluice, by version 1 of the interface in `agent/wasm/ABI.md`.
//!
//! A function is a type that implements [`Function`], and one line that makes it the module's:
//!
//! ```ignore
//! struct Short;
//! impl Function for Short {
//!     fn process(&mut self, batch: &mut Batch<'_>) {
//!         batch.packets().filter(|p| p.data().len() < 100).for_each(|mut p| p.discard());
//!     }
//! }
//! sluice_guest::function!(Short = Short);
//! ```
//!
//! Nothing here is needed to write a guest, but all unsafe code that it takes is here, in one file (`raw.rs`).
#![no_std]

mod batch;
mod export;
#[cfg(all(target_arch = "wasm32", feature = "panic-handler"))]
mod panic;
#[doc(hidden)]
pub mod raw;
mod text;

pub use batch::{Batch, Packet};
#[doc(hidden)]
pub use export::packed;
pub use raw::{Level, clock};
pub use text::{Text, log};

/// Version of the interface.
pub const VERSION: u32 = 1;

/// What a module does with packets.
pub trait Function {
    /// Takes the text of the element's CONFIG: before [`start`](Self::start) if there is one, and whenever it changes.
    ///
    /// # Errors
    /// Why not, for the user. The function goes on as it was.
    fn configure(&mut self, _text: &str) -> Result<(), &'static str> {
        Err("this function takes no configuration")
    }
    /// Before the first batch.
    fn start(&mut self) {}
    /// After the last batch.
    fn stop(&mut self) {}
    /// Up to 64 packets. Each goes to output 0, unless it is told otherwise.
    fn process(&mut self, batch: &mut Batch<'_>);
    /// A line `key=value` for each figure. Figures of several workers add up where keys are the same.
    fn statistics(&mut self, _out: &mut Text) {}
}

/// A function whose state another version of its module may go on with.
pub trait Stateful: Function {
    /// The state, in a format that [`restore`](Self::restore) knows, also that of a later version.
    fn snapshot(&mut self) -> &[u8];
    /// Takes a state; false, and nothing changed, if it is none that the function knows.
    fn restore(&mut self, state: &[u8]) -> bool;
}
