//! UDP sockets of the DHCP clients: they hear and reach one interface only.
//!
//! A datagram socket is enough for DHCPv4: on an interface without any address, Linux sends to 255.255.255.255 from
//! 0.0.0.0 and delivers a limited broadcast (RFC 1122 section 3.2.1.3), as long as `rp_filter` is off, which is its default.
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};

/// Datagrams that are read before something else is done.
const AT_ONCE: usize = 32;
/// A longer datagram is cut, and then it is broken.
const LONGEST: usize = 2048;

/// Port 68 of DHCPv4.
pub(super) fn dhcp4(interface: &str) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_broadcast(true)?;
    open(socket, interface, (Ipv4Addr::UNSPECIFIED, 68).into())
}

/// Port 546 of DHCPv6.
pub(super) fn dhcp6(interface: &str) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_only_v6(true)?;
    open(socket, interface, (Ipv6Addr::UNSPECIFIED, 546).into())
}

fn open(socket: Socket, interface: &str, port: SocketAddr) -> io::Result<UdpSocket> {
    socket.set_reuse_address(true)?; // clients of other interfaces
    socket.bind_device(Some(interface.as_bytes()))?;
    socket.set_nonblocking(true)?;
    socket.bind(&port.into())?;
    Ok(socket.into())
}

/// All_DHCP_Relay_Agents_and_Servers (RFC 8415 section 7.1), on the interface with this index.
pub(super) fn dhcp6_servers(index: u32) -> SocketAddrV6 {
    SocketAddrV6::new(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2), 547, 0, index)
}

/// Gives what has come to `take`.
pub(super) fn drain(socket: &UdpSocket, mut take: impl FnMut(&[u8])) {
    let mut buffer = [0; LONGEST];
    for _ in 0..AT_ONCE {
        match socket.recv(&mut buffer) {
            Ok(length) => take(&buffer[..length]),
            Err(_) => return,
        }
    }
}
