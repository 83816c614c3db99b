//! The memory that frames lie in, shared with the kernel ("UMEM"): chunks of one size, a frame each.
use crate::io::sys::raw;
use std::io;
use std::os::fd::BorrowedFd;

/// Bytes that the kernel leaves free before a received frame (`XDP_PACKET_HEADROOM`).
const HEADROOM: usize = 256;
/// The two sizes of a chunk that work with every driver: powers of two, up to a page.
const CHUNKS: [usize; 2] = [2048, 4096];

/// The first form of `struct xdp_umem_reg`, which every kernel knows.
#[repr(C)]
#[derive(Clone, Copy)]
struct Registration {
    start: u64,
    len: u64,
    chunk: u32,
    headroom: u32,
}

// SAFETY: numbers, 24 bytes of them.
unsafe impl raw::Plain for Registration {}

/// Shared memory of `count` chunks. Which half of the socket, or the kernel, a chunk belongs to is not known here.
pub(super) struct Umem {
    map: raw::Mapping,
    chunk: usize,
}

// SAFETY: the mapping is reached through `read` and `write` only, whose callers own the chunks that they touch.
unsafe impl Sync for Umem {}

impl Umem {
    /// Memory for `count` frames of up to `frame` bytes, or of the longest that a chunk takes.
    pub(super) fn new(count: usize, frame: usize) -> io::Result<Self> {
        let chunk = CHUNKS.into_iter().find(|chunk| chunk - HEADROOM >= frame).unwrap_or(CHUNKS[1]);
        Ok(Self { map: raw::Mapping::anonymous(count * chunk)?, chunk })
    }

    /// Tells the kernel of it. The socket must be closed before the memory goes.
    pub(super) fn register(&self, socket: BorrowedFd<'_>) -> io::Result<()> {
        let registration = Registration {
            start: self.map.start().as_ptr() as u64,
            len: self.map.len() as u64,
            chunk: self.chunk as u32,
            headroom: 0,
        };
        raw::set_option(socket, libc::SOL_XDP, libc::XDP_UMEM_REG, &registration)
    }

    /// Address of a chunk.
    pub(super) fn address(&self, number: usize) -> u64 {
        (number * self.chunk) as u64
    }

    /// Address of the chunk that `address` lies in.
    pub(super) fn chunk_of(&self, address: u64) -> u64 {
        address & !(self.chunk as u64 - 1)
    }

    /// Bytes of a chunk.
    pub(super) fn chunk(&self) -> usize {
        self.chunk
    }

    /// Fetches the first cache lines of a frame that will be read soon.
    #[inline]
    pub(super) fn prefetch(&self, address: u64) {
        raw::prefetch(&self.map, address as usize);
    }

    /// The bytes of a frame; `None` for what does not lie in one chunk of the memory.
    ///
    /// # Safety
    /// The chunk is the caller's: neither the kernel nor anyone else writes to it while the slice lives.
    #[inline]
    pub(super) unsafe fn read(&self, address: u64, len: u32) -> Option<&[u8]> {
        let (start, len) = (usize::try_from(address).ok()?, len as usize);
        if start >= self.map.len() || start % self.chunk + len > self.chunk {
            return None;
        }
        // SAFETY: inside the mapping, as its length is a multiple of the chunk; the caller owns the chunk.
        Some(unsafe { std::slice::from_raw_parts(self.map.start().as_ptr().add(start), len) })
    }

    /// Copies a frame, at most as long as a chunk, to the start of a chunk.
    ///
    /// # Safety
    /// The chunk is the caller's: neither the kernel nor anyone else reads or writes it during the call.
    #[inline]
    pub(super) unsafe fn write(&self, address: u64, frame: &[u8]) {
        let start = address as usize;
        debug_assert!(start + self.chunk <= self.map.len() && frame.len() <= self.chunk);
        if start >= self.map.len() || start % self.chunk + frame.len() > self.chunk {
            return;
        }
        // SAFETY: inside the mapping, as above; the caller owns the chunk, and `frame` is not part of it.
        unsafe { self.map.start().as_ptr().add(start).copy_from_nonoverlapping(frame.as_ptr(), frame.len()) };
    }
}

const _: () = assert!(size_of::<Registration>() == 24);
