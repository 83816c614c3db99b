//! A guest that panics says why, and traps.
use crate::raw::Level;
use crate::text::log;
use core::panic::PanicInfo;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    log(Level::Error, format_args!("{}", info.message()));
    core::arch::wasm32::unreachable()
}
