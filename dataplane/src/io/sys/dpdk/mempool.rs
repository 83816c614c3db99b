//! The process's pool of buffers, an `rte_mempool`: drivers take from it and give back to it by themselves.
use super::{c, error_text, last_error};
use crate::packet::{HEADER, Header};
use crate::pool::{Home, buffer_for, possible};
use core::mem::{offset_of, size_of};
use std::ptr::NonNull;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicPtr, AtomicUsize};

/// What a buffer has beyond one of our own pool, bytes: with the headers before it (64 bytes of the pool's, 128 of the
/// packet's) it is an odd number of cache lines, as there, and what fits one fits the other.
const MORE: u16 = 64;
/// Buffers that each worker keeps at hand: the most that DPDK allows.
const AT_HAND: u32 = 512;

const _: () = {
    assert!(size_of::<c::rte_mbuf>() == HEADER && size_of::<Header>() == HEADER);
    assert!(offset_of!(c::rte_mbuf, buf_addr) == offset_of!(Header, buf_addr));
    assert!(offset_of!(c::rte_mbuf, buf_iova) == offset_of!(Header, buf_iova));
    assert!(offset_of!(c::rte_mbuf, data_off) == offset_of!(Header, data_off));
    assert!(offset_of!(c::rte_mbuf, refcnt) == offset_of!(Header, refcnt));
    assert!(offset_of!(c::rte_mbuf, nb_segs) == offset_of!(Header, nb_segs));
    assert!(offset_of!(c::rte_mbuf, port) == offset_of!(Header, port));
    assert!(offset_of!(c::rte_mbuf, ol_flags) == offset_of!(Header, ol_flags));
    // The packet type lies between, under the offsets of the headers.
    assert!(offset_of!(c::rte_mbuf, pkt_len) == offset_of!(Header, pkt_len));
    assert!(offset_of!(c::rte_mbuf, data_len) == offset_of!(Header, data_len));
    assert!(offset_of!(c::rte_mbuf, vlan_tci) == offset_of!(Header, vlan_tci));
    // The hash, under destination, paint, marks and link offset, then the outer VLAN tag.
    assert!(offset_of!(c::rte_mbuf, vlan_tci_outer) == offset_of!(Header, kind));
    assert!(offset_of!(c::rte_mbuf, buf_len) == offset_of!(Header, buf_len));
    assert!(offset_of!(c::rte_mbuf, pool) == offset_of!(Header, pool));
    assert!(offset_of!(c::rte_mbuf, next) == offset_of!(Header, next));
    assert!(offset_of!(c::rte_mbuf, shinfo) == offset_of!(Header, shinfo));
    assert!(offset_of!(c::rte_mbuf, priv_size) == offset_of!(Header, priv_size));
    assert!(offset_of!(c::rte_mbuf, timesync) == offset_of!(Header, trace));
    assert!(offset_of!(c::rte_mbuf, dynfield1) == offset_of!(Header, cold));
    assert!(c::SLUICE_MBUF_INDIRECT == crate::packet::INDIRECT);
};

/// The one pool, null while there is none.
static POOL: AtomicPtr<c::rte_mempool> = AtomicPtr::new(std::ptr::null_mut());

/// Longest frame that its buffers take, bytes.
static LONGEST: AtomicUsize = AtomicUsize::new(0);

/// Handles that exist.
static HANDLES: AtomicUsize = AtomicUsize::new(0);

/// A handle. The pool's memory stays until [`is_idle`] says that nobody can reach it.
pub(crate) struct Mempool(NonNull<c::rte_mempool>);

// SAFETY: DPDK's pools may be used from every thread.
unsafe impl Send for Mempool {}
// SAFETY: as above.
unsafe impl Sync for Mempool {}

impl Mempool {
    /// Makes the pool, of `count` buffers for frames of up to `frame` bytes.
    pub(super) fn create(count: u32, frame: usize) -> Result<Mempool, String> {
        let frame = possible(frame);
        let room = buffer_for(frame) + MORE;
        let at_hand = AT_HAND.min(count * 2 / 3);
        // SAFETY: the name is a C string; DPDK is started.
        let pool = unsafe { c::rte_pktmbuf_pool_create(c"sluice".as_ptr(), count, at_hand, 0, room, -1) };
        match NonNull::new(pool) {
            Some(pool) => {
                LONGEST.store(frame, Relaxed);
                POOL.store(pool.as_ptr(), Release);
                Ok(Mempool::handle(pool))
            }
            None => Err(format!("{count} packet buffers: {}", error_text(last_error()))),
        }
    }

    fn handle(pool: NonNull<c::rte_mempool>) -> Mempool {
        HANDLES.fetch_add(1, Relaxed);
        Mempool(pool)
    }

    /// The pool, if there is one.
    pub(crate) fn get() -> Option<Mempool> {
        NonNull::new(POOL.load(Acquire)).map(Mempool::handle)
    }

    /// The pool, if `home` is it.
    pub(crate) fn at(home: *const Home) -> Option<Mempool> {
        let pool = POOL.load(Acquire);
        (pool.cast_const().cast() == home).then(|| NonNull::new(pool).map(Mempool::handle)).flatten()
    }

    pub(crate) fn home(&self) -> *const Home {
        self.0.as_ptr().cast_const().cast()
    }

    pub(super) fn raw(&self) -> *mut c::rte_mempool {
        self.0.as_ptr()
    }

    /// Moves up to `n` free buffers into `to`: at least one, unless there is none.
    pub(crate) fn take(&self, mut n: usize, to: &mut Vec<NonNull<Header>>) {
        to.reserve(n);
        while n > 0 {
            let had = to.len();
            // SAFETY: there is room for `n` more pointers; the pool gives none that is null, each to a header
            // that `create` had initialised, with the layout asserted above, and that nobody else owns.
            unsafe {
                if c::rte_mempool_get_bulk(self.raw(), to.as_mut_ptr().add(had).cast(), n as u32) == 0 {
                    return to.set_len(had + n);
                }
            }
            n /= 2; // all or none is what it gives
        }
    }

    /// Takes buffers back.
    pub(crate) fn put(&self, headers: &[NonNull<Header>]) {
        // SAFETY: the callers owned them and forget them; each is of this pool, alone, and as drivers expect
        // a free one: one user, one segment.
        unsafe { c::rte_mempool_put_bulk(self.raw(), headers.as_ptr().cast(), headers.len() as u32) };
    }

    /// Buffers that are not in the pool: in packets, in workers' hands or with drivers.
    pub(crate) fn out(&self) -> usize {
        // SAFETY: the pool exists.
        unsafe { c::rte_mempool_in_use_count(self.raw()) as usize }
    }

    /// Longest frame that a fresh packet takes, bytes.
    pub(crate) fn longest_frame(&self) -> usize {
        LONGEST.load(Relaxed)
    }

    /// Bytes of each buffer, headroom included.
    pub(crate) fn room(&self) -> u16 {
        buffer_for(self.longest_frame()) + MORE
    }

    /// Buffers in all.
    pub(crate) fn count(&self) -> usize {
        // SAFETY: the pool exists, and the field does not change.
        unsafe { (*self.raw()).size as usize }
    }
}

impl Clone for Mempool {
    fn clone(&self) -> Mempool {
        Mempool::handle(self.0)
    }
}

impl Drop for Mempool {
    fn drop(&mut self) {
        HANDLES.fetch_sub(1, Release);
    }
}

/// Whether neither a handle nor a buffer is out, so that nobody can reach the pool's memory.
pub(super) fn is_idle() -> bool {
    if HANDLES.load(Acquire) > 0 {
        return false;
    }
    let idle = Mempool::get().is_none_or(|p| p.out() == 0);
    if idle {
        POOL.store(std::ptr::null_mut(), Release);
    }
    idle
}
