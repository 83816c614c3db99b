//! The power button of ACPI: the kernel tells of it by generic netlink (family `acpi_event`, linux/drivers/acpi/event.c).
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with};

/// Lengths of the headers of netlink and of generic netlink, bytes.
const HEADER: usize = 16;
const GENERIC: usize = 4;
/// `CTRL_CMD_GETFAMILY`, and the attributes that matter (linux/genetlink.h).
const GET_FAMILY: u8 = 3;
const FAMILY_NAME: u16 = 2;
const GROUPS: u16 = 7;
const GROUP_ID: u16 = 2;
/// `GENL_ID_CTRL`.
const CONTROLLER: u16 = 0x10;
/// `ACPI_GENL_ATTR_EVENT`: it begins with the class of the device, 20 bytes.
const EVENT: u16 = 1;

/// Waits for the button, for as long as the process lives.
///
/// # Errors
/// This kernel does not tell of it.
pub fn wait() -> Result<(), Errno> {
    let group = group()?;
    if !(1..=32).contains(&group) {
        return Err(Errno::NOTSUP);
    }
    let socket = open(1 << (group - 1))?;
    let mut buffer = [0; 4096];
    loop {
        let (length, _) = match recv(&socket, &mut buffer[..], RecvFlags::empty()) {
            Err(Errno::INTR | Errno::NOBUFS) => continue,
            received => received?,
        };
        if is_power_button(buffer.get(..length).unwrap_or_default()) {
            return Ok(());
        }
    }
}

fn open(groups: u32) -> Result<OwnedFd, Errno> {
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(netlink::GENERIC))?;
    bind(&socket, &SocketAddrNetlink::new(0, groups))?;
    Ok(socket)
}

/// The number of the group that is told of events.
fn group() -> Result<u32, Errno> {
    let socket = open(0)?;
    send(&socket, &question(), SendFlags::empty())?;
    let mut buffer = [0; 4096];
    let (length, _) = recv(&socket, &mut buffer[..], RecvFlags::empty())?;
    group_in(buffer.get(..length).unwrap_or_default()).ok_or(Errno::NOENT)
}

fn question() -> Vec<u8> {
    const REQUEST: u16 = 1; // NLM_F_REQUEST
    let name = b"acpi_event\0\0"; // with its zero, and filled up to a multiple of 4
    let mut message = Vec::new();
    message.extend(((HEADER + GENERIC + 4 + name.len()) as u32).to_ne_bytes());
    message.extend(CONTROLLER.to_ne_bytes());
    message.extend(REQUEST.to_ne_bytes());
    message.extend([0; 8]); // sequence number, sender
    message.extend([GET_FAMILY, 1, 0, 0]);
    message.extend((4 + 11u16).to_ne_bytes());
    message.extend(FAMILY_NAME.to_ne_bytes());
    message.extend(name);
    message
}

/// Attributes: number without flags, and value.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(bytes.get(2..4)?.try_into().ok()?) & 0x3fff;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

fn group_in(message: &[u8]) -> Option<u32> {
    let all = attributes(message.get(HEADER + GENERIC..)?);
    let groups = all.filter(|a| a.0 == GROUPS).flat_map(|a| attributes(a.1));
    let mut ids = groups.flat_map(|g| attributes(g.1)).filter(|a| a.0 == GROUP_ID);
    ids.find_map(|a| Some(u32::from_ne_bytes(a.1.get(..4)?.try_into().ok()?)))
}

fn is_power_button(message: &[u8]) -> bool {
    let all = attributes(message.get(HEADER + GENERIC..).unwrap_or_default());
    all.filter(|a| a.0 == EVENT).any(|a| a.1.starts_with(b"button/power"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut all = ((4 + value.len()) as u16).to_ne_bytes().to_vec();
        all.extend(kind.to_ne_bytes());
        all.extend(value);
        all.resize(all.len().next_multiple_of(4), 0);
        all
    }

    #[test]
    fn the_button_is_told_from_other_events_and_the_group_is_found() {
        let event = |class: &[u8]| {
            let mut value = class.to_vec();
            value.resize(44, 0);
            [vec![0; HEADER + GENERIC], attribute(EVENT, &value)].concat()
        };
        assert!(is_power_button(&event(b"button/power")));
        assert!(!is_power_button(&event(b"button/lid")));
        let group =
            attribute(1, &[attribute(1, b"acpi_mc_group\0"), attribute(GROUP_ID, &5u32.to_ne_bytes())].concat());
        let answer =
            [vec![0; HEADER + GENERIC], attribute(FAMILY_NAME, b"acpi_event\0"), attribute(GROUPS | 0x8000, &group)];
        assert_eq!(group_in(&answer.concat()), Some(5));
    }

    #[test]
    fn broken_messages_are_no_button() {
        for length in 0..HEADER + GENERIC + 8 {
            assert!(!is_power_button(&vec![0xff; length]));
            assert_eq!(group_in(&vec![0; length]), None);
        }
    }
}
