//! AF_XDP sockets by hand: the kernel copies frames, before its own network stack sees them, into memory that we share with
//! it, and takes frames to send from there. Sources: Linux `Documentation/networking/af_xdp.rst`, `linux/if_xdp.h`, `bpf(2)`.
//!
//! [`hook`] is the program on the interface that sends frames to sockets, [`socket`] a socket, [`rx`] and [`tx`] its two halves; `umem` is
//! the shared memory, `ring` the four rings that frames change hands through, `bpf` the system call.
//!
//! Invariant: each frame of the shared memory belongs to one half of one socket, and within that half either to us or to the
//! kernel: it changes hands only through a ring.
mod bpf;
pub mod hook;
mod ring;
pub mod rx;
pub mod socket;
pub mod tx;
mod umem;
