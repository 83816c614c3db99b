//! The few commands of the `bpf` system call that a program on an interface needs (`bpf(2)`, `linux/bpf.h`).
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

const MAP_CREATE: libc::c_int = 0;
const MAP_UPDATE_ELEM: libc::c_int = 2;
const MAP_DELETE_ELEM: libc::c_int = 3;
const PROG_LOAD: libc::c_int = 5;
const LINK_CREATE: libc::c_int = 28;

const MAP_TYPE_XSKMAP: u32 = 17;
const PROG_TYPE_XDP: u32 = 6;
/// Attach type `BPF_XDP`.
const ATTACH_XDP: u32 = 37;

/// One instruction, `struct bpf_insn`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Instruction {
    pub(super) code: u8,
    /// Destination in the lower four bits, source in the upper.
    pub(super) registers: u8,
    pub(super) offset: i16,
    pub(super) immediate: i32,
}

#[repr(C)]
struct MapCreate {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    flags: u32,
}

#[repr(C)]
struct MapElement {
    map: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
struct ProgLoad {
    prog_type: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    ifindex: u32,
    attach_type: u32,
}

#[repr(C)]
struct LinkCreate {
    program: u32,
    ifindex: u32,
    attach_type: u32,
    flags: u32,
}

/// One command. What does not fit the kernel's idea of `attributes` it refuses, unless it is zero.
///
/// # Safety
/// Pointers inside `attributes` are good for what the command reads through them.
unsafe fn call<T>(command: libc::c_int, attributes: &T) -> io::Result<libc::c_long> {
    // SAFETY: pointer and size describe `attributes`, which the kernel reads; the caller vouches for pointers inside.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, &raw const *attributes, size_of::<T>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// As [`call`], for commands that give a descriptor, closed on exec.
///
/// # Safety
/// As [`call`].
unsafe fn open<T>(command: libc::c_int, attributes: &T) -> io::Result<OwnedFd> {
    // SAFETY: the caller vouches for the attributes; the descriptor is new and nobody else owns it.
    unsafe { call(command, attributes).map(|fd| OwnedFd::from_raw_fd(fd as libc::c_int)) }
}

fn number(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}

/// A map from the number of a receive queue, below `queues`, to a socket.
pub(super) fn socket_map(queues: u32) -> io::Result<OwnedFd> {
    let attributes = MapCreate { map_type: MAP_TYPE_XSKMAP, key_size: 4, value_size: 4, max_entries: queues, flags: 0 };
    // SAFETY: no pointers.
    unsafe { open(MAP_CREATE, &attributes) }
}

/// Puts the socket of a queue into the map.
pub(super) fn insert(map: BorrowedFd<'_>, queue: u32, socket: BorrowedFd<'_>) -> io::Result<()> {
    let value = number(socket);
    let (key, value) = (&raw const queue as u64, &raw const value as u64);
    // SAFETY: both point to numbers of four bytes, the sizes of the map, that live until the call returns.
    unsafe { call(MAP_UPDATE_ELEM, &MapElement { map: number(map), padding: 0, key, value, flags: 0 }) }.map(drop)
}

/// Takes the socket of a queue out of the map.
pub(super) fn remove(map: BorrowedFd<'_>, queue: u32) -> io::Result<()> {
    let key = &raw const queue as u64;
    // SAFETY: `key` points to a number of four bytes that lives until the call returns; no value is looked at.
    unsafe { call(MAP_DELETE_ELEM, &MapElement { map: number(map), padding: 0, key, value: 0, flags: 0 }) }.map(drop)
}

/// Has the kernel check and load a program for interfaces.
pub(super) fn load(program: &[Instruction], license: &CStr) -> io::Result<OwnedFd> {
    let mut name = [0; 16];
    name[..6].copy_from_slice(b"sluice");
    let attributes = ProgLoad {
        prog_type: PROG_TYPE_XDP,
        count: program.len() as u32,
        instructions: program.as_ptr() as u64,
        license: license.as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log: 0,
        kernel_version: 0,
        flags: 0,
        name,
        ifindex: 0,
        attach_type: ATTACH_XDP,
    };
    // SAFETY: the pointers are those of `count` instructions and of a C string, borrowed until the call returns.
    unsafe { open(PROG_LOAD, &attributes) }
}

/// Puts a program on an interface for as long as the descriptor is open.
pub(super) fn attach(program: BorrowedFd<'_>, ifindex: u32, flags: u32) -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    unsafe { open(LINK_CREATE, &LinkCreate { program: number(program), ifindex, attach_type: ATTACH_XDP, flags }) }
}

const _: () = {
    assert!(size_of::<Instruction>() == 8);
    assert!(size_of::<MapElement>() == 32);
    assert!(size_of::<ProgLoad>() == 72);
};
