//! The other end of a guest's network interface: frames as datagrams between UNIX sockets.
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One end of a wire to a guest.
pub(crate) struct Wire {
    socket: UnixDatagram,
    guest: PathBuf,
}

/// EtherType of numbered frames: local experimental (IEEE 802 section 9.2.4).
const NUMBERED: [u8; 2] = [0x88, 0xb5];

impl Wire {
    /// `ours` is made here, `guest` by QEMU.
    pub(crate) fn new(ours: &Path, guest: &Path) -> Wire {
        let _ = fs::remove_file(ours); // there may be none
        let socket = UnixDatagram::bind(ours).expect("bind");
        Wire { socket, guest: guest.into() }
    }

    /// Sends frame number `n`, 64 bytes without its checksum; waits while QEMU takes none.
    pub(crate) fn send(&self, n: u32) {
        let mut frame = [0; 60];
        frame[..6].copy_from_slice(&[2, 0, 0, 0, 0, 0xb]);
        frame[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 0xa]);
        frame[12..14].copy_from_slice(&NUMBERED);
        frame[14..18].copy_from_slice(&n.to_be_bytes());
        self.socket.send_to(&frame, &self.guest).expect("send");
    }

    /// The number of the next numbered frame that comes within this time; others are passed over.
    pub(crate) fn receive(&self, limit: Duration) -> Option<u32> {
        self.socket.set_read_timeout(Some(limit)).expect("time-out");
        let mut frame = [0; 2048];
        loop {
            let length = self.socket.recv(&mut frame).ok()?;
            if length >= 18 && frame[12..14] == NUMBERED {
                return Some(u32::from_be_bytes(frame[14..18].try_into().expect("four bytes")));
            }
        }
    }
}

/// Sends numbers `from..to` into one end, at most 32 of them on their way, and takes them out at the other. Those that came,
/// in the order in which they came; it gives up when none comes for a minute.
pub(crate) fn carry(into: &Wire, out: &Wire, from: u32, to: u32) -> Vec<u32> {
    let mut came = Vec::new();
    let mut next = from;
    while came.len() < (to - from) as usize {
        while next < to && (next - from) as usize - came.len() < 32 {
            into.send(next);
            next += 1;
        }
        match out.receive(Duration::from_secs(60)) {
            Some(n) => came.push(n),
            None => break,
        }
    }
    came
}
