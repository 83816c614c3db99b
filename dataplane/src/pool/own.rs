//! Our own pool: one block of memory, carved into buffers as they are needed, and a shared list of the free ones.
use super::{HEADROOM, Home, buffer_for, stride};
use crate::lock::Lock;
use crate::packet::{Header, Packet};
use crate::pages;
use alloc::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ptr::NonNull;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::{Relaxed, Release};

/// Pools that exist.
pub(super) static EXISTING: AtomicUsize = AtomicUsize::new(0);

/// What is behind the lock.
struct Shared {
    /// Made with room for all: it never grows.
    free: Vec<NonNull<Header>>,
    /// Buffers of the block that were given a header so far. The rest was never touched, so an
    /// idle pool takes no memory.
    carved: usize,
    /// Handles that exist.
    handles: usize,
}

struct Inner {
    shared: Lock<Shared>,
    count: usize,
    /// Longest frame, bytes of a buffer, and bytes from one header to the next.
    frame: usize,
    buffer: u16,
    stride: usize,
    block: *mut u8,
    mem: *mut u8,
    layout: Layout,
}

// SAFETY: the free headers in `shared` belong to nobody and are reached only with the lock held; the
// rest does not change.
unsafe impl Sync for Inner {}

/// A handle. The memory stays until the last handle is gone and the last packet came back.
pub(super) struct Own(NonNull<Inner>);

// SAFETY: `Inner` is `Sync` and counts its handles under its lock.
unsafe impl Send for Own {}
// SAFETY: as above.
unsafe impl Sync for Own {}

impl Own {
    /// `frame` is one that is possible.
    pub(super) fn new(count: usize, frame: usize) -> Own {
        let (count, stride) = (count.max(1), stride(frame));
        // Aligned by hand: with a larger alignment `alloc_zeroed` would touch every byte.
        let layout = Layout::from_size_align(count * stride + 63, 16).expect("a pool below half of the address space");
        // SAFETY: the layout is not empty.
        let mem = unsafe { alloc_zeroed(layout) };
        if mem.is_null() {
            handle_alloc_error(layout);
        }
        pages::advise_huge(mem, layout.size());
        let block = mem.wrapping_add(mem.align_offset(64));
        let shared = Shared { free: Vec::with_capacity(count), carved: 0, handles: 1 };
        let buffer = buffer_for(frame);
        let inner = Inner { shared: Lock::new(shared), count, frame, buffer, stride, block, mem, layout };
        EXISTING.fetch_add(1, Relaxed);
        Own(NonNull::from(Box::leak(Box::new(inner))))
    }

    fn inner(&self) -> &Inner {
        // SAFETY: freed only after the last handle said it is gone.
        unsafe { self.0.as_ref() }
    }

    pub(super) fn home(&self) -> *const Home {
        self.0.as_ptr().cast()
    }

    /// Moves up to `n` free headers into `to`.
    pub(super) fn take(&self, n: usize, to: &mut Vec<NonNull<Header>>) {
        let pool = self.0.as_ptr();
        self.inner().shared.with(|s| {
            let keep = s.free.len().saturating_sub(n);
            let end = to.len() + n;
            to.extend(s.free.drain(keep..));
            while to.len() < end {
                // SAFETY: the handle keeps the pool live; `s` is its shared part.
                let Some(h) = (unsafe { Inner::carve(pool, s) }) else { break };
                to.push(h);
            }
        });
    }

    /// Takes headers back.
    pub(super) fn put(&self, headers: &[NonNull<Header>]) {
        self.inner().shared.with(|s| s.free.extend(headers));
    }

    /// Headers that are not on the shared list.
    pub(super) fn out(&self) -> usize {
        self.inner().shared.with(|s| s.carved - s.free.len())
    }

    pub(super) fn count(&self) -> usize {
        self.inner().count
    }

    pub(super) fn longest_frame(&self) -> usize {
        self.inner().frame
    }
}

impl Clone for Own {
    fn clone(&self) -> Own {
        self.inner().shared.with(|s| s.handles += 1);
        Own(self.0)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // SAFETY: this was one of the handles.
        unsafe { Inner::update(self.0.as_ptr(), |s, _| s.handles -= 1) };
    }
}

/// A packet of length 0, or `None` when all buffers are in use.
/// # Safety
/// `home` is what [`Own::home`] of a live pool gave.
pub(super) unsafe fn alloc(home: *const Home) -> Option<Packet> {
    let pool = home.cast::<Inner>();
    // SAFETY: as the caller says; `s` is the shared part of `pool`.
    let h = unsafe { (*pool).shared.with(|s| s.free.pop().or_else(|| Inner::carve(pool, s))) }?;
    // SAFETY: the header came off the list, so it has no other owner.
    Some(unsafe { Packet::from_free(h, HEADROOM) })
}

/// Bytes of each buffer, headroom included.
/// # Safety
/// As for [`alloc`].
pub(super) unsafe fn buffer_of(home: *const Home) -> u16 {
    // SAFETY: the pool is live, as the caller says, and the field never changes.
    unsafe { (*home.cast::<Inner>()).buffer }
}

/// Takes a header back, and frees the pool when that was the last packet and no handle is left.
/// # Safety
/// `home` is what [`Own::home`] of a live pool gave; the caller owned `h`, which is of this pool, and
/// forgets it.
pub(super) unsafe fn give(home: *const Home, h: NonNull<Header>) {
    // SAFETY: as the caller says.
    unsafe { Inner::update(home.cast(), |s, _| s.free.push(h)) };
}

/// No methods: packets keep the pointer that is handed in here, and the last one frees the pool
/// through it, which a pointer made from a `&self` would forbid.
impl Inner {
    /// Gives the next untouched buffer its header.
    /// # Safety
    /// `pool` is live, is what [`Own::new`] made, and `s` is its shared part.
    unsafe fn carve(pool: *const Inner, s: &mut Shared) -> Option<NonNull<Header>> {
        // SAFETY: live, and none of these fields ever changes.
        let (count, block, stride, buffer) = unsafe { ((*pool).count, (*pool).block, (*pool).stride, (*pool).buffer) };
        if s.carved == count {
            return None;
        }
        let at = block.wrapping_add(s.carved * stride);
        s.carved += 1;
        // SAFETY: `carved < count`, so the bytes lie inside the block, which is zeroed and aligned
        // to 64 as the stride is; nobody was given them before.
        Some(unsafe { Packet::carve(at, buffer, pool.cast()) })
    }

    /// Changes the shared part, and frees everything when that took away the last user.
    /// # Safety
    /// `pool` is live, and `f` ends the caller's claim on it.
    unsafe fn update(pool: *const Inner, f: impl FnOnce(&mut Shared, usize)) {
        // SAFETY: the pool is live until the claim that `f` ends is gone. With no handle and no
        // packet left nobody can reach it again, and just one caller sees that state first.
        unsafe {
            let last = (*pool).shared.with(|s| {
                f(s, (*pool).count);
                s.handles == 0 && s.free.len() == s.carved
            });
            if last {
                let inner = Box::from_raw(pool.cast_mut());
                dealloc(inner.mem, inner.layout);
                EXISTING.fetch_sub(1, Release);
            }
        }
    }
}
