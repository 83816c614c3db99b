//! Ports on a multicast group: UDP datagrams over IPv4 (RFC 1112, RFC 768).
use super::sys::interface;
use crate::packet::Packet;
use crate::pool::MAX_FRAME;
use crate::port::{FrameMeta, MulticastDevice, Receive, Rx, Sent, Transmit};
use crate::reason::Reason;
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, ipproto, sockopt};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// The two sockets of a member: one is bound to the group's address, the other to the sender's.
#[derive(Debug)]
pub struct Member {
    name: String,
    group: SocketAddrV4,
    receiving: OwnedFd,
    sending: OwnedFd,
    /// Where our datagrams come from, if they are to be told from those of others.
    own: Option<SocketAddrV4>,
    snaplen: usize,
}

fn udp_socket() -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    rustix::net::socket_with(AddressFamily::INET, SocketType::DGRAM, flags, Some(ipproto::UDP))
}

/// The name of the call that failed goes before the reason.
fn said<T>(call: &str, result: Result<T, Errno>) -> io::Result<T> {
    result.map_err(|e| {
        let e = io::Error::from(e);
        io::Error::new(e.kind(), format!("{call}: {}", crate::os::strerror(&e)))
    })
}

impl Member {
    /// Joins a group.
    ///
    /// # Errors
    /// The address is none of a group or none of this machine, the port is taken by somebody who does
    /// not share it, no route leads to the group.
    pub fn join(device: &MulticastDevice) -> io::Result<Member> {
        let group = SocketAddrV4::new(device.group.0, device.group.1);
        let receiving = said("socket", udp_socket())?;
        let sending = said("socket", udp_socket())?;
        if let Some(n) = device.buffers[0] {
            said("setsockopt(SO_RCVBUF)", sockopt::set_socket_recv_buffer_size(&receiving, n as usize))?;
        }
        if let Some(n) = device.buffers[1] {
            said("setsockopt(SO_SNDBUF)", sockopt::set_socket_send_buffer_size(&sending, n as usize))?;
        }
        // Other members on this machine listen on the same address.
        said("setsockopt(SO_REUSEADDR)", sockopt::set_socket_reuseaddr(&receiving, true))?;
        said("bind", rustix::net::bind(&receiving, &group))?;
        let mut own = None;
        if let Some((address, port)) = device.source {
            said("bind", rustix::net::bind(&sending, &SocketAddrV4::new(address, port)))?;
            own = said("getsockname", rustix::net::getsockname(&sending).and_then(SocketAddrV4::try_from))?.into();
            said("setsockopt(IP_MULTICAST_IF)", sockopt::set_ip_multicast_if(&sending, &address))?;
        }
        interface::only_joined_groups(receiving.as_fd())?;
        let on = device.source.map_or(Ipv4Addr::UNSPECIFIED, |s| s.0);
        let joined = sockopt::set_ip_add_membership(&receiving, &device.group.0, &on);
        said("setsockopt(IP_ADD_MEMBERSHIP)", joined)?;
        said("setsockopt(IP_MULTICAST_LOOP)", sockopt::set_ip_multicast_loop(&sending, device.looped))?;
        let snaplen = (device.snaplen as usize).min(MAX_FRAME);
        Ok(Member { name: device.name.clone(), group, receiving, sending, own, snaplen })
    }
}

/// Receives what other members send.
pub struct MulticastRx {
    member: Arc<Member>,
    datagram: Box<[u8; MAX_FRAME]>,
}

impl MulticastRx {
    /// The receiving side of a member.
    pub fn new(member: Arc<Member>) -> MulticastRx {
        MulticastRx { member, datagram: Box::new([0; MAX_FRAME]) }
    }
}

impl Receive for MulticastRx {
    fn receive(&mut self, rx: &mut Rx<'_>) {
        let m = &*self.member;
        while rx.room() > 0 {
            let buffer = &mut self.datagram[..m.snaplen];
            let (len, whole, from) = match rustix::net::recvfrom(&m.receiving, &mut *buffer, RecvFlags::TRUNC) {
                Ok(got) => got,
                Err(Errno::INTR) => continue,
                Err(_) => return, // nothing there, or an error that only our own sending can have caused
            };
            let from = from.and_then(|a| SocketAddrV4::try_from(a).ok());
            if m.own.is_some() && m.own == from {
                continue;
            }
            let extra_length = u32::try_from(whole.saturating_sub(len)).unwrap_or(0);
            rx.frame(&[&buffer[..len]], FrameMeta { extra_length, ..FrameMeta::default() });
        }
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.member.receiving.as_fd())
    }
}

/// Sends to all members.
pub struct MulticastTx {
    member: Arc<Member>,
    /// What the last datagram met with, if it did not go, and whether that was told.
    trouble: Option<(Errno, bool)>,
}

impl MulticastTx {
    /// The sending side of a member.
    pub fn new(member: Arc<Member>) -> MulticastTx {
        MulticastTx { member, trouble: None }
    }
}

impl Transmit for MulticastTx {
    fn transmit(&mut self, packets: &[Packet]) -> Sent {
        let m = &*self.member;
        for (i, p) in packets.iter().enumerate() {
            let refused = loop {
                match rustix::net::sendto(&m.sending, p.data(), SendFlags::empty(), &m.group) {
                    Ok(_) => break None,
                    Err(Errno::INTR) => {}
                    Err(Errno::AGAIN | Errno::NOBUFS) => break Some(Sent::Full),
                    Err(Errno::MSGSIZE) => break Some(Sent::Refused(Reason::Oversize)),
                    Err(why) => {
                        if self.trouble.is_none_or(|t| t.0 != why) {
                            self.trouble = Some((why, false));
                        }
                        break Some(Sent::Refused(Reason::PortDown));
                    }
                }
            };
            match refused {
                None => self.trouble = None,
                Some(_) if i > 0 => return Sent::Some(i),
                Some(refused) => return refused,
            }
        }
        Sent::Some(packets.len())
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.member.sending.as_fd())
    }

    fn maintain(&mut self) -> (bool, Option<String>) {
        let Some((why, told)) = &mut self.trouble else { return (true, None) };
        let news = !std::mem::replace(told, true);
        (false, news.then(|| format!("{}: {}", self.member.name, crate::os::strerror(&(*why).into()))))
    }
}
