//! One packet: a handle (one pointer) to a header laid out as DPDK's `rte_mbuf`, and the bytes it
//! describes.
//!
//! Invariant: a `Packet` owns its header, hence its annotations. Several packets may share one
//! *buffer* (an indirect packet points into its owner's); writing to a shared buffer copies it.
//! `data_off + data_len <= buf_len` always holds.
mod anno;
mod header;

pub use anno::{Anno, PacketKind};
pub(crate) use header::{HEADER, Header, INDIRECT};

use crate::pool;
use core::cell::Cell;
use core::ptr::NonNull;
use core::slice;
use core::sync::atomic::AtomicU16;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use header::{Cold, UNSET};

/// Clones up to this many bytes are copied: cheaper than sharing, and they stay writable.
pub const COPY_LIMIT: usize = 256;

/// Owning handle of a packet. Dropping it gives header and buffer back to their pool; elements end
/// packets through their [`Context`](crate::context::Context) instead, which counts them.
#[repr(transparent)]
pub struct Packet(NonNull<Header>);

// SAFETY: the header has one owner, this handle. What owners of one buffer share is `refcnt`
// (atomic), the bytes (read-only while it is not 1), and the pool (`Sync`).
unsafe impl Send for Packet {}

impl Packet {
    /// Takes a free header and clears what a new packet must not inherit.
    /// # Safety
    /// `h` points to an initialised header of a live pool and nobody else owns it.
    #[inline]
    pub(crate) unsafe fn from_free(h: NonNull<Header>, headroom: u16) -> Packet {
        let p = Packet(h);
        let m = p.header();
        m.data_off.set(headroom);
        m.data_len.set(0);
        m.pkt_len.set(0);
        m.net_off.set(UNSET);
        m.transport_off.set(UNSET);
        m.mac_off.set(UNSET);
        m.dst.set([0; 4]);
        m.vlan_tci.set(0);
        m.paint.set(0);
        m.mark.set(0);
        m.kind.set(0);
        m.icmp_pointer.set(0);
        p
    }

    /// Makes a packet of a buffer that a driver has received a frame into.
    /// # Safety
    /// `h` points to an mbuf of DPDK's pool, of one segment and with its own buffer, that nobody else owns; the
    /// caller owns it as a packet from now on.
    #[cfg(feature = "dpdk")]
    #[inline]
    pub(crate) unsafe fn adopt(h: NonNull<Header>) {
        // SAFETY: as the caller says. Behind each other lie both offsets; VLAN tag, destination, paint and marks; kind and
        // ICMP pointer. Few stores, for there is a packet every few nanoseconds.
        unsafe {
            let at = h.as_ptr();
            let m = h.as_ref();
            (&raw mut (*at).net_off).cast::<[u16; 2]>().write([UNSET; 2]);
            (&raw mut (*at).vlan_tci).cast::<u64>().write_unaligned(0);
            m.mac_off.set(m.data_off.get());
            (&raw mut (*at).kind).cast::<u16>().write(0);
        }
    }

    /// The handle of a packet that was made with [`adopt`](Self::adopt).
    /// # Safety
    /// It was, and this is its one handle.
    #[cfg(feature = "dpdk")]
    pub(crate) unsafe fn from_adopted(h: NonNull<Header>) -> Packet {
        Packet(h)
    }

    /// Writes the header of a buffer that the pool has just carved out.
    /// # Safety
    /// `at` is the start of `HEADER + buf_len` initialised bytes, aligned to 64, that nobody uses;
    /// `pool` may be freed through.
    pub(crate) unsafe fn carve(at: *mut u8, buf_len: u16, pool: *const pool::Home) -> NonNull<Header> {
        // SAFETY: the caller says that there are so many bytes.
        let buf_addr = unsafe { NonNull::new_unchecked(at.add(HEADER)) };
        let header = Header {
            buf_addr: Cell::new(buf_addr),
            buf_iova: Cell::new(0),
            data_off: Cell::new(0),
            refcnt: AtomicU16::new(1),
            nb_segs: Cell::new(1),
            port: Cell::new(0),
            ol_flags: Cell::new(0),
            net_off: Cell::new(UNSET),
            transport_off: Cell::new(UNSET),
            pkt_len: Cell::new(0),
            data_len: Cell::new(0),
            vlan_tci: Cell::new(0),
            dst: Cell::new([0; 4]),
            paint: Cell::new(0),
            mark: Cell::new(0),
            mac_off: Cell::new(UNSET),
            kind: Cell::new(0),
            icmp_pointer: Cell::new(0),
            buf_len: Cell::new(buf_len),
            pool,
            next: Cell::new(0),
            tx_offload: Cell::new(0),
            shinfo: Cell::new(0),
            priv_size: Cell::new(0),
            trace: Cell::new(0),
            cold: Cell::new(Cold::default()),
        };
        let h = at.cast::<Header>();
        // SAFETY: the caller owns the bytes, and says that they are enough and aligned.
        unsafe {
            h.write(header);
            NonNull::new_unchecked(h)
        }
    }

    /// Gives up ownership without giving the packet back.
    #[inline]
    pub(crate) fn into_raw(self) -> NonNull<Header> {
        core::mem::ManuallyDrop::new(self).0
    }

    #[inline]
    fn header(&self) -> &Header {
        // SAFETY: the handle owns a live header until it is dropped.
        unsafe { self.0.as_ref() }
    }

    /// Asks for the header and the first bytes of a fresh frame to be brought into the cache. The
    /// address is computed, not read: reading it would be the miss that this avoids.
    #[inline]
    pub fn prefetch(&self) {
        #[cfg(target_arch = "x86_64")]
        {
            use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let at = self.0.as_ptr().cast::<i8>();
            // SAFETY: a prefetch has no effect that the program can see, whatever the address.
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(at);
                _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(HEADER + pool::HEADROOM as usize));
            }
        }
    }

    /// Length of the packet, bytes.
    #[inline]
    #[allow(clippy::len_without_is_empty)] // `is_empty` would suggest a container
    pub fn len(&self) -> usize {
        self.header().data_len.get() as usize
    }

    /// Free bytes before the data.
    #[inline]
    pub fn headroom(&self) -> usize {
        self.header().data_off.get() as usize
    }

    /// Free bytes behind the data.
    #[inline]
    pub fn tailroom(&self) -> usize {
        let h = self.header();
        h.buf_len.get() as usize - h.data_off.get() as usize - h.data_len.get() as usize
    }

    /// The packet's bytes.
    #[inline]
    pub fn data(&self) -> &[u8] {
        let h = self.header();
        // SAFETY: data_off + data_len <= buf_len; the pool made all bytes initialised; nobody
        // writes to a shared buffer.
        unsafe {
            let at = h.buf_addr.get().add(h.data_off.get() as usize);
            slice::from_raw_parts(at.as_ptr(), h.data_len.get() as usize)
        }
    }

    #[inline]
    fn exclusive(&self) -> bool {
        let h = self.header();
        // Acquire: what other users of the buffer did with it happened before they let it go.
        (h.refcnt.load(Acquire) == 1) & (h.ol_flags.get() & INDIRECT == 0)
    }

    /// The packet's bytes, writable. Copies a shared buffer first; `None` when the pool is empty.
    #[inline]
    pub fn data_mut(&mut self) -> Option<&mut [u8]> {
        if !self.exclusive() && !self.unshare() {
            return None;
        }
        let h = self.header();
        // SAFETY: as in `data`, and the buffer has just this one user.
        Some(unsafe {
            let at = h.buf_addr.get().add(h.data_off.get() as usize);
            slice::from_raw_parts_mut(at.as_ptr(), h.data_len.get() as usize)
        })
    }

    /// Exactly `N` bytes from `off`: the checked view that every header type starts from.
    #[inline]
    pub fn view<const N: usize>(&self, off: usize) -> Option<&[u8; N]> {
        self.data().get(off..)?.first_chunk()
    }

    /// As [`view`](Self::view), writable. `None` also when a shared buffer could not be copied.
    #[inline]
    pub fn view_mut<const N: usize>(&mut self, off: usize) -> Option<&mut [u8; N]> {
        self.data_mut()?.get_mut(off..)?.first_chunk_mut()
    }

    /// Replaces the bytes, keeping the start. False, and nothing changed, when they do not fit or
    /// a shared buffer could not be copied.
    #[inline]
    pub fn set_data(&mut self, bytes: &[u8]) -> bool {
        let h = self.header();
        if h.data_off.get() as usize + bytes.len() > h.buf_len.get() as usize || !(self.exclusive() || self.unshare()) {
            return false;
        }
        self.set_len(bytes.len());
        self.data_mut().map(|d| d.copy_from_slice(bytes)).is_some()
    }

    /// Makes the packet `n` bytes long, keeping the start, and shows all of them, writable. Those beyond the old length are
    /// whatever lay there before: the caller writes them. `None`, and nothing changed, when they do not fit or a shared
    /// buffer could not be copied.
    #[inline]
    pub fn resize(&mut self, n: usize) -> Option<&mut [u8]> {
        let h = self.header();
        if h.data_off.get() as usize + n > h.buf_len.get() as usize || !(self.exclusive() || self.unshare()) {
            return None;
        }
        self.set_len(n);
        let h = self.header();
        // SAFETY: as in `data_mut`, for which the buffer has just this one user.
        Some(unsafe {
            let at = h.buf_addr.get().add(h.data_off.get() as usize);
            slice::from_raw_parts_mut(at.as_ptr(), n)
        })
    }

    /// Appends bytes. False, and nothing changed, when there is no room for them.
    pub fn append(&mut self, bytes: &[u8]) -> bool {
        let at = self.len();
        if bytes.len() > self.tailroom() || !(self.exclusive() || self.unshare()) {
            return false;
        }
        self.set_len(at + bytes.len());
        self.data_mut().map(|d| d[at..].copy_from_slice(bytes)).is_some()
    }

    /// Adds `n` zero bytes at the end. False, and nothing changed, when there is no room.
    pub fn grow(&mut self, n: usize) -> bool {
        if n > self.tailroom() || !(self.exclusive() || self.unshare()) {
            return false;
        }
        let at = self.len();
        self.set_len(at + n);
        self.data_mut().map(|d| d[at..].fill(0)).is_some()
    }

    #[inline]
    fn set_len(&mut self, n: usize) {
        debug_assert!(self.headroom() + n <= self.header().buf_len.get() as usize);
        let h = self.header();
        h.data_len.set(n as u16);
        h.pkt_len.set(n as u32);
    }

    /// Removes `n` bytes from the end. False, and nothing changed, when there are fewer.
    #[inline]
    pub fn take(&mut self, n: usize) -> bool {
        let Some(len) = self.len().checked_sub(n) else { return false };
        self.set_len(len);
        true
    }

    /// Shortens to at most `n` bytes.
    #[inline]
    pub fn truncate(&mut self, n: usize) {
        self.set_len(self.len().min(n));
    }

    /// Removes `n` bytes from the start. False, and nothing changed, when there are fewer.
    #[inline]
    pub fn strip(&mut self, n: usize) -> bool {
        let Some(len) = self.len().checked_sub(n) else { return false };
        let h = self.header();
        h.data_off.set(h.data_off.get() + n as u16);
        self.set_len(len);
        true
    }

    /// Adds `n` bytes at the start: whatever lay there before (a stripped header, say). The caller
    /// writes them. False, and nothing changed, when neither headroom nor tailroom is enough.
    #[inline]
    pub fn push(&mut self, n: usize) -> bool {
        if n > self.headroom() && !self.make_headroom(n) {
            return false;
        }
        let len = self.len() + n;
        let h = self.header();
        h.data_off.set(h.data_off.get() - n as u16);
        self.set_len(len);
        true
    }

    /// Moves the data towards the end of the buffer, offsets with it.
    #[cold]
    fn make_headroom(&mut self, n: usize) -> bool {
        let (len, by) = (self.len(), n - self.headroom());
        if by > self.tailroom() || !(self.exclusive() || self.unshare()) {
            return false;
        }
        let h = self.header();
        h.data_off.set(h.data_off.get() + by as u16);
        let start = h.data_off.get() as usize;
        for off in [&h.net_off, &h.transport_off, &h.mac_off] {
            off.set(if off.get() == UNSET { UNSET } else { off.get().saturating_add(by as u16) });
        }
        // SAFETY: start - by .. start + len lies inside the buffer, which has one user.
        unsafe {
            let to = h.buf_addr.get().as_ptr().add(start);
            core::ptr::copy(to.sub(by), to, len);
        }
        true
    }

    /// A second packet with the same bytes and annotations: copied when short, sharing the buffer
    /// when long. `None` when the pool is empty. Elements use
    /// [`Context::copy`](crate::context::Context::copy), which counts.
    pub(crate) fn try_clone(&self, alloc: impl FnOnce() -> Option<Packet>) -> Option<Packet> {
        if self.len() <= COPY_LIMIT {
            return self.copy_into(alloc()?);
        }
        let mut c = alloc()?;
        let owner = self.owner();
        // SAFETY: the owner's header lives as long as its refcnt is not 0.
        if unsafe { Self::refcnt_of(owner) }.fetch_add(1, Relaxed) == u16::MAX {
            // 65,535 sharers: more would wrap. This one copies instead.
            // SAFETY: as above.
            unsafe { Self::refcnt_of(owner) }.fetch_sub(1, Relaxed);
            return self.copy_into(c);
        }
        let (h, m) = (self.header(), c.header());
        m.shinfo.set(m.buf_iova.get()); // its own, for when it lets the other's go
        m.buf_iova.set(h.buf_iova.get());
        m.buf_addr.set(h.buf_addr.get());
        m.buf_len.set(h.buf_len.get());
        m.data_off.set(h.data_off.get());
        m.data_len.set(h.data_len.get());
        m.pkt_len.set(h.pkt_len.get());
        m.ol_flags.set(h.ol_flags.get() | INDIRECT);
        c.annotate_from(self);
        Some(c)
    }

    /// Copies bytes and annotations into the fresh packet `c`. What was stripped off the start comes
    /// along: it may be pushed back on (Unstrip), and must not be another packet's bytes then.
    fn copy_into(&self, mut c: Packet) -> Option<Packet> {
        let h = self.header();
        let off = h.data_off.get();
        let start = off.min(pool::HEADROOM).min(h.mac_off.get());
        // SAFETY: start <= data_off; otherwise as in `data`.
        let bytes = unsafe {
            let at = h.buf_addr.get().add(start as usize);
            slice::from_raw_parts(at.as_ptr(), (off - start) as usize + h.data_len.get() as usize)
        };
        c.header().data_off.set(start);
        let fits = c.set_data(bytes) && c.strip((off - start) as usize);
        c.annotate_from(self);
        fits.then_some(c)
    }

    fn annotate_from(&mut self, p: &Packet) {
        let (m, h) = (self.header(), p.header());
        m.net_off.set(h.net_off.get());
        m.transport_off.set(h.transport_off.get());
        m.mac_off.set(h.mac_off.get());
        m.dst.set(h.dst.get());
        m.vlan_tci.set(h.vlan_tci.get());
        m.port.set(h.port.get());
        m.paint.set(h.paint.get());
        m.mark.set(h.mark.get());
        m.kind.set(h.kind.get());
        m.icmp_pointer.set(h.icmp_pointer.get());
        if h.mark.get() != 0 {
            m.tx_offload.set(h.tx_offload.get());
            m.trace.set(h.trace.get());
            m.cold.set(h.cold.get());
        }
    }

    /// Copies every annotation of `p`, header offsets apart (they belong to the bytes).
    pub fn copy_annotations(&mut self, p: &Packet) {
        let h = self.header();
        let offsets = (h.net_off.get(), h.transport_off.get(), h.mac_off.get());
        self.annotate_from(p);
        let h = self.header();
        h.net_off.set(offsets.0);
        h.transport_off.set(offsets.1);
        h.mac_off.set(offsets.2);
    }

    /// The header whose buffer this packet uses.
    fn owner(&self) -> NonNull<Header> {
        if self.header().ol_flags.get() & INDIRECT == 0 {
            return self.0;
        }
        // SAFETY: every buffer lies right behind its own header; `buf_addr` was made from a
        // pointer to the pool's whole block.
        unsafe { self.header().buf_addr.get().sub(HEADER).cast() }
    }

    /// The user count of the buffer behind `h`, reached without a reference to the whole header,
    /// which its owner may be writing.
    /// # Safety
    /// The header is live for as long as the result is used.
    unsafe fn refcnt_of<'a>(h: NonNull<Header>) -> &'a AtomicU16 {
        // SAFETY: as the caller says.
        unsafe { &*core::ptr::addr_of!((*h.as_ptr()).refcnt) }
    }

    #[cold]
    fn unshare(&mut self) -> bool {
        // SAFETY: the pool outlives its packets.
        let fresh = unsafe { pool::alloc(self.header().pool) };
        fresh.and_then(|c| self.copy_into(c)).map(|c| *self = c).is_some()
    }

    /// Whether the packet's header is one of `pool`'s.
    #[inline]
    pub(crate) fn is_of(&self, pool: *const pool::Home) -> bool {
        self.header().pool == pool
    }

    /// Takes the packet apart into the headers that are free now: its own, and its buffer's owner
    /// when that was the last user.
    #[inline]
    pub(crate) fn dissolve(self, mut free: impl FnMut(NonNull<Header>)) {
        if self.exclusive() {
            return free(self.into_raw());
        }
        self.dissolve_shared(&mut free);
    }

    #[cold]
    fn dissolve_shared(self, free: &mut dyn FnMut(NonNull<Header>)) {
        let owner = self.owner();
        let own = self.into_raw();
        if owner != own {
            // An indirect header is free at once and points home again.
            // SAFETY: `own` was owned by the handle, and its pool outlives it.
            unsafe {
                let h = own.as_ref();
                h.buf_addr.set(own.cast::<u8>().add(HEADER));
                h.buf_iova.set(h.shinfo.get());
                h.buf_len.set(pool::buffer_of(h.pool));
                h.ol_flags.set(0);
            }
            free(own);
        }
        // SAFETY: this user's count keeps the owner alive until here; Release and Acquire as for
        // any reference count: the last one sees what the others did.
        unsafe {
            if Self::refcnt_of(owner).fetch_sub(1, Release) == 1 {
                Self::refcnt_of(owner).load(Acquire);
                Self::refcnt_of(owner).store(1, Relaxed);
                free(owner);
            }
        }
    }
}

impl Drop for Packet {
    /// The slow but safe way home, from any thread; the engine frees through its worker's cache.
    #[inline]
    fn drop(&mut self) {
        let pool = self.header().pool;
        // SAFETY: the handle is not used again: this is its drop.
        let this = Packet(self.0);
        this.dissolve(|h| {
            // SAFETY: the pool outlives its packets; the caller owned the header.
            unsafe { pool::give(pool, h) }
        });
    }
}

impl core::fmt::Debug for Packet {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Packet({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests;
