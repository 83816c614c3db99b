//! Links, addresses and routes of the kernel, by rtnetlink.
//!
//! Own code on rustix's sockets: eight kinds of messages are used, which is less than the glue to a library of all of
//! rtnetlink would be.
//!
//! A socket speaks of the network namespace in which it was opened.
#![forbid(unsafe_code)]
mod message;

pub use message::{Address, Link, Route};
use message::{Writer, attribute, code, messages};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::net::{bind, recv, send, socket_with, sockopt};
use std::io;
use std::net::IpAddr;
use std::time::Duration;

/// The kernel fills at most this much at once when it lists something.
const BUFFER: usize = 32 << 10;
/// The kernel answers at once; this is for the case that it does not.
const PATIENCE: Duration = Duration::from_secs(2);
/// Reads for one answer: enough for some ten thousand addresses.
const READS: usize = 128;
/// Addresses of one interface that are looked at.
const ADDRESSES: usize = 256;
/// Groups of `linux/rtnetlink.h`: links, addresses of IPv4 and IPv6, IPv6's settings, options of neighbour discovery.
const GROUPS: u32 = 1 | 1 << 4 | 1 << 8 | 1 << 11 | 1 << 19;

fn open(flags: SocketFlags, groups: u32) -> io::Result<OwnedFd> {
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC | flags, None)?;
    bind(&socket, &SocketAddrNetlink::new(0, groups))?;
    Ok(socket)
}

/// Asks the kernel and tells it. Calls last 2 seconds at the very most.
#[derive(Debug)]
pub struct Netlink {
    socket: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Netlink {
    /// A socket to the kernel, for the network namespace of the calling thread.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn open() -> io::Result<Self> {
        let socket = open(SocketFlags::empty(), 0)?;
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(PATIENCE))?;
        Ok(Self { socket, sequence: 0, buffer: vec![0; BUFFER] })
    }

    /// The interface of this name.
    ///
    /// # Errors
    /// [`Errno::NODEV`] if there is none.
    pub fn link(&mut self, name: &str) -> Result<Link, Errno> {
        let mut found = None;
        self.ask(
            code::GET_LINK,
            code::ACK,
            |writer| writer.link(0, 0).name(name),
            |message| {
                if message.kind == code::NEW_LINK {
                    found = message.link();
                }
            },
        )?;
        found.ok_or(Errno::NODEV)
    }

    /// Switches the link on.
    ///
    /// # Errors
    /// What the kernel says, here and in all that follows.
    pub fn set_up(&mut self, index: u32) -> Result<(), Errno> {
        self.tell(code::NEW_LINK, 0, |writer| writer.link(index, 1))
    }

    /// Switches the link on, without ARP: this machine answers nobody there.
    pub fn set_up_without_arp(&mut self, index: u32) -> Result<(), Errno> {
        const UP_AND_NOARP: u32 = 0x81;
        self.tell(code::NEW_LINK, 0, |writer| writer.link(index, UP_AND_NOARP))
    }

    /// `mtu`: bytes, 1 to 65535 or what the device can do.
    pub fn set_mtu(&mut self, index: u32, mtu: u32) -> Result<(), Errno> {
        self.tell(code::NEW_LINK, 0, |writer| writer.link(index, 0).mtu(mtu))
    }

    /// Makes two Ethernet devices of which each receives what the other sends (veth(4)): `name` here, `peer` in the
    /// network namespace of the descriptor. Both are down.
    ///
    /// # Errors
    /// [`Errno::EXIST`] if one of the names is taken; [`Errno::OPNOTSUPP`] if the kernel has no such devices.
    pub fn add_pair(&mut self, name: &str, peer: &str, namespace: BorrowedFd<'_>, mtu: u32) -> Result<(), Errno> {
        let other = |writer: Writer| writer.link(0, 0).name(peer).mtu(mtu).namespace(namespace);
        self.tell(code::NEW_LINK, code::CREATE | code::EXCLUSIVE, |writer| {
            writer.link(0, 0).name(name).mtu(mtu).nest(attribute::LINK_INFO, |writer| {
                let writer = writer.attribute(attribute::INFO_KIND, b"veth\0");
                writer.nest(attribute::INFO_DATA, |writer| writer.nest(attribute::VETH_PEER, other))
            })
        })
    }

    /// A text that people see beside the link, up to 255 bytes.
    pub fn set_alias(&mut self, index: u32, alias: &str) -> Result<(), Errno> {
        self.tell(code::NEW_LINK, 0, |writer| writer.link(index, 0).attribute(attribute::ALIAS, alias.as_bytes()))
    }

    /// Moves the link into the network namespace of the descriptor, where it is called `name`. It is down there.
    ///
    /// # Errors
    /// [`Errno::EXIST`] if the name is taken there.
    pub fn move_link(&mut self, index: u32, namespace: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
        self.tell(code::NEW_LINK, 0, |writer| writer.link(index, 0).name(name).namespace(namespace))
    }

    /// Removes the link; of a pair, both.
    pub fn remove_link(&mut self, index: u32) -> Result<(), Errno> {
        self.tell(code::DELETE_LINK, 0, |writer| writer.link(index, 0))
    }

    /// The addresses of an interface, also those that are not in use yet.
    pub fn addresses(&mut self, index: u32) -> Result<Vec<Address>, Errno> {
        let mut addresses = Vec::new();
        // All families and interfaces: `struct ifaddrmsg` of zeros.
        self.ask(
            code::GET_ADDRESS,
            code::DUMP,
            |writer| writer.link(0, 0),
            |message| {
                if let Some((of, address)) = message.address()
                    && message.kind == code::NEW_ADDRESS
                    && of == index
                    && addresses.len() < ADDRESSES
                {
                    addresses.push(address);
                }
            },
        )?;
        Ok(addresses)
    }

    /// Adds the address, or gives it new lifetimes.
    pub fn put_address(&mut self, index: u32, address: &Address) -> Result<(), Errno> {
        self.tell(code::NEW_ADDRESS, code::CREATE | code::REPLACE, |writer| writer.address(index, address))
    }

    /// # Errors
    /// [`Errno::ADDRNOTAVAIL`] if it is not there.
    pub fn remove_address(&mut self, index: u32, ip: IpAddr, prefix: u8) -> Result<(), Errno> {
        let address = Address { ip, prefix, preferred: None, valid: None, tentative: false, duplicate: false };
        self.tell(code::DELETE_ADDRESS, 0, |writer| writer.address(index, &address))
    }

    /// Adds the route; one to the same destination that is there already gives way.
    pub fn put_route(&mut self, index: u32, route: &Route) -> Result<(), Errno> {
        self.tell(code::NEW_ROUTE, code::CREATE | code::REPLACE, |writer| writer.route(index, route))
    }

    /// # Errors
    /// [`Errno::SRCH`] if it is not there.
    pub fn remove_route(&mut self, index: u32, route: &Route) -> Result<(), Errno> {
        self.tell(code::DELETE_ROUTE, 0, |writer| writer.route(index, route))
    }

    fn tell(&mut self, kind: u16, flags: u16, fill: impl FnOnce(Writer) -> Writer) -> Result<(), Errno> {
        self.ask(kind, flags | code::ACK, fill, |_| {})
    }

    /// Sends a request and reads until the kernel says that it was all.
    fn ask(
        &mut self,
        kind: u16,
        flags: u16,
        fill: impl FnOnce(Writer) -> Writer,
        mut take: impl FnMut(message::Message<'_>),
    ) -> Result<(), Errno> {
        self.sequence = self.sequence.wrapping_add(1);
        let request = fill(Writer::new(kind, flags, self.sequence)).finish();
        send(&self.socket, &request, SendFlags::empty())?;
        for _ in 0..READS {
            let (length, _) = recv(&self.socket, &mut self.buffer[..], RecvFlags::empty())?;
            let own = |message: &message::Message<'_>| message.sequence == self.sequence;
            for message in messages(&self.buffer[..length]).filter(own) {
                match message.kind {
                    code::DONE => return Ok(()),
                    code::ERROR if message.error() == 0 => return Ok(()),
                    code::ERROR => return Err(Errno::from_raw_os_error(message.error())),
                    _ => take(message),
                }
            }
        }
        Err(Errno::TIMEDOUT)
    }
}

/// Hears what changes.
#[derive(Debug)]
pub struct Events {
    socket: OwnedFd,
    buffer: Vec<u8>,
}

impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Events {
    /// A socket that hears of everything in the network namespace of the calling thread.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn open() -> io::Result<Self> {
        Ok(Self { socket: open(SocketFlags::NONBLOCK, GROUPS)?, buffer: vec![0; BUFFER] })
    }

    /// Reads what has come. Options of router advertisements to interface `index` go to `options`; everything else only
    /// means that the kernel has to be looked at again, and so does an overflow. True if there was anything.
    pub fn drain(&mut self, index: u32, mut options: impl FnMut(&[u8])) -> bool {
        let mut any = false;
        for _ in 0..READS {
            match recv(&self.socket, &mut self.buffer[..], RecvFlags::empty()) {
                Ok((length, _)) => {
                    for message in messages(&self.buffer[..length]) {
                        if message.kind == code::ND_OPTIONS
                            && let Some((of, bytes)) = message.router_options()
                            && of == index
                        {
                            options(bytes);
                        }
                    }
                }
                Err(Errno::NOBUFS) => {}
                Err(_) => return any,
            }
            any = true;
        }
        any
    }
}
