//! The time-stamp counter of the processor.

/// Ticks of the counter since the processor was reset.
#[cfg(target_arch = "x86_64")]
#[inline]
pub fn ticks() -> u64 {
    // SAFETY: every x86-64 processor has the instruction; it reads a register and changes nothing.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// There is none that this program knows: always 0.
#[cfg(not(target_arch = "x86_64"))]
pub fn ticks() -> u64 {
    0
}
