//! Rings that frames change hands through: one side writes entries and moves the producer's index, the other reads them and
//! moves the consumer's. Indices run on and around at 2^32; an entry lies at the index modulo the size, a power of two.
use crate::io::sys::raw;
use libc::{c_int, off_t};
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU32, Ordering};

/// A ring of a socket: the option that makes it, and where it is mapped.
pub(super) struct Kind(pub(super) c_int, pub(super) u64);

pub(super) const RX: Kind = Kind(libc::XDP_RX_RING, libc::XDP_PGOFF_RX_RING as u64);
pub(super) const TX: Kind = Kind(libc::XDP_TX_RING, libc::XDP_PGOFF_TX_RING as u64);
pub(super) const FILL: Kind = Kind(libc::XDP_UMEM_FILL_RING, libc::XDP_UMEM_PGOFF_FILL_RING);
pub(super) const COMPLETION: Kind = Kind(libc::XDP_UMEM_COMPLETION_RING, libc::XDP_UMEM_PGOFF_COMPLETION_RING);

/// Types that rings have entries of.
///
/// # Safety
/// Every bit pattern is a value.
pub(super) unsafe trait Entry: Copy {}
// SAFETY: a number.
unsafe impl Entry for u64 {}
// SAFETY: numbers.
unsafe impl Entry for libc::xdp_desc {}

/// A mapped ring and our copies of both indices: ours is exact, the kernel's as we last saw it.
struct Ring<T> {
    map: raw::Mapping,
    producer: usize,
    consumer: usize,
    flags: usize,
    entries: usize,
    size: u32,
    produced: u32,
    consumed: u32,
    entry: std::marker::PhantomData<T>,
}

impl<T: Entry> Ring<T> {
    /// Makes and maps a ring of `size` entries, a power of two.
    fn make(socket: BorrowedFd<'_>, kind: Kind, size: u32) -> io::Result<Self> {
        raw::set_option(socket, libc::SOL_XDP, kind.0, &size.cast_signed())?;
        let none = libc::xdp_ring_offset { producer: 0, consumer: 0, desc: 0, flags: 0 };
        let none = libc::xdp_mmap_offsets { rx: none, tx: none, fr: none, cr: none };
        let all = raw::get_option(socket, libc::SOL_XDP, libc::XDP_MMAP_OFFSETS, none)?;
        let at = match kind.0 {
            libc::XDP_RX_RING => all.rx,
            libc::XDP_TX_RING => all.tx,
            libc::XDP_UMEM_FILL_RING => all.fr,
            _ => all.cr,
        };
        let len = at.desc as usize + size as usize * size_of::<T>();
        let inside = |offset: u64| offset as usize + size_of::<u32>() <= len && offset.is_multiple_of(4);
        if !size.is_power_of_two() || ![at.producer, at.consumer, at.flags].into_iter().all(inside) {
            return Err(io::Error::other("a ring of a shape that is not understood"));
        }
        Ok(Self {
            map: raw::Mapping::of_socket(socket, len, kind.1 as off_t)?,
            producer: at.producer as usize,
            consumer: at.consumer as usize,
            flags: at.flags as usize,
            entries: at.desc as usize,
            size,
            produced: 0,
            consumed: 0,
            entry: std::marker::PhantomData,
        })
    }

    /// One of the words that both sides know.
    #[inline]
    fn word(&self, offset: usize) -> &AtomicU32 {
        // SAFETY: `make` saw that the word lies in the mapping and is aligned; the kernel changes it at any time, and we reach
        // it through atomics only.
        unsafe { AtomicU32::from_ptr(self.map.start().as_ptr().add(offset).cast()) }
    }

    #[inline]
    fn entry(&self, index: u32) -> *mut T {
        let place = (index & (self.size - 1)) as usize;
        // SAFETY: inside the mapping, which has `size` entries from `entries` on.
        unsafe { self.map.start().as_ptr().add(self.entries).cast::<T>().add(place) }
    }

    fn needs_wakeup(&self) -> bool {
        self.word(self.flags).load(Ordering::Relaxed) & libc::XDP_RING_NEED_WAKEUP != 0
    }
}

/// A ring that we write: the fill ring and the transmit ring.
pub(super) struct Producer<T>(Ring<T>);

impl<T: Entry> Producer<T> {
    pub(super) fn make(socket: BorrowedFd<'_>, kind: Kind, size: u32) -> io::Result<Self> {
        Ring::make(socket, kind, size).map(Self)
    }

    /// Entries that may be written, if at least `wanted`; the kernel's index is looked at only if there seem to be fewer.
    #[inline]
    pub(super) fn room(&mut self, wanted: u32) -> u32 {
        let ring = &mut self.0;
        let room = |ring: &Ring<T>| ring.size - ring.produced.wrapping_sub(ring.consumed).min(ring.size);
        if room(ring) < wanted {
            // Acquire: the kernel has read the entries that we will write over.
            ring.consumed = ring.word(ring.consumer).load(Ordering::Acquire);
        }
        room(ring)
    }

    /// Writes the entry `ahead` places behind the last one that was published. There must be room for it.
    #[inline]
    pub(super) fn write(&mut self, ahead: u32, value: T) {
        // SAFETY: between the producer's and the consumer's index entries are ours.
        unsafe { self.0.entry(self.0.produced.wrapping_add(ahead)).write(value) };
    }

    /// Hands over `count` entries.
    #[inline]
    pub(super) fn publish(&mut self, count: u32) {
        self.0.produced = self.0.produced.wrapping_add(count);
        // Release: the entries, and what they speak of, were written before.
        self.0.word(self.0.producer).store(self.0.produced, Ordering::Release);
    }

    /// Entries that the kernel has not taken yet.
    pub(super) fn waiting(&mut self) -> u32 {
        self.0.consumed = self.0.word(self.0.consumer).load(Ordering::Acquire);
        self.0.produced.wrapping_sub(self.0.consumed)
    }

    /// The kernel looks at the ring only when told to.
    #[inline]
    pub(super) fn needs_wakeup(&self) -> bool {
        self.0.needs_wakeup()
    }
}

/// A ring that we read: the receive ring and the completion ring.
pub(super) struct Consumer<T>(Ring<T>);

impl<T: Entry> Consumer<T> {
    pub(super) fn make(socket: BorrowedFd<'_>, kind: Kind, size: u32) -> io::Result<Self> {
        Ring::make(socket, kind, size).map(Self)
    }

    /// Entries that can be read, at most `wanted`.
    #[inline]
    pub(super) fn available(&mut self, wanted: u32) -> u32 {
        let ring = &mut self.0;
        if ring.produced.wrapping_sub(ring.consumed) < wanted {
            // Acquire: the entries, and what they speak of, were written before.
            ring.produced = ring.word(ring.producer).load(Ordering::Acquire);
        }
        ring.produced.wrapping_sub(ring.consumed).min(wanted)
    }

    /// The entry `ahead` places behind the last one that was released; of those available.
    #[inline]
    pub(super) fn read(&self, ahead: u32) -> T {
        // SAFETY: between the consumer's and the producer's index entries are ours; any bytes are a value.
        unsafe { self.0.entry(self.0.consumed.wrapping_add(ahead)).read() }
    }

    /// Gives `count` entries back.
    #[inline]
    pub(super) fn release(&mut self, count: u32) {
        self.0.consumed = self.0.consumed.wrapping_add(count);
        // Release: our reads come before the kernel's next writes.
        self.0.word(self.0.consumer).store(self.0.consumed, Ordering::Release);
    }
}
