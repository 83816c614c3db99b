//! The raw calls, each wrapped once: socket options, packet sockets, shared mappings, interface requests.
use super::abi;
use libc::{Ioctl, c_int, c_ulong};
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;

/// Turns the `-1` of a C call into the error that it left behind.
pub(super) fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Types whose every bit pattern is a value, so that the kernel may fill them and read all their bytes.
///
/// # Safety
/// The type has no padding, no pointer, no niche.
pub(super) unsafe trait Plain: Copy {}
// SAFETY: integers, and `repr(C)` structures made of 32-bit integers only.
unsafe impl Plain for c_int {}
// SAFETY: as above.
unsafe impl Plain for abi::RingRequest {}
// SAFETY: as above.
unsafe impl Plain for abi::Statistics {}
// SAFETY: `packet_mreq` is an int, two 16-bit integers and 8 bytes: 16 bytes, no padding.
unsafe impl Plain for libc::packet_mreq {}

#[cfg(feature = "xdp")]
mod xdp {
    use super::Plain;
    // SAFETY: six numbers of 64 bits.
    unsafe impl Plain for libc::xdp_statistics {}
    // SAFETY: one number of 32 bits.
    unsafe impl Plain for libc::xdp_options {}
    // SAFETY: four times four numbers of 64 bits.
    unsafe impl Plain for libc::xdp_mmap_offsets {}
}

/// Sets one socket option.
pub(super) fn set_option<T: Plain>(fd: BorrowedFd<'_>, level: c_int, name: c_int, value: &T) -> io::Result<()> {
    // SAFETY: the pointer and the length describe `value`, which `Plain` makes readable byte by byte.
    let result = unsafe {
        libc::setsockopt(fd.as_raw_fd(), level, name, (&raw const *value).cast(), size_of::<T>() as libc::socklen_t)
    };
    check(result).map(drop)
}

/// Reads one socket option over `value`; bytes that the kernel does not write keep their value.
pub(super) fn get_option<T: Plain>(fd: BorrowedFd<'_>, level: c_int, name: c_int, mut value: T) -> io::Result<T> {
    let mut len = size_of::<T>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` bytes to `value`, and any bytes are a value of `T`.
    let result = unsafe { libc::getsockopt(fd.as_raw_fd(), level, name, (&raw mut value).cast(), &raw mut len) };
    check(result).map(|_| value)
}

/// The error that waits on a socket, taken off it.
pub(super) fn take_error(fd: BorrowedFd<'_>) -> io::Result<()> {
    match get_option::<c_int>(fd, libc::SOL_SOCKET, libc::SO_ERROR, 0)? {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

/// A raw packet socket that receives nothing yet: protocol 0, non-blocking, closed on exec.
pub(super) fn packet_socket() -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    let fd =
        check(unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, 0) })?;
    // SAFETY: `fd` was opened above and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Binds a packet socket to an interface; `protocol` in host byte order, 0 to receive nothing.
pub(super) fn bind_packet(fd: BorrowedFd<'_>, ifindex: u32, protocol: u16) -> io::Result<()> {
    // SAFETY: all-zero bytes are a valid `sockaddr_ll`.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = protocol.to_be();
    address.sll_ifindex = ifindex as c_int;
    // SAFETY: pointer and length describe `address`.
    let result = unsafe {
        libc::bind(fd.as_raw_fd(), (&raw const address).cast(), size_of::<libc::sockaddr_ll>() as libc::socklen_t)
    };
    check(result).map(drop)
}

/// Memory shared with the kernel, unmapped on drop.
pub(super) struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping belongs to this value alone and is not tied to the thread that made it.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Maps `len` bytes of the socket's ring.
    pub(super) fn of_ring(fd: BorrowedFd<'_>, len: usize) -> io::Result<Self> {
        Self::of_socket(fd, len, 0)
    }

    /// Maps `len` bytes of what the socket has at `offset`.
    pub(super) fn of_socket(fd: BorrowedFd<'_>, len: usize, offset: libc::off_t) -> io::Result<Self> {
        Self::new(len, libc::MAP_SHARED, fd.as_raw_fd(), offset)
    }

    /// Maps `len` bytes of new memory, all zero.
    #[cfg(feature = "xdp")]
    pub(super) fn anonymous(len: usize) -> io::Result<Self> {
        Self::new(len, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0)
    }

    fn new(len: usize, kind: c_int, fd: c_int, offset: libc::off_t) -> io::Result<Self> {
        // SAFETY: a new mapping at an address that the kernel chooses; it overlaps nothing of ours.
        let start = unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            libc::mmap(std::ptr::null_mut(), len, access, kind | libc::MAP_POPULATE, fd, offset)
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start =
            NonNull::new(start.cast()).ok_or_else(|| io::Error::other("the memory was mapped at address zero"))?;
        Ok(Self { start, len })
    }

    /// First byte of the mapping.
    pub(super) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// Bytes mapped.
    pub(super) fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: `start` and `len` are what `mmap` gave, and nothing borrowed from the mapping outlives it.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// Takes one datagram off a socket without waiting: how long it was (perhaps more than fits).
pub(super) fn receive_datagram(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the kernel writes at most `buffer.len()` bytes to `buffer`.
    let len = unsafe {
        let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
        libc::recv(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), flags)
    };
    usize::try_from(len).map_err(|_| io::Error::last_os_error())
}

/// An all-zero interface request for `name`, which must fit 15 bytes.
pub(super) fn interface_request(name: &CStr) -> io::Result<libc::ifreq> {
    let bytes = name.to_bytes();
    if bytes.is_empty() || bytes.len() >= libc::IFNAMSIZ {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "an interface name has 1 to 15 bytes"));
    }
    // SAFETY: all-zero bytes are a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(bytes) {
        *to = *from as libc::c_char;
    }
    Ok(request)
}

/// One `ioctl` that takes an interface request.
///
/// # Safety
/// `request` reads and writes an `ifreq` and nothing else; where it follows a pointer inside, that pointer is good for it.
pub(super) unsafe fn interface_ioctl(fd: BorrowedFd<'_>, request: Ioctl, argument: &mut libc::ifreq) -> io::Result<()> {
    // SAFETY: `argument` is a whole `ifreq`; the caller vouches that this is what the request works on.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), request, &raw mut *argument) }).map(drop)
}

/// One `ioctl` whose argument is a number.
///
/// # Safety
/// `request` takes the number itself, not an address.
pub(super) unsafe fn value_ioctl(fd: BorrowedFd<'_>, request: Ioctl, value: c_ulong) -> io::Result<()> {
    // SAFETY: the caller vouches that no memory is touched.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), request, value) }).map(drop)
}

/// Asks for the cache line `offset` bytes into the mapping; nothing happens outside of it or where the processor has no
/// such instruction.
#[inline]
pub(super) fn prefetch(map: &Mapping, offset: usize) {
    #[cfg(target_arch = "x86_64")]
    if offset < map.len() {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the address lies inside the mapping; a prefetch reads nothing that the program can see.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(map.start().as_ptr().add(offset).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (map, offset);
}
