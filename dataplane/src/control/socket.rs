//! The listening end of a control socket.
use crate::io::sys::process::inherited;
use crate::os::strerror;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// A client that takes nothing for so long is given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Where a socket listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// A TCP port; 0 lets the system choose one.
    Tcp {
        /// Port number.
        port: u16,
        /// On 127.0.0.1 only, not on all addresses.
        local: bool,
        /// If the port is taken, the next one that is not, of the [`NEXT_PORTS`] after it.
        or_next: bool,
    },
    /// A Unix-domain socket of this name.
    Unix(String),
    /// A connection that the process was started with: a descriptor's number.
    Descriptor(i32),
}

/// Ports that are tried after the one that was asked for.
pub const NEXT_PORTS: u16 = 11;

/// How a socket is served.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// What messages begin with: `name :: ControlSocket`.
    pub name: String,
    /// Handlers cannot be written.
    pub read_only: bool,
    /// Says when connections come and go.
    pub verbose: bool,
    /// How often it is tried again to bind a taken address, once a second.
    pub retries: u32,
    /// Says so each time.
    pub retry_warnings: bool,
}

/// A control socket. It is closed, and a Unix socket's name removed, when the last one who holds it
/// lets go.
#[derive(Debug)]
pub struct Socket {
    address: Address,
    listener: OnceLock<Listener>,
}

#[derive(Debug)]
enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
    /// Nobody is listened for: there is one client, until it is served.
    One(Mutex<Option<UnixStream>>),
}

impl Socket {
    /// A socket that is not bound yet.
    pub fn new(address: Address) -> Socket {
        Socket { address, listener: OnceLock::new() }
    }

    /// Where it listens, or shall.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Binds it and listens; nothing when it does already.
    ///
    /// # Errors
    /// In Click's words: `bind: Address already in use`.
    pub fn bind(&self) -> Result<(), String> {
        if self.listener.get().is_some() {
            return Ok(());
        }
        let what = if matches!(self.address, Address::Descriptor(_)) { "socket" } else { "bind" };
        let listener = self.listen().map_err(|e| format!("{what}: {}", strerror(&e)))?;
        let _ = self.listener.set(listener); // somebody was faster: ours is closed again
        Ok(())
    }

    fn listen(&self) -> io::Result<Listener> {
        Ok(match &self.address {
            Address::Tcp { port, local, or_next } => {
                let host = if *local { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
                let last = if *or_next { port.saturating_add(NEXT_PORTS) } else { *port };
                let taken = |l: &io::Result<TcpListener>| matches!(l, Err(e) if e.kind() == io::ErrorKind::AddrInUse);
                let mut l = TcpListener::bind((host, *port));
                for port in (*port..last).map(|p| p + 1) {
                    if taken(&l) {
                        l = TcpListener::bind((host, port));
                    }
                }
                let l = l?;
                l.set_nonblocking(true)?;
                Listener::Tcp(l)
            }
            Address::Unix(name) => {
                let l = match UnixListener::bind(name) {
                    Err(e) if e.kind() == io::ErrorKind::AddrInUse && is_left_over(name) => {
                        std::fs::remove_file(name)?;
                        UnixListener::bind(name)
                    }
                    other => other,
                }?;
                l.set_nonblocking(true)?;
                Listener::Unix(l)
            }
            Address::Descriptor(fd) => {
                let fd = inherited(*fd)?;
                rustix::net::sockopt::socket_type(&fd)?; // a file or a pipe cannot be talked to
                Listener::One(Mutex::new(Some(UnixStream::from(fd))))
            }
        })
    }

    /// The TCP port that it listens on.
    pub fn port(&self) -> Option<u16> {
        match self.listener.get()? {
            Listener::Tcp(l) => l.local_addr().ok().map(|a| a.port()),
            Listener::Unix(_) | Listener::One(_) => None,
        }
    }

    /// Whether it is bound.
    pub fn is_bound(&self) -> bool {
        self.listener.get().is_some()
    }

    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(match self.listener.get()? {
            Listener::Tcp(l) => l.as_fd(),
            Listener::Unix(l) => l.as_fd(),
            Listener::One(_) => return None,
        })
    }

    /// A connection that waits, and where it comes from; nothing if none does.
    pub(super) fn accept(&self) -> io::Result<Option<(Connection, String)>> {
        let accepted = match self.listener.get() {
            None => return Ok(None),
            Some(Listener::Tcp(l)) => {
                l.accept().map(|(s, from)| (Connection::Tcp(s), format!(" from {}.{}", from.ip(), from.port())))
            }
            Some(Listener::Unix(l)) => l.accept().map(|(s, _)| (Connection::Unix(s), String::new())),
            Some(Listener::One(client)) => {
                let client = client.lock().unwrap_or_else(PoisonError::into_inner).take();
                client.map(|s| (Connection::Unix(s), String::new())).ok_or_else(|| io::ErrorKind::WouldBlock.into())
            }
        };
        match accepted {
            Ok((connection, from)) => {
                connection.prepare()?;
                Ok(Some((connection, from)))
            }
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::ConnectionAborted) => Ok(None),
            Err(e) => Err(e),
        }
    }
}

/// Whether a name is that of a socket that nobody listens on any more.
fn is_left_over(name: &str) -> bool {
    let is_socket = std::fs::symlink_metadata(name).is_ok_and(|m| m.file_type().is_socket());
    is_socket && UnixStream::connect(name).is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused)
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let (Address::Unix(name), true) = (&self.address, self.is_bound()) {
            let _ = std::fs::remove_file(name); // somebody else did
        }
    }
}

/// A client. One that was there from the start is of the second kind, whatever socket it is.
#[derive(Debug)]
pub(super) enum Connection {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Connection {
    fn prepare(&self) -> io::Result<()> {
        match self {
            Connection::Tcp(s) => {
                s.set_nonblocking(false)?;
                s.set_nodelay(true)?;
                s.set_write_timeout(Some(WRITE_TIMEOUT))
            }
            Connection::Unix(s) => {
                s.set_nonblocking(false)?;
                s.set_write_timeout(Some(WRITE_TIMEOUT))
            }
        }
    }

    /// A second handle to the same connection.
    pub(super) fn duplicate(&self) -> io::Result<Connection> {
        Ok(match self {
            Connection::Tcp(s) => Connection::Tcp(s.try_clone()?),
            Connection::Unix(s) => Connection::Unix(s.try_clone()?),
        })
    }

    /// Ends it, also for whoever waits for it.
    pub(super) fn close(&self) {
        self.shut(Shutdown::Both);
    }

    /// Nothing more is read from it, but what is being answered still is.
    pub(super) fn end(&self) {
        self.shut(Shutdown::Read);
    }

    fn shut(&self, how: Shutdown) {
        let _ = match self {
            Connection::Tcp(s) => s.shutdown(how),
            Connection::Unix(s) => s.shutdown(how),
        }; // it is gone: the same end
    }
}

impl Read for Connection {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Connection::Tcp(s) => s.read(buf),
            Connection::Unix(s) => s.read(buf),
        }
    }
}

impl Write for Connection {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Connection::Tcp(s) => s.write(buf),
            Connection::Unix(s) => s.write(buf),
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
