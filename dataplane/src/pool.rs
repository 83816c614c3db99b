//! The buffer pool: one block of memory for a process, a shared free list, and a cache per worker.
//!
//! Invariant: every buffer is uncarved, on the shared list, in a cache, or owned by exactly one
//! [`Packet`] (or, for a buffer whose owner was dropped first, by its sharers).
//! [`Cache::live`] counts the latter: the engine's conservation check compares it with what the
//! elements say they hold.
use crate::lock::Lock;
use crate::packet::{HEADER, Header, Packet};
use crate::pages;
use alloc::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ptr::NonNull;

/// Bytes from one header to the next: 37 cache lines. Odd, so that headers spread over all sets
/// of the cache.
pub const STRIDE: usize = 2368;
/// Bytes of a buffer, headroom included.
pub const BUFFER: u16 = (STRIDE - HEADER) as u16;
/// Bytes left free before a new frame.
pub const HEADROOM: u16 = 128;
/// Longest frame that a fresh packet takes, bytes.
pub const MAX_FRAME: usize = (BUFFER - HEADROOM) as usize;
/// Headers that move between a cache and the shared list at once.
const CHUNK: usize = 256;

/// What is behind the lock.
struct Shared {
    /// Made with room for all: it never grows.
    free: Vec<NonNull<Header>>,
    /// Buffers of the block that were given a header so far. The rest was never touched, so an
    /// idle pool takes no memory.
    carved: usize,
    /// Handles ([`Pool`], [`Cache`]) that exist.
    handles: usize,
}

pub(crate) struct Inner {
    shared: Lock<Shared>,
    count: usize,
    block: *mut u8,
    mem: *mut u8,
    layout: Layout,
}

// SAFETY: the free headers in `shared` belong to nobody and are reached only with the lock held; the
// rest does not change.
unsafe impl Sync for Inner {}

/// A process's pool. The memory stays until the last handle is gone and the last packet came back.
pub struct Pool(NonNull<Inner>);

// SAFETY: `Inner` is `Sync` and counts its handles under its lock.
unsafe impl Send for Pool {}
// SAFETY: as above.
unsafe impl Sync for Pool {}

impl Pool {
    /// A pool of `count` buffers of [`BUFFER`] bytes. Memory is taken as packets are.
    pub fn new(count: usize) -> Pool {
        let count = count.max(1);
        // Aligned by hand: with a larger alignment `alloc_zeroed` would touch every byte.
        let layout = Layout::from_size_align(count * STRIDE + 63, 16).expect("a pool below half of the address space");
        // SAFETY: the layout is not empty.
        let mem = unsafe { alloc_zeroed(layout) };
        if mem.is_null() {
            handle_alloc_error(layout);
        }
        pages::advise_huge(mem, layout.size());
        let block = mem.wrapping_add(mem.align_offset(64));
        let shared = Shared { free: Vec::with_capacity(count), carved: 0, handles: 1 };
        let inner = Inner { shared: Lock::new(shared), count, block, mem, layout };
        Pool(NonNull::from(Box::leak(Box::new(inner))))
    }

    fn inner(&self) -> &Inner {
        // SAFETY: freed only after the last handle said it is gone.
        unsafe { self.0.as_ref() }
    }

    /// A worker's own cache of free buffers.
    pub fn cache(&self) -> Cache {
        self.inner().shared.with(|s| s.handles += 1);
        Cache { pool: Pool(self.0), free: Vec::with_capacity(2 * CHUNK) }
    }

    /// A packet of length 0 with [`HEADROOM`], or `None` when all buffers are in use. From any
    /// thread; workers allocate from their [`Cache`].
    pub fn alloc(&self) -> Option<Packet> {
        // SAFETY: the handle keeps the pool live.
        unsafe { Inner::alloc(self.0.as_ptr()) }
    }

    /// Buffers in all.
    pub fn count(&self) -> usize {
        self.inner().count
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // SAFETY: this was one of the handles.
        unsafe { Inner::update(self.0.as_ptr(), |s, _| s.handles -= 1) };
    }
}

/// A worker's free buffers. Not shared: allocating and freeing is a push or a pop.
pub struct Cache {
    pool: Pool,
    free: Vec<NonNull<Header>>,
}

// SAFETY: the cache owns the headers in its list.
unsafe impl Send for Cache {}

impl Cache {
    /// A packet of length 0 with [`HEADROOM`], or `None` when all buffers are in use.
    #[inline]
    pub fn alloc(&mut self) -> Option<Packet> {
        let h = match self.free.pop() {
            Some(h) => h,
            None => self.refill()?,
        };
        // SAFETY: a header in the list has no other owner, and the pool is live.
        Some(unsafe { Packet::from_free(h, HEADROOM) })
    }

    #[cold]
    fn refill(&mut self) -> Option<NonNull<Header>> {
        let pool = self.pool.0.as_ptr();
        self.pool.inner().shared.with(|s| {
            let keep = s.free.len().saturating_sub(CHUNK);
            self.free.extend(s.free.drain(keep..));
            while self.free.len() < CHUNK {
                // SAFETY: the handle keeps the pool live; `s` is its shared part.
                let Some(h) = (unsafe { Inner::carve(pool, s) }) else { break };
                self.free.push(h);
            }
        });
        self.free.pop()
    }

    /// Takes a packet back.
    #[inline]
    pub fn free(&mut self, p: Packet) {
        // Packets of another pool (a graph that outlived its engine) find their own way home.
        if !p.is_of(self.pool.0.as_ptr()) {
            return drop(p);
        }
        p.dissolve(|h| self.free.push(h));
        if self.free.len() >= 2 * CHUNK {
            self.spill();
        }
    }

    #[cold]
    fn spill(&mut self) {
        let to = self.free.len() - CHUNK;
        self.pool.inner().shared.with(|s| s.free.extend(self.free.drain(..to)));
    }

    /// Packets that exist right now, as far as this cache can tell: those in other caches count.
    pub fn live(&self) -> usize {
        self.pool.inner().shared.with(|s| s.carved - s.free.len()) - self.free.len()
    }

    /// The pool behind the cache.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.pool.inner().shared.with(|s| s.free.append(&mut self.free));
    }
}

/// No methods: packets keep the pointer that is handed in here, and the last one frees the pool
/// through it, which a pointer made from a `&self` would forbid.
impl Inner {
    /// Gives the next untouched buffer its header.
    /// # Safety
    /// `pool` is live, is what [`Pool::new`] made, and `s` is its shared part.
    unsafe fn carve(pool: *const Inner, s: &mut Shared) -> Option<NonNull<Header>> {
        // SAFETY: live, and neither field ever changes.
        let (count, block) = unsafe { ((*pool).count, (*pool).block) };
        if s.carved == count {
            return None;
        }
        let at = block.wrapping_add(s.carved * STRIDE);
        s.carved += 1;
        // SAFETY: `carved < count`, so the bytes lie inside the block, which is zeroed and aligned
        // to 64 as STRIDE is; nobody was given them before.
        Some(unsafe { Packet::carve(at, BUFFER, pool) })
    }

    /// A packet of length 0, or `None` when all buffers are in use.
    /// # Safety
    /// `pool` is live and is what [`Pool::new`] made.
    pub(crate) unsafe fn alloc(pool: *const Inner) -> Option<Packet> {
        // SAFETY: as the caller says; `s` is the shared part of `pool`.
        let h = unsafe { (*pool).shared.with(|s| s.free.pop().or_else(|| Inner::carve(pool, s))) }?;
        // SAFETY: the header came off the list, so it has no other owner.
        Some(unsafe { Packet::from_free(h, HEADROOM) })
    }

    /// Takes a header back, and frees the pool when that was the last packet and no handle is left.
    /// # Safety
    /// `pool` is live; the caller owned `h`, which is of this pool, and forgets it.
    pub(crate) unsafe fn give(pool: *const Inner, h: NonNull<Header>) {
        // SAFETY: as the caller says.
        unsafe { Inner::update(pool, |s, _| s.free.push(h)) };
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
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_pool_says_so_and_recovers() {
        let pool = Pool::new(3);
        let mut cache = pool.cache();
        let all: Vec<_> = core::iter::from_fn(|| cache.alloc()).collect();
        assert_eq!((all.len(), cache.live()), (3, 3));
        assert!(pool.alloc().is_none());
        all.into_iter().for_each(|p| cache.free(p));
        assert_eq!(cache.live(), 0);
        assert!(cache.alloc().is_some());
    }

    #[test]
    fn packets_outlive_their_pool() {
        let pool = Pool::new(8);
        let mut cache = pool.cache();
        let mut p = cache.alloc().expect("buffer");
        drop(pool);
        drop(cache);
        assert!(p.set_data(&[7; 100]));
        assert_eq!(p.data(), [7; 100]);
    }

    #[test]
    fn caches_spill_and_refill_without_losing_buffers() {
        let pool = Pool::new(2000);
        let (mut a, mut b) = (pool.cache(), pool.cache());
        for _ in 0..3 {
            let all: Vec<_> = core::iter::from_fn(|| a.alloc()).collect();
            let there = all.len();
            assert!(there > 1400, "{there}: at most two chunks are kept by the other cache");
            all.into_iter().for_each(|p| b.free(p));
        }
        drop(a);
        assert_eq!(b.live(), 0);
    }

    #[cfg(feature = "std")]
    #[test]
    fn shared_buffers_cross_threads() {
        let pool = Pool::new(2048);
        let mut cache = pool.cache();
        let mut p = cache.alloc().expect("buffer");
        assert!(p.set_data(&[1; 1000]));
        let clones: Vec<_> = (0..8).map(|_| p.try_clone(|| cache.alloc()).expect("clone")).collect();
        std::thread::scope(|s| {
            for (i, mut c) in clones.into_iter().enumerate() {
                s.spawn(move || {
                    assert_eq!(c.data(), [1; 1000]);
                    c.data_mut().expect("copy")[0] = i as u8;
                    assert_eq!(c.data()[0], i as u8);
                });
            }
            p.set_paint(9);
            assert_eq!(p.data()[0], 1);
        });
        cache.free(p);
        assert_eq!(cache.live(), 0);
    }
}
