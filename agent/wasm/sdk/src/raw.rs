//! All that needs unsafe code: bytes at addresses that the host gives, calls of the host, and the one value of the function.
//!
//! What holds for all of it: a guest has one thread, and the host calls it only while no other call is under way (`log` and
//! `clock` return before they do anything else). So nothing runs beside what is running.
use crate::text::Text;
use core::cell::{Cell, UnsafeCell};

/// How urgent a line of the log is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Level {
    /// Somebody should look.
    Error = 0,
    /// Strange, but under control.
    Warning = 1,
    /// Good to know.
    Info = 2,
}

#[cfg(target_arch = "wasm32")]
mod host {
    #[link(wasm_import_module = "sluice")]
    unsafe extern "C" {
        pub(super) fn log(level: u32, at: *const u8, len: usize);
        pub(super) safe fn clock() -> u64;
    }
}

/// Nanoseconds since the Unix epoch; it stands still during a call.
pub fn clock() -> u64 {
    #[cfg(target_arch = "wasm32")]
    return host::clock();
    #[cfg(not(target_arch = "wasm32"))]
    0
}

/// Hands a line to the host.
pub(crate) fn log(_level: Level, _text: &[u8]) {
    #[cfg(target_arch = "wasm32")]
    // SAFETY: the host reads `len` bytes at the address, which are a slice's, and keeps nothing.
    unsafe {
        host::log(_level as u32, _text.as_ptr(), _text.len())
    };
}

/// Memory for the host to write into: `bytes` bytes that nothing else uses. 0 if there are none.
pub fn area(_bytes: u32) -> u32 {
    #[cfg(target_arch = "wasm32")]
    {
        const PAGE: usize = 65_536;
        let page = core::arch::wasm32::memory_grow::<0>((_bytes as usize).div_ceil(PAGE));
        if page == usize::MAX { 0 } else { (page * PAGE) as u32 }
    }
    #[cfg(not(target_arch = "wasm32"))]
    0
}

/// Bytes that the host gave.
///
/// # Safety
/// They are in memory that [`area`] gave, the host has written all of them since, and nothing else refers to them while
/// the result lives.
pub unsafe fn bytes<'a>(at: u32, len: u32) -> &'a mut [u8] {
    if len == 0 {
        return &mut [];
    }
    let at = core::ptr::with_exposed_provenance_mut(at as usize);
    // SAFETY: as the caller says.
    unsafe { core::slice::from_raw_parts_mut(at, len as usize) }
}

/// What the host says of a packet, and is told. Fields as in ABI.md, little-endian, which is wasm's order.
#[repr(C)]
pub struct Descriptor {
    offset: u32,
    length: u32,
    headroom: u16,
    tailroom: u16,
    input: u16,
    pub(crate) output: u16,
    pub(crate) flags: u16,
    network: u16,
    paint: u8,
    reserved: [u8; 3],
}

const _: () = assert!(size_of::<Descriptor>() == 24);

/// Descriptors that the host gave.
///
/// # Safety
/// As for [`bytes`], and `at` is the first parameter of `sluice_process`, `count` the second.
pub unsafe fn descriptors<'a>(at: u32, count: u32) -> &'a mut [Descriptor] {
    let at = core::ptr::with_exposed_provenance_mut(at as usize);
    // SAFETY: the host aligns the area to 16 and writes `count` descriptors at its start; any bits are a descriptor.
    unsafe { core::slice::from_raw_parts_mut(at, count as usize) }
}

impl Descriptor {
    /// The packet's bytes.
    pub(crate) fn data(&self) -> &[u8] {
        // SAFETY: the fields say where the host wrote a packet, and the methods below keep them in its room; the bytes
        // of two descriptors do not overlap, and `self` is borrowed as long as the result.
        unsafe { bytes(self.offset, self.length) }
    }
    /// The packet's bytes, writable.
    pub(crate) fn data_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above; `self` is borrowed for writing as long as the result.
        unsafe { bytes(self.offset, self.length) }
    }
    /// Adds `n` bytes at the start; false if there is no room.
    pub(crate) fn push(&mut self, n: u16) -> bool {
        let Some(left) = self.headroom.checked_sub(n) else { return false };
        self.headroom = left;
        self.offset -= u32::from(n);
        self.length += u32::from(n);
        true
    }
    /// Removes `n` bytes from the start; false if there are fewer.
    pub(crate) fn strip(&mut self, n: u16) -> bool {
        let Some(left) = self.length.checked_sub(n.into()) else { return false };
        let Some(headroom) = self.headroom.checked_add(n) else { return false };
        self.headroom = headroom;
        self.offset += u32::from(n);
        self.length = left;
        true
    }
    /// Adds `n` bytes at the end; false if there is no room.
    pub(crate) fn grow(&mut self, n: u16) -> bool {
        let Some(left) = self.tailroom.checked_sub(n) else { return false };
        self.tailroom = left;
        self.length += u32::from(n);
        true
    }
    /// Removes all bytes but the first `n`.
    pub(crate) fn truncate(&mut self, n: u32) {
        let taken = self.length.saturating_sub(n);
        self.length -= taken;
        self.tailroom = self.tailroom.saturating_add(taken.min(u16::MAX.into()) as u16);
    }
    pub(crate) fn input(&self) -> u16 {
        self.input
    }
    pub(crate) fn network(&self) -> u16 {
        self.network
    }
    pub(crate) fn paint(&self) -> u8 {
        self.paint
    }
}

/// The function of a module, and room for its texts.
pub struct Guest<F> {
    inside: UnsafeCell<(F, Text)>,
    busy: Cell<bool>,
}

// SAFETY: there is one thread.
unsafe impl<F> Sync for Guest<F> {}

impl<F> Guest<F> {
    /// For a static.
    pub const fn new(function: F) -> Self {
        Guest { inside: UnsafeCell::new((function, Text::new())), busy: Cell::new(false) }
    }
    /// Runs `f` on the function. Traps if `f` does so again.
    pub fn with<R>(&self, f: impl FnOnce(&mut F, &mut Text) -> R) -> R {
        assert!(!self.busy.replace(true), "the function was called while it runs");
        // SAFETY: `busy` was false, so nobody else has a reference to what is inside, and there is one thread.
        let inside = unsafe { &mut *self.inside.get() };
        let result = f(&mut inside.0, &mut inside.1);
        self.busy.set(false);
        result
    }
}
