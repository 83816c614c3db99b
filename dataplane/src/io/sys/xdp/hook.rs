//! The program on an interface: sends each frame to the AF_XDP socket of its receive queue, and those of queues without a
//! socket on to the host.
//!
//! It is attached by a BPF link (Linux 5.9): the kernel takes it off when the link's descriptor is closed, so also when the
//! process is killed; and it cannot be replaced, nor replace another's.
use super::bpf::{self, Instruction};
use crate::port::XdpMode;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Queues that the map has room for; more than any driver has.
const MAX_QUEUES: u32 = 1024;
/// `XDP_FLAGS_SKB_MODE`, `linux/if_link.h`.
const GENERIC: u32 = 1 << 1;
/// `XDP_FLAGS_DRV_MODE`.
const NATIVE: u32 = 1 << 2;

/// A program on an interface, taken off on drop.
#[derive(Debug)]
pub struct Hook {
    map: OwnedFd,
    /// Keeps the program attached.
    _link: OwnedFd,
    native: bool,
}

impl Hook {
    /// Puts the program on an interface: [`XdpMode::Auto`] where its driver can, else where the kernel's stack begins.
    ///
    /// # Errors
    /// `EBUSY`, `EEXIST`: there is a program already. `EOPNOTSUPP` and others: the driver cannot, as things are.
    pub fn attach(ifindex: u32, mode: XdpMode) -> io::Result<Hook> {
        let map = bpf::socket_map(MAX_QUEUES)?;
        let program = bpf::load(&program(map.as_fd()), c"Dual MIT/GPL")?;
        let attach = |flags| bpf::attach(program.as_fd(), ifindex, flags);
        let (link, native) = match mode {
            XdpMode::Native => (attach(NATIVE)?, true),
            XdpMode::Generic => (attach(GENERIC)?, false),
            XdpMode::Auto => match attach(NATIVE) {
                Ok(link) => (link, true),
                Err(error) if is_taken(&error) => return Err(error),
                Err(_) => (attach(GENERIC)?, false),
            },
        };
        Ok(Hook { map, _link: link, native })
    }

    /// Whether the driver runs it; the kernel's stack does otherwise.
    pub fn is_native(&self) -> bool {
        self.native
    }

    pub(super) fn insert(&self, queue: u32, socket: BorrowedFd<'_>) -> io::Result<()> {
        bpf::insert(self.map.as_fd(), queue, socket)
    }

    pub(super) fn remove(&self, queue: u32) {
        // A socket that is gone has been taken out already.
        let _ = bpf::remove(self.map.as_fd(), queue);
    }
}

/// Whether another program is in the way.
pub fn is_taken(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EBUSY | libc::EEXIST))
}

/// `return bpf_redirect_map(map, ctx->rx_queue_index, XDP_PASS);`
fn program(map: BorrowedFd<'_>) -> [Instruction; 6] {
    use std::os::fd::AsRawFd as _;
    const LOAD_WORD: u8 = 0x61;
    const LOAD_IMMEDIATE: u8 = 0x18;
    const MOVE: u8 = 0xb7;
    const CALL: u8 = 0x85;
    const EXIT: u8 = 0x95;
    /// Where `struct xdp_md` has the queue.
    const RX_QUEUE_INDEX: i16 = 16;
    /// Says that the immediate value is a map's descriptor.
    const PSEUDO_MAP_FD: u8 = 1;
    const XDP_PASS: i32 = 2;
    const REDIRECT_MAP: i32 = 51;
    let step =
        |code, to: u8, from: u8, offset, immediate| Instruction { code, registers: to | from << 4, offset, immediate };
    [
        step(LOAD_WORD, 2, 1, RX_QUEUE_INDEX, 0),
        step(LOAD_IMMEDIATE, 1, PSEUDO_MAP_FD, 0, map.as_raw_fd()),
        step(0, 0, 0, 0, 0), // the upper half of the immediate value
        step(MOVE, 3, 0, 0, XDP_PASS),
        step(CALL, 0, 0, 0, REDIRECT_MAP),
        step(EXIT, 0, 0, 0, 0),
    ]
}
