//! Settings of the kernel for a machine with one program in it.
use std::fs;

/// Names beneath `/proc/sys`, and their values. What a kernel does not have is passed over.
const SETTINGS: [(&str, &str); 12] = [
    // No module is loaded, now or later.
    ("kernel/modules_disabled", "1"),
    ("kernel/kptr_restrict", "2"),
    ("kernel/dmesg_restrict", "1"),
    ("kernel/unprivileged_bpf_disabled", "1"),
    // A kernel that is broken starts again after a second.
    ("kernel/panic", "1"),
    ("kernel/panic_on_oops", "1"),
    ("kernel/ctrl-alt-del", "0"),
    ("net/ipv4/tcp_syncookies", "1"),
    ("net/ipv4/conf/all/accept_redirects", "0"),
    ("net/ipv6/conf/all/accept_redirects", "0"),
    // Data ports are the VNF's: the kernel's own stack has no addresses there.
    ("net/ipv6/conf/default/disable_ipv6", "1"),
    ("net/ipv6/conf/default/accept_ra", "0"),
];

/// Whoever opens or closes a packet socket waits several times until no processor uses something any more. With this the kernel
/// asks the processors instead of waiting for ticks: a VNF's process that dies is gone 50 ms earlier
/// (linux/Documentation/admin-guide/kernel-parameters.txt, `rcupdate.rcu_expedited`).
const AT_ONCE: &str = "/sys/kernel/rcu_expedited";

/// Makes them.
pub fn settle() {
    let _ = fs::write(AT_ONCE, "1"); // as with the others
    for (name, value) in SETTINGS {
        let _ = fs::write(format!("/proc/sys/{name}"), value); // not every kernel has every one
    }
}

/// For an interface of the VNF's: the kernel itself sends no frames there (MLD, router solicitations), and whoever is there
/// reaches no address of the management network (linux/Documentation/networking/ip-sysctl). `default` does not reach an
/// interface that was there before it was set, and DHCPv4 could not answer with `rp_filter` on all.
const KEPT_OUT: [(&str, &str, &str); 3] =
    [("ipv6", "disable_ipv6", "1"), ("ipv4", "arp_ignore", "8"), ("ipv4", "rp_filter", "1")];

/// Keeps the kernel's own IP from an interface.
pub fn keep_out(interface: &str) {
    for (family, name, value) in KEPT_OUT {
        let _ = fs::write(format!("/proc/sys/net/{family}/conf/{interface}/{name}"), value); // DPDK may have it
    }
}

/// Gives the machine its name.
pub fn set_name(name: &str) {
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let name: String = name.chars().map(|c| if plain(&c) { c } else { '-' }).take(63).collect();
    let _ = fs::write("/proc/sys/kernel/hostname", name); // it goes without
}
