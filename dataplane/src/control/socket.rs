//! The listening end of a control socket.
use crate::os::strerror;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::OnceLock;
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
    },
    /// A Unix-domain socket of this name.
    Unix(String),
}

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
        let listener = self.listen().map_err(|e| format!("bind: {}", strerror(&e)))?;
        let _ = self.listener.set(listener); // somebody was faster: ours is closed again
        Ok(())
    }

    fn listen(&self) -> io::Result<Listener> {
        Ok(match &self.address {
            Address::Tcp { port, local } => {
                let host = if *local { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
                let l = TcpListener::bind((host, *port))?;
                l.set_nonblocking(true)?;
                Listener::Tcp(l)
            }
            Address::Unix(name) => {
                let l = UnixListener::bind(name)?;
                l.set_nonblocking(true)?;
                Listener::Unix(l)
            }
        })
    }

    /// The TCP port that it listens on.
    pub fn port(&self) -> Option<u16> {
        match self.listener.get()? {
            Listener::Tcp(l) => l.local_addr().ok().map(|a| a.port()),
            Listener::Unix(_) => None,
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

impl Drop for Socket {
    fn drop(&mut self) {
        if let (Address::Unix(name), true) = (&self.address, self.is_bound()) {
            let _ = std::fs::remove_file(name); // somebody else did
        }
    }
}

/// A client.
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
