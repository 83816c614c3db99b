//! The other end of a guest's network interface: frames as datagrams between UNIX sockets. For tests and benchmarks.
use super::nic::Backend;
use std::fs;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One end of a wire to a guest.
#[derive(Debug)]
pub struct Wire {
    socket: UnixDatagram,
    guest: PathBuf,
}

/// EtherType of numbered frames: local experimental (IEEE 802 section 9.2.4).
const NUMBERED: [u8; 2] = [0x88, 0xb5];
/// Most frames of [`carry`] that are on their way.
const ON_THEIR_WAY: usize = 32;

impl Wire {
    /// A wire whose sockets lie in `folder`, and what is behind the guest's interface then.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub fn new(folder: &Path, name: &str) -> io::Result<(Wire, Backend)> {
        let [ours, guest] = ["ours", "guest"].map(|end| folder.join(format!("{name}.{end}")));
        let _ = fs::remove_file(&ours); // there may be none
        let wire = Wire { socket: UnixDatagram::bind(&ours)?, guest: guest.clone() };
        Ok((wire, Backend::Dgram { local: guest, remote: ours }))
    }

    /// Sends frame number `n`, 64 bytes without its checksum; waits while QEMU takes none.
    ///
    /// # Errors
    /// The machine is not there.
    pub fn send(&self, n: u32) -> io::Result<()> {
        let mut frame = [0; 60];
        frame[..6].copy_from_slice(&[2, 0, 0, 0, 0, 0xb]);
        frame[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 0xa]);
        frame[12..14].copy_from_slice(&NUMBERED);
        frame[14..18].copy_from_slice(&n.to_be_bytes());
        self.socket.send_to(&frame, &self.guest).map(drop)
    }

    /// The number of the next numbered frame that comes within this time; others are passed over.
    pub fn receive(&self, limit: Duration) -> Option<u32> {
        self.socket.set_read_timeout(Some(limit)).ok()?;
        let mut frame = [0; 2048];
        loop {
            let length = self.socket.recv(&mut frame).ok()?;
            if length >= 18 && frame[12..14] == NUMBERED {
                return Some(u32::from_be_bytes([frame[14], frame[15], frame[16], frame[17]]));
            }
        }
    }
}

/// Sends numbers `from..to` into one end, at most 32 of them on their way, and takes them out at the other. Those that came,
/// in the order in which they came; it gives up when none comes for `patience`.
///
/// # Errors
/// The machine is not there.
pub fn carry(into: &Wire, out: &Wire, from: u32, to: u32, patience: Duration) -> io::Result<Vec<u32>> {
    let mut came = Vec::new();
    let mut next = from;
    while came.len() < (to - from) as usize {
        while next < to && (next - from) as usize - came.len() < ON_THEIR_WAY {
            into.send(next)?;
            next += 1;
        }
        match out.receive(patience) {
            Some(n) => came.push(n),
            None => break,
        }
    }
    Ok(came)
}
