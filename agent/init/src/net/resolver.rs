//! `resolv.conf`, which glibc's resolver reads (resolv.conf(5)).
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;

/// MAXNS of glibc: more are not read.
const SERVERS: usize = 3;
/// MAXDNSRCH of older ones.
const DOMAINS: usize = 6;

/// The file's text: the first sources come first, nothing twice. A link-local server is on `interface`.
pub(super) fn text(servers: &[IpAddr], domains: &[String], interface: &str) -> String {
    let mut text = String::from("# Written by sluice: changes are lost.\n");
    let mut unique: Vec<&IpAddr> = Vec::new();
    for server in servers {
        if !unique.contains(&server) && unique.len() < SERVERS {
            unique.push(server);
            let zone = match server {
                IpAddr::V6(address) if address.is_unicast_link_local() => format!("%{interface}"),
                _ => String::new(),
            };
            let _ = writeln!(text, "nameserver {server}{zone}");
        }
    }
    let mut search: Vec<&str> = Vec::new();
    for domain in domains {
        if !search.contains(&domain.as_str()) && search.len() < DOMAINS {
            search.push(domain);
        }
    }
    if !search.is_empty() {
        let _ = writeln!(text, "search {}", search.join(" "));
    }
    text
}

/// Replaces the file as a whole: who reads it meanwhile gets the old text or the new one. It is not made to survive a
/// power cut, as it is written anew at each boot.
///
/// # Errors
/// The folder cannot be written; the old file is still there.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    let aside = path.with_extension("conf.new");
    fs::write(&aside, text)?;
    fs::rename(&aside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_and_domains_of_all_sources_are_listed_once_in_order() {
        let servers = ["10.0.0.1", "fe80::1", "10.0.0.1", "2001:db8::1", "10.0.0.2"].map(|ip| ip.parse().unwrap());
        let domains = ["lab.example", "example", "lab.example"].map(String::from);
        let expected =
            "nameserver 10.0.0.1\nnameserver fe80::1%eth0\nnameserver 2001:db8::1\nsearch lab.example example\n";
        assert_eq!(text(&servers, &domains, "eth0").split_once('\n').unwrap().1, expected);
    }
}
