//! The buffer pool: one for a process, and a cache per worker. The buffers are those of a block of our own, or
//! with DPDK those of an `rte_mempool`, so that drivers receive into them and send from them.
//!
//! Invariant: every buffer is free (uncarved, on the shared list, in a cache), with a driver, or owned by exactly
//! one [`Packet`] (or, for a buffer whose owner was dropped first, by its sharers).
//! [`Cache::live`] counts those that are not free: the engine's conservation check compares it with what the
//! elements say they hold.
mod own;

use crate::batch::Batch;
#[cfg(feature = "dpdk")]
use crate::io::sys::dpdk::mempool::Mempool;
use crate::packet::{HEADER, Header, Packet};
use alloc::vec::Vec;
use core::ptr::NonNull;
use own::Own;

/// Bytes from one header to the next: 37 cache lines. Odd, so that headers spread over all sets
/// of the cache.
pub const STRIDE: usize = 2368;
/// Bytes of a buffer, headroom included.
pub const BUFFER: u16 = (STRIDE - HEADER) as u16;
/// Bytes left free before a new frame.
pub const HEADROOM: u16 = 128;
/// Longest frame that a fresh packet takes, bytes, unless the pool was made for longer ones.
pub const MAX_FRAME: usize = (BUFFER - HEADROOM) as usize;
/// Longest frame that a pool can be made for, bytes: jumbo frames with tags and encapsulation.
pub const LONGEST_FRAME: usize = 10_176;
/// Headers that move between a cache and the shared list at once.
const CHUNK: usize = 256;

/// Bytes from one header to the next for frames of up to `frame` bytes: an odd number of cache lines.
const fn stride(frame: usize) -> usize {
    let lines = (HEADER + HEADROOM as usize + frame).div_ceil(64);
    (lines | 1) * 64
}

const _: () = assert!(stride(MAX_FRAME) == STRIDE && stride(LONGEST_FRAME) <= u16::MAX as usize);

/// The frames that a pool is made for, of those asked for.
pub(crate) fn possible(frame: usize) -> usize {
    frame.clamp(MAX_FRAME, LONGEST_FRAME)
}

/// Bytes of a buffer, headroom included, for frames of up to `frame` bytes.
pub(crate) fn buffer_for(frame: usize) -> u16 {
    (stride(possible(frame)) - HEADER) as u16
}

/// What the `pool` field of a header points to: our own pool, or an `rte_mempool`. Its address tells which.
pub(crate) enum Home {}

/// A packet of length 0, or `None` when all buffers are in use.
/// # Safety
/// `home` is the `pool` field of a header whose packet exists.
pub(crate) unsafe fn alloc(home: *const Home) -> Option<Packet> {
    #[cfg(feature = "dpdk")]
    if let Some(pool) = Mempool::at(home) {
        return alloc_from(&pool);
    }
    // SAFETY: a packet keeps its pool alive; there is no other kind.
    unsafe { own::alloc(home) }
}

/// Takes a header back, from any thread.
/// # Safety
/// As for [`alloc`]; the caller owned `h`, which is of this pool, and forgets it.
pub(crate) unsafe fn give(home: *const Home, h: NonNull<Header>) {
    #[cfg(feature = "dpdk")]
    if let Some(pool) = Mempool::at(home) {
        return pool.put(&[h]);
    }
    // SAFETY: as the caller says.
    unsafe { own::give(home, h) }
}

/// Bytes of each buffer, headroom included.
/// # Safety
/// As for [`alloc`].
pub(crate) unsafe fn buffer_of(home: *const Home) -> u16 {
    #[cfg(feature = "dpdk")]
    if let Some(pool) = Mempool::at(home) {
        return pool.room();
    }
    // SAFETY: a packet keeps its pool alive; there is no other kind.
    unsafe { own::buffer_of(home) }
}

#[cfg(feature = "dpdk")]
fn alloc_from(pool: &Mempool) -> Option<Packet> {
    let mut one = Vec::with_capacity(1);
    pool.take(1, &mut one);
    // SAFETY: the header came from the pool, so it has no other owner.
    one.pop().map(|h| unsafe { Packet::from_free(h, HEADROOM) })
}

/// A process's pool. Its memory stays until the last handle is gone and the last packet came back.
#[derive(Clone)]
pub struct Pool(Source);

#[derive(Clone)]
enum Source {
    Own(Own),
    #[cfg(feature = "dpdk")]
    Dpdk(Mempool),
}

impl Pool {
    /// A pool of `count` buffers of [`BUFFER`] bytes, whose memory is taken as packets are. Once DPDK runs there
    /// is but one, that of its drivers: every packet can be sent through them.
    pub fn new(count: usize) -> Pool {
        #[cfg(feature = "dpdk")]
        if let Some(pool) = Mempool::get() {
            return Pool(Source::Dpdk(pool));
        }
        Pool(Source::Own(Own::new(count, MAX_FRAME)))
    }

    /// The same for frames of up to `frame` bytes, at least [`MAX_FRAME`] and at most [`LONGEST_FRAME`]. Where DPDK runs
    /// its pool is as it was started.
    pub fn for_frames(count: usize, frame: usize) -> Pool {
        #[cfg(feature = "dpdk")]
        if let Some(pool) = Mempool::get() {
            return Pool(Source::Dpdk(pool));
        }
        Pool(Source::Own(Own::new(count, possible(frame))))
    }

    /// Longest frame that a fresh packet takes, bytes.
    pub fn longest_frame(&self) -> usize {
        match &self.0 {
            Source::Own(pool) => pool.longest_frame(),
            #[cfg(feature = "dpdk")]
            Source::Dpdk(pool) => pool.longest_frame(),
        }
    }

    /// Pools of our own that exist, or that packets keep.
    #[cfg(feature = "dpdk")]
    pub(crate) fn own_ones() -> usize {
        own::EXISTING.load(core::sync::atomic::Ordering::Acquire)
    }

    /// A worker's own cache of free buffers.
    pub fn cache(&self) -> Cache {
        let home = match &self.0 {
            Source::Own(pool) => pool.home(),
            #[cfg(feature = "dpdk")]
            Source::Dpdk(pool) => pool.home(),
        };
        let longest = self.longest_frame();
        Cache { home, pool: self.clone(), longest, free: Vec::with_capacity(2 * CHUNK) }
    }

    /// A packet of length 0 with [`HEADROOM`], or `None` when all buffers are in use. From any
    /// thread; workers allocate from their [`Cache`].
    pub fn alloc(&self) -> Option<Packet> {
        match &self.0 {
            // SAFETY: the handle keeps the pool live.
            Source::Own(pool) => unsafe { own::alloc(pool.home()) },
            #[cfg(feature = "dpdk")]
            Source::Dpdk(pool) => alloc_from(pool),
        }
    }

    /// Buffers in all.
    pub fn count(&self) -> usize {
        match &self.0 {
            Source::Own(pool) => pool.count(),
            #[cfg(feature = "dpdk")]
            Source::Dpdk(pool) => pool.count(),
        }
    }

    /// Headers that are neither uncarved nor on the shared list.
    fn out(&self) -> usize {
        match &self.0 {
            Source::Own(pool) => pool.out(),
            #[cfg(feature = "dpdk")]
            Source::Dpdk(pool) => pool.out(),
        }
    }
}

/// A worker's free buffers. Not shared: allocating and freeing is a push or a pop.
pub struct Cache {
    home: *const Home,
    pool: Pool,
    longest: usize,
    free: Vec<NonNull<Header>>,
}

// SAFETY: the cache owns the headers in its list; `home` is compared, never followed.
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

    /// Appends up to `n` packets of length 0 with [`HEADROOM`] to `batch`. No more buffers are taken from the pool than
    /// that: whoever only sends gets those back that a driver has just given up, which are in the processor's cache still.
    #[inline]
    pub fn alloc_burst(&mut self, n: usize, batch: &mut Batch) {
        if self.free.len() < n {
            self.fetch(n - self.free.len());
        }
        let at = self.free.len().saturating_sub(n);
        // SAFETY: a header in the list has no other owner, and the pool is live.
        batch.extend(self.free.drain(at..).map(|h| unsafe { Packet::from_free(h, HEADROOM) }));
    }

    #[cold]
    fn refill(&mut self) -> Option<NonNull<Header>> {
        self.fetch(CHUNK);
        self.free.pop()
    }

    /// Takes up to `n` free buffers out of the pool.
    fn fetch(&mut self, n: usize) {
        match &self.pool.0 {
            Source::Own(pool) => pool.take(n, &mut self.free),
            #[cfg(feature = "dpdk")]
            Source::Dpdk(pool) => pool.take(n, &mut self.free),
        }
    }

    /// Takes a packet back.
    #[inline]
    pub fn free(&mut self, p: Packet) {
        // Packets of another pool (a graph that outlived its engine) find their own way home.
        if !p.is_of(self.home) {
            return drop(p);
        }
        p.dissolve(|h| self.free.push(h));
        if self.free.len() >= 2 * CHUNK {
            self.spill(CHUNK);
        }
    }

    /// Gives free buffers back but for the first `keep`.
    #[cold]
    fn spill(&mut self, keep: usize) {
        // The oldest go: the others are still in the processor's cache.
        let go = self.free.len().saturating_sub(keep);
        match &self.pool.0 {
            Source::Own(pool) => pool.put(&self.free[..go]),
            #[cfg(feature = "dpdk")]
            Source::Dpdk(pool) => pool.put(&self.free[..go]),
        }
        self.free.drain(..go);
    }

    /// Packets that exist right now, as far as this cache can tell: those in other caches count, and
    /// those that drivers keep ready to receive into.
    pub fn live(&self) -> usize {
        self.pool.out() - self.free.len()
    }

    /// Longest frame that a fresh packet takes, bytes.
    pub fn longest_frame(&self) -> usize {
        self.longest
    }

    /// The pool behind the cache.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.spill(0);
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
    fn a_burst_is_as_long_as_there_are_buffers() {
        let pool = Pool::new(100);
        let (mut cache, mut batch) = (pool.cache(), Batch::default());
        cache.alloc_burst(64, &mut batch);
        assert_eq!((batch.len(), cache.live()), (64, 64));
        cache.alloc_burst(64, &mut batch);
        assert_eq!((batch.len(), cache.live()), (100, 100));
        batch.drain_first(70).for_each(|p| cache.free(p));
        cache.alloc_burst(3, &mut batch);
        assert_eq!((batch.len(), cache.live()), (33, 33));
        assert!(batch.iter().all(|p| p.len() == 0 && p.headroom() == HEADROOM.into()));
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
    fn buffers_are_as_long_as_the_frames_that_the_pool_is_for() {
        for (asked, frame) in [(64, MAX_FRAME), (9014, 9014), (1 << 20, LONGEST_FRAME)] {
            let pool = Pool::for_frames(4, asked);
            assert_eq!((pool.longest_frame(), pool.cache().longest_frame()), (frame, frame));
            let mut p = pool.alloc().expect("buffer");
            assert!(p.set_data(&vec![3; frame]) && p.data() == vec![3; frame]);
            assert!(!p.set_data(&vec![3; frame + 128]));
            // A buffer that was shared has its length again.
            let mut shared = p.try_clone(|| pool.alloc()).expect("clone");
            assert!(shared.data_mut().is_some_and(|d| d.len() == frame));
            drop((p, shared));
            let mut cache = pool.cache();
            let all: Vec<_> = core::iter::from_fn(|| cache.alloc()).collect();
            assert_eq!(all.len(), 4);
            assert!(all.iter().all(|p| p.tailroom() >= frame));
        }
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
