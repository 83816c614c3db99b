//! Settings of the kernel for IPv6 on one interface (Documentation/networking/ip-sysctl.rst).
use super::{Dhcp6, Network};
use std::fs;
use std::io;
use std::path::Path;

/// Has to be done before the interface is up: the kernel asks for routers at that moment.
///
/// # Errors
/// One of them cannot be written. A kernel without IPv6 is not an error.
pub(super) fn apply(proc: &Path, interface: &str, wanted: &Network) -> io::Result<()> {
    let folder = proc.join("sys/net/ipv6/conf").join(interface);
    if !folder.exists() {
        return Ok(());
    }
    let routers = wanted.slaac || wanted.dhcp6 != Dhcp6::No;
    let static6 = wanted.addresses.iter().any(|(ip, _)| ip.is_ipv6());
    let digit = |on| if on { "1" } else { "0" };
    let values = [
        ("disable_ipv6", digit(!routers && !static6)),
        // 2: even where this machine forwards IPv6 itself.
        ("accept_ra", if routers { "2" } else { "0" }),
        ("autoconf", digit(wanted.slaac)),
        // EUI-64 (RFC 4291 appendix A): who knows the Ethernet address knows where the machine is.
        ("addr_gen_mode", "0"),
        ("use_tempaddr", "0"),
    ];
    for (name, value) in values {
        fs::write(folder.join(name), value).map_err(|e| io::Error::new(e.kind(), format!("{name}: {e}")))?;
    }
    Ok(())
}
