//! Network interfaces: which exist, what they are, bringing them up; and errors that say what to do.
//!
//! Source: `netdevice(7)`, `getifaddrs(3)`.
use super::raw;
use rustix::net::{AddressFamily, SocketType};
use std::ffi::{CStr, CString};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Why an interface cannot be used. Inside an [`io::Error`] of a fitting kind; its text is for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InterfaceError {
    /// No interface has this name ([`io::ErrorKind::NotFound`]).
    Missing {
        /// The name asked for.
        name: String,
        /// Every name that exists.
        existing: Vec<String>,
    },
    /// The process may not do this ([`io::ErrorKind::PermissionDenied`]).
    Forbidden {
        /// The interface or device concerned.
        name: String,
    },
    /// The interface is down ([`io::ErrorKind::NetworkDown`]).
    Down {
        /// The interface concerned.
        name: String,
    },
}

impl std::fmt::Display for InterfaceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing { name, existing } => {
                write!(f, "no interface {name:?}")?;
                if let Some(nearest) = nearest(name, existing) {
                    write!(f, ", did you mean {nearest:?}?")?;
                }
                if existing.is_empty() {
                    write!(f, " (there is none at all)")
                } else {
                    write!(f, " (there are: {})", existing.join(", "))
                }
            }
            Self::Forbidden { name } => {
                write!(f, "{name}: needs CAP_NET_RAW (run as root or setcap cap_net_raw,cap_net_admin+ep)")
            }
            Self::Down { name } => write!(f, "{name}: the interface is down (ip link set {name} up)"),
        }
    }
}

impl std::error::Error for InterfaceError {}

impl From<InterfaceError> for io::Error {
    fn from(error: InterfaceError) -> Self {
        let kind = match error {
            InterfaceError::Missing { .. } => io::ErrorKind::NotFound,
            InterfaceError::Forbidden { .. } => io::ErrorKind::PermissionDenied,
            InterfaceError::Down { .. } => io::ErrorKind::NetworkDown,
        };
        Self::new(kind, error)
    }
}

/// Turns what the kernel said about `name` into something to act upon; other errors pass unchanged.
pub fn explain(name: &str, error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => InterfaceError::Forbidden { name: name.to_owned() }.into(),
        Some(libc::ENODEV | libc::ENXIO) => missing(name),
        Some(libc::ENETDOWN) => InterfaceError::Down { name: name.to_owned() }.into(),
        _ => error,
    }
}

/// Whether an error says that the port is gone or down, so that opening it again later may help.
pub fn is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENETDOWN | libc::ENODEV | libc::ENXIO | libc::EBADFD))
        || matches!(error.kind(), io::ErrorKind::NetworkDown | io::ErrorKind::NotFound)
}

fn missing(name: &str) -> io::Error {
    InterfaceError::Missing { name: name.to_owned(), existing: names().unwrap_or_default() }.into()
}

/// The existing name that is the likeliest misspelling of `name`: least edits, at most a third of its length but two.
fn nearest<'a>(name: &str, existing: &'a [String]) -> Option<&'a str> {
    let limit = (name.len() / 3).max(2);
    let closest = existing.iter().map(|other| (edits(name.as_bytes(), other.as_bytes()), other)).min()?;
    (closest.0 <= limit).then_some(closest.1.as_str())
}

/// Levenshtein distance.
fn edits(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (y, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let best = (diagonal + usize::from(x != y)).min(left + 1).min(*cell + 1);
            diagonal = *cell;
            *cell = best;
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

/// An address on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The address.
    pub address: IpAddr,
    /// Bits of the network's prefix.
    pub prefix_len: u8,
}

/// What an interface is at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name, 1 to 15 bytes.
    pub name: String,
    /// The kernel's number for it, at least 1.
    pub index: u32,
    /// Its Ethernet address; all zero for the loopback interface and for TUN devices.
    pub mac: [u8; 6],
    /// Largest payload of a frame, bytes: without Ethernet header.
    pub mtu: u32,
    /// Switched on by the administrator.
    pub up: bool,
    /// Has a link.
    pub carrier: bool,
    /// IPv4 and IPv6 addresses, in the kernel's order.
    pub addresses: Vec<InterfaceAddress>,
}

/// Names of all interfaces, in the kernel's order.
pub fn names() -> io::Result<Vec<String>> {
    // SAFETY: no arguments; the result is null or an array that ends with an entry of index 0.
    let list = unsafe { libc::if_nameindex() };
    if list.is_null() {
        return Err(io::Error::last_os_error());
    }
    let mut names = Vec::new();
    let mut at = list;
    // SAFETY: `at` walks the array up to its end mark, where it stops; names are C strings that live until the free.
    unsafe {
        while (*at).if_index != 0 && !(*at).if_name.is_null() {
            names.push(CStr::from_ptr((*at).if_name).to_string_lossy().into_owned());
            at = at.add(1);
        }
        libc::if_freenameindex(list);
    }
    Ok(names)
}

/// The kernel's number for the interface called `name`.
///
/// # Errors
/// [`InterfaceError::Missing`].
pub fn index(name: &str) -> io::Result<u32> {
    let c_name = c_name(name)?;
    // SAFETY: a C string.
    match unsafe { libc::if_nametoindex(c_name.as_ptr()) } {
        0 => Err(missing(name)),
        index => Ok(index),
    }
}

/// As [`index`], for an interface that can carry frames.
///
/// # Errors
/// [`InterfaceError::Missing`], [`InterfaceError::Down`].
pub fn index_if_up(name: &str) -> io::Result<u32> {
    let index = index(name)?;
    if flags(name)? & libc::IFF_UP == 0 {
        return Err(InterfaceError::Down { name: name.to_owned() }.into());
    }
    Ok(index)
}

/// Looks at the interface called `name`.
///
/// # Errors
/// [`InterfaceError::Missing`], or what the kernel says.
pub fn read(name: &str) -> io::Result<Interface> {
    let index = index(name)?;
    let get = |request| request_on(name, request, |_| ());
    let hardware = get(libc::SIOCGIFHWADDR as libc::Ioctl)?;
    let mtu = get(libc::SIOCGIFMTU as libc::Ioctl)?;
    let flags = flags(name)?;
    // SAFETY: the kernel filled the member that belongs to each request.
    let (hardware, mtu) = unsafe { (hardware.ifr_ifru.ifru_hwaddr, mtu.ifr_ifru.ifru_mtu) };
    let mut mac = [0; 6];
    if hardware.sa_family == libc::ARPHRD_ETHER {
        for (to, from) in mac.iter_mut().zip(hardware.sa_data) {
            *to = from.cast_unsigned();
        }
    }
    Ok(Interface {
        name: name.to_owned(),
        index,
        mac,
        mtu: u32::try_from(mtu).unwrap_or(0),
        up: flags & libc::IFF_UP != 0,
        carrier: flags & libc::IFF_RUNNING != 0,
        addresses: addresses(name)?,
    })
}

/// Switches the interface on.
///
/// # Errors
/// [`InterfaceError::Missing`], [`InterfaceError::Forbidden`].
pub fn bring_up(name: &str) -> io::Result<()> {
    let flags = flags(name)?;
    if flags & libc::IFF_UP != 0 {
        return Ok(());
    }
    request_on(name, libc::SIOCSIFFLAGS as libc::Ioctl, |request| {
        request.ifr_ifru.ifru_flags = (flags | libc::IFF_UP) as libc::c_short;
    })
    .map(drop)
}

/// Has the interface take frames for other hosts too, for as long as the descriptor is open.
///
/// # Errors
/// [`InterfaceError::Missing`], [`InterfaceError::Forbidden`].
pub fn make_promiscuous(name: &str) -> io::Result<OwnedFd> {
    let membership = libc::packet_mreq {
        mr_ifindex: index(name)?.cast_signed(),
        mr_type: libc::PACKET_MR_PROMISC as u16,
        mr_alen: 0,
        mr_address: [0; 8],
    };
    let socket = raw::packet_socket().map_err(|error| explain(name, error))?;
    raw::set_option(socket.as_fd(), libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &membership)
        .map_err(|error| explain(name, error))?;
    Ok(socket)
}

/// Sets the largest payload of a frame, in bytes.
pub fn set_mtu(name: &str, mtu: u32) -> io::Result<()> {
    let mtu = libc::c_int::try_from(mtu).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    request_on(name, libc::SIOCSIFMTU as libc::Ioctl, |request| request.ifr_ifru.ifru_mtu = mtu).map(drop)
}

/// Gives the interface an IPv4 address, in place of its first one, with a prefix of 0 to 32 bits.
pub fn set_ipv4(name: &str, address: Ipv4Addr, prefix_len: u8) -> io::Result<()> {
    let mask = match prefix_len {
        0 => 0,
        1..=32 => u32::MAX << (32 - prefix_len),
        _ => return Err(io::Error::new(io::ErrorKind::InvalidInput, "an IPv4 prefix has 0 to 32 bits")),
    };
    let set = |what, value: Ipv4Addr| {
        request_on(name, what, |request| {
            request.ifr_ifru.ifru_addr = libc::sockaddr { sa_family: libc::AF_INET as u16, sa_data: [0; 14] };
            // SAFETY: the member was written above; `sockaddr_in` has the port in bytes 0 and 1 behind the family, and the
            // address in bytes 2 to 5, network byte order.
            let data = unsafe { &mut request.ifr_ifru.ifru_addr.sa_data };
            for (to, from) in data.iter_mut().skip(2).zip(value.octets()) {
                *to = from as libc::c_char;
            }
        })
        .map(drop)
    };
    set(libc::SIOCSIFADDR as libc::Ioctl, address)?;
    set(libc::SIOCSIFNETMASK as libc::Ioctl, Ipv4Addr::from_bits(mask))
}

/// A C string; a name with a zero byte inside cannot exist.
pub(super) fn c_name(name: &str) -> io::Result<CString> {
    CString::new(name).map_err(|_| missing(name))
}

/// A socket to send interface requests through.
pub(super) fn control_socket() -> io::Result<OwnedFd> {
    Ok(rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?)
}

/// Sends one of the plain `SIOC[GS]IF*` requests, with the fields that `fill` sets.
fn request_on(name: &str, what: libc::Ioctl, fill: impl FnOnce(&mut libc::ifreq)) -> io::Result<libc::ifreq> {
    let mut request = raw::interface_request(&c_name(name)?)?;
    fill(&mut request);
    let socket = control_socket()?;
    // SAFETY: the requests of this file are plain ones, which follow no pointer.
    unsafe { raw::interface_ioctl(socket.as_fd(), what, &mut request) }.map_err(|error| explain(name, error))?;
    Ok(request)
}

fn flags(name: &str) -> io::Result<libc::c_int> {
    let request = request_on(name, libc::SIOCGIFFLAGS as libc::Ioctl, |_| ())?;
    // SAFETY: SIOCGIFFLAGS fills this member. The upper half of the 16 bits is no sign.
    Ok(libc::c_int::from(unsafe { request.ifr_ifru.ifru_flags }.cast_unsigned()))
}

fn addresses(name: &str) -> io::Result<Vec<InterfaceAddress>> {
    let mut list: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: the call fills `list` with the head of a list that we free below.
    raw::check(unsafe { libc::getifaddrs(&raw mut list) })?;
    let mut found = Vec::new();
    let mut at = list;
    // SAFETY: entries are linked up to a null pointer and live until the free; each name is a C string.
    unsafe {
        while !at.is_null() {
            let entry = &*at;
            if CStr::from_ptr(entry.ifa_name).to_bytes() == name.as_bytes() {
                let prefix_len = ip_of(entry.ifa_netmask).map_or(0, |mask| match mask {
                    IpAddr::V4(mask) => mask.to_bits().count_ones(),
                    IpAddr::V6(mask) => mask.to_bits().count_ones(),
                });
                if let Some(address) = ip_of(entry.ifa_addr) {
                    found.push(InterfaceAddress { address, prefix_len: prefix_len as u8 });
                }
            }
            at = entry.ifa_next;
        }
        libc::freeifaddrs(list);
    }
    Ok(found)
}

/// The IP address in a socket address; `None` for other families.
///
/// # Safety
/// `address` is null or points to a socket address as large as its family says.
unsafe fn ip_of(address: *const libc::sockaddr) -> Option<IpAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: the caller vouches for the pointer; the family says which structure it is.
    unsafe {
        match i32::from((*address).sa_family) {
            libc::AF_INET => {
                let v4 = address.cast::<libc::sockaddr_in>().read_unaligned();
                Some(Ipv4Addr::from_bits(u32::from_be(v4.sin_addr.s_addr)).into())
            }
            libc::AF_INET6 => {
                let v6 = address.cast::<libc::sockaddr_in6>().read_unaligned();
                Some(Ipv6Addr::from(v6.sin6_addr.s6_addr).into())
            }
            _ => None,
        }
    }
}

/// Has an IPv4 socket receive multicasts only from where it has joined the group itself, not from
/// where anybody on this machine has (ip(7), `IP_MULTICAST_ALL`).
///
/// # Errors
/// It is no IPv4 socket.
pub fn only_joined_groups(socket: BorrowedFd<'_>) -> io::Result<()> {
    raw::set_option(socket, libc::IPPROTO_IP, libc::IP_MULTICAST_ALL, &0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_described() {
        let lo = read("lo").unwrap();
        assert_eq!(lo.mac, [0; 6]);
        assert!(lo.index > 0 && lo.mtu > 0);
        if lo.up {
            assert!(lo.addresses.contains(&InterfaceAddress { address: Ipv4Addr::LOCALHOST.into(), prefix_len: 8 }));
        }
    }

    #[test]
    fn a_missing_interface_names_those_that_exist() {
        let error = read("lp").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        let text = error.to_string();
        assert!(text.starts_with(r#"no interface "lp", did you mean "lo"? (there are: lo"#), "{text}");
        assert_eq!(index("zero\0inside").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(index("a-name-that-is-far-too-long").unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_far_name_is_no_suggestion() {
        let existing = ["lo".to_owned(), "enp3s0".to_owned()];
        assert_eq!(nearest("enp3s1", &existing), Some("enp3s0"));
        assert_eq!(nearest("wlan0", &existing), None);
        assert_eq!(edits(b"kitten", b"sitting"), 3);
        assert_eq!(edits(b"", b"abc"), 3);
    }

    #[test]
    fn forbidden_says_what_is_needed() {
        let error = explain("eth0", io::Error::from_raw_os_error(libc::EPERM));
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(error.to_string().contains("needs CAP_NET_RAW (run as root or setcap cap_net_raw,cap_net_admin+ep)"));
    }
}
