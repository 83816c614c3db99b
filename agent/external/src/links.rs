//! The network interfaces between a graph and a program: made, set up, and found again when their maker was killed.
//!
//! The graph's ends are called `slx`, six characters of the function's name, one that is free, and `a` or `b`. Beside
//! each stands who made it, so those of a process that is gone are known.
use crate::namespace::Namespace;
use crate::owner::Owner;
use crate::spec::Spec;
use rustix::io::Errno;
use sluice_dataplane::io::sys::offload::OffloadGuard;
use sluice_netlink::{Address, Link, Netlink};
use std::fs;
use std::io;
use std::os::fd::AsFd as _;
use std::thread::sleep;
use std::time::Duration;

/// What stands beside an interface begins so.
const MARK: &str = "sluice external function";
const SIDES: [char; 2] = ['a', 'b'];
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// Waits for a link, 5 ms each: some seconds.
const LOOKS: u32 = 600;

/// Names for the graph's ends of `count` interfaces that no interface has. Those that a process which is gone has made for a
/// function of this name are removed.
///
/// # Errors
/// The kernel cannot be asked, or all names are taken.
pub(crate) fn names(function: &str, count: usize) -> io::Result<Vec<String>> {
    let mut netlink = Netlink::open()?;
    let start = prefix(function);
    let mut free = None;
    for digit in DIGITS {
        let names = SIDES.map(|side| format!("{start}{}{side}", char::from(*digit)));
        let mut taken = false;
        for name in &names {
            match netlink.link(name) {
                Ok(link) if is_stale(&link, function) => match netlink.remove_link(link.index) {
                    Ok(()) | Err(Errno::NODEV) => {}
                    Err(error) => return Err(error.into()),
                },
                Ok(_) => taken = true,
                Err(Errno::NODEV) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if !taken && free.is_none() {
            free = Some(names);
        }
    }
    let names = free.ok_or_else(|| io::Error::other(format!("all names from {start}0a on are taken")))?;
    Ok(names.into_iter().take(count).collect())
}

/// What the names of a function's interfaces begin with (FNV-1a, 32 bits).
fn prefix(function: &str) -> String {
    let hash = function.bytes().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    let digit = |i: u32| char::from(DIGITS[(hash / 36_u32.pow(i) % 36) as usize]);
    format!("slx{}", (0..6).map(digit).collect::<String>())
}

fn mark(function: &str) -> String {
    format!("{MARK} {function} {}", Owner::this().text())
}

fn is_stale(link: &Link, function: &str) -> bool {
    let owner = link.alias.strip_prefix(MARK).and_then(|rest| rest.trim_start().strip_prefix(function));
    owner.and_then(|rest| Owner::read(rest.trim_start())).is_some_and(|owner| !owner.lives())
}

/// Pairs of devices, with the graph's ends here. They go away with the namespace.
///
/// # Errors
/// What cannot be done.
pub(crate) fn pairs(function: &str, names: &[String], spec: &Spec, namespace: &Namespace) -> io::Result<()> {
    let mut netlink = Netlink::open()?;
    for (name, inner) in names.iter().zip(&spec.interfaces) {
        netlink.add_pair(name, inner, namespace.as_fd(), spec.mtu).map_err(|error| match error {
            Errno::OPNOTSUPP => io::Error::other("this kernel has no veth devices: try attach = \"tap\""),
            other => other.into(),
        })?;
        let link = netlink.link(name)?;
        netlink.set_alias(link.index, &mark(function))?;
        quiet(name)?;
        switch_off_offloads(name)?;
        netlink.set_up_without_arp(link.index)?;
    }
    namespace.inside(|| set_up(spec))?;
    // A link that has just got its carrier drops what it is to send for a moment.
    names.iter().try_for_each(|name| until_it_sends(&mut netlink, name))
}

/// Gives TAP devices that the graph has made to the program, unless it has them. The graph keeps their other ends. False if
/// the graph has not made all of them yet.
///
/// # Errors
/// What cannot be done.
pub(crate) fn hand_over(names: &[String], spec: &Spec, namespace: &Namespace) -> io::Result<bool> {
    let missing = namespace.inside(|| {
        let mut netlink = Netlink::open()?;
        let pairs = names.iter().zip(&spec.interfaces);
        pairs.map(|pair| Ok((pair, there(&mut netlink, pair.1)?))).collect::<io::Result<Vec<_>>>()
    })?;
    let mut netlink = Netlink::open()?;
    let mut ready = Vec::new();
    for ((name, inner), _) in missing.into_iter().filter(|(_, there)| there.is_none()) {
        // The last thing that the graph does to it is to switch it on.
        match there(&mut netlink, name)? {
            Some(link) if link.running => ready.push((link.index, inner)),
            _ => return Ok(false),
        }
    }
    for (index, inner) in ready {
        netlink.move_link(index, namespace.as_fd(), inner)?;
    }
    namespace.inside(|| set_up(spec))?; // again: it may have failed the last time
    Ok(true)
}

fn there(netlink: &mut Netlink, name: &str) -> io::Result<Option<Link>> {
    match netlink.link(name) {
        Ok(link) => Ok(Some(link)),
        Err(Errno::NODEV) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Switches the namespace's interfaces on, once they are what they should be.
fn set_up(spec: &Spec) -> io::Result<()> {
    let mut netlink = Netlink::open()?;
    let lo = netlink.link("lo")?;
    netlink.set_up(lo.index)?;
    for name in &spec.interfaces {
        let addresses = spec.addresses.get(name).map_or(&[][..], Vec::as_slice);
        if !addresses.iter().any(|(ip, _)| ip.is_ipv6()) {
            quiet(name)?;
        }
        switch_off_offloads(name)?;
        let link = netlink.link(name)?;
        netlink.set_up(link.index)?;
        for &(ip, prefix) in addresses {
            let address = Address { ip, prefix, preferred: None, valid: None, tentative: false, duplicate: false };
            netlink.put_address(link.index, &address)?;
        }
        until_it_sends(&mut netlink, name)?;
    }
    Ok(())
}

/// The kernel says nothing of its own on an interface without addresses of IPv6: no router solicitations, no group
/// memberships.
fn quiet(name: &str) -> io::Result<()> {
    match fs::write(format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6"), "1") {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error), // a kernel without IPv6
        _ => Ok(()),
    }
}

/// With offloads, what a program's sockets send has no checksums yet, and it would see frames that no wire carries.
fn switch_off_offloads(name: &str) -> io::Result<()> {
    // They stay off: the interface is ours, and the guard would look for it in another namespace.
    OffloadGuard::switch_off(name).map(std::mem::forget)
}

fn until_it_sends(netlink: &mut Netlink, name: &str) -> io::Result<()> {
    for _ in 0..LOOKS {
        if netlink.link(name)?.running {
            return Ok(());
        }
        sleep(Duration::from_millis(5));
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, format!("{name}: the link does not come up")))
}

/// Removes the graph's ends, and with them the program's.
pub(crate) fn remove(names: &[String]) {
    let Ok(mut netlink) = Netlink::open() else { return };
    for name in names {
        let ours = netlink.link(name).ok().filter(|link| link.alias.starts_with(MARK));
        if let Some(link) = ours {
            let _ = netlink.remove_link(link.index); // the namespace may have taken it along
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_and_differ() {
        assert_eq!(prefix("ids").len(), 9);
        assert_ne!(prefix("ids"), prefix("ips"));
        assert!(format!("{}0a", prefix("a function with quite a long name")).len() <= 15);
    }

    #[test]
    fn an_interface_is_stale_when_its_maker_is_gone() {
        let link = |alias: &str| Link { alias: alias.into(), ..Link::default() };
        assert!(!is_stale(&link(&mark("ids")), "ids"), "ours");
        assert!(is_stale(&link(&format!("{MARK} ids 1.99999999999")), "ids"));
        assert!(!is_stale(&link(&format!("{MARK} other 1.99999999999")), "ids"));
        assert!(!is_stale(&link("somebody's"), "ids") && !is_stale(&link(""), "ids"));
    }
}
