//! Several packet sockets share the frames of an interface, all frames of a flow going to the same one
//! (packet(7), `PACKET_FANOUT_HASH`). The kernel's hash is the same for both directions of a flow.
use super::raw;
use libc::{SOL_PACKET, c_int, c_uint};
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, PoisonError};

/// The sockets that share an interface. The kernel's group exists while a socket is in it.
#[derive(Debug, Default)]
pub struct Fanout(Mutex<Group>);

#[derive(Debug, Default)]
struct Group {
    /// The kernel's number of the group, while there are members.
    id: u16,
    members: usize,
}

/// A socket's place in its group; to be dropped after the socket.
#[derive(Debug)]
pub(super) struct Member {
    fanout: Arc<Fanout>,
    /// Another socket was in the group already.
    pub(super) joined_others: bool,
}

impl Fanout {
    /// Puts a bound socket into the group.
    pub(super) fn join(self: &Arc<Self>, fd: BorrowedFd<'_>) -> io::Result<Member> {
        let mut group = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = libc::PACKET_FANOUT_HASH | libc::PACKET_FANOUT_FLAG_IGNORE_OUTGOING;
        let option = |id: u16, kind: c_uint| c_int::from_ne_bytes((c_uint::from(id) | kind << 16).to_ne_bytes());
        let joined_others = group.members > 0;
        if joined_others {
            raw::set_option(fd, SOL_PACKET, libc::PACKET_FANOUT, &option(group.id, kind))?;
        } else {
            // The kernel chooses a number that no other program uses.
            let new = option(0, kind | libc::PACKET_FANOUT_FLAG_UNIQUEID);
            raw::set_option(fd, SOL_PACKET, libc::PACKET_FANOUT, &new)?;
            group.id = raw::get_option::<c_int>(fd, SOL_PACKET, libc::PACKET_FANOUT, 0)? as u16;
        }
        group.members += 1;
        Ok(Member { fanout: self.clone(), joined_others })
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.fanout.0.lock().unwrap_or_else(PoisonError::into_inner).members -= 1;
    }
}
