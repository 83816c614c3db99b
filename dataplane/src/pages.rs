//! Huge pages: with small ones, tables and buffers of many megabytes are measured by misses of the TLB.

/// Asks for huge pages behind a table that is read at random. Advice only: no error, and nothing at all
/// where the system has none.
pub fn prefer_huge<T>(table: &[T]) {
    advise_huge(table.as_ptr().cast_mut().cast(), size_of_val(table));
}

/// As [`prefer_huge`], for the bytes from `at` on.
pub(crate) fn advise_huge(at: *mut u8, len: usize) {
    #[cfg(all(feature = "std", not(miri)))]
    {
        let skip = at.align_offset(4096);
        // SAFETY: advice, which changes no byte, for whole pages inside the block.
        unsafe { libc::madvise(at.wrapping_add(skip).cast(), len.saturating_sub(skip) & !4095, libc::MADV_HUGEPAGE) };
    }
    #[cfg(not(all(feature = "std", not(miri))))]
    let _ = (at, len);
}
