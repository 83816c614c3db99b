//! Gives names to addresses.
use alloc::format;
use sluice_dataplane::args::{Args, EtherAddr, FromArg, Ipv4Prefix, Ipv6Prefix, NameDb, Named, split_words};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};

/// Gives names to addresses.
pub struct AddressInfo;

impl Configure for AddressInfo {
    const INFO: &'static Info = &Info {
        ports: "0/0",
        informs: true,
        args: &[Arg::rest("NAME ADDRESSES", "name and addresses", "a name and what it stands for")],
        doc: "Each argument names addresses: IPv4 and IPv6 addresses, networks such as 10.0.0.1/8 (if that has bits of a \
              host, it is an address too), and Ethernet addresses. The names may be used for addresses in this compound \
              element and those inside it.",
        example: "AddressInfo(me 10.0.0.1/8 00:00:c0:ae:67:ef);",
        see: &["PortInfo"],
        ..Info::new("AddressInfo", "control", "gives names to addresses")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let names = args.names();
        for arg in args.rest_strings() {
            let words = split_words(&arg);
            match words.split_first() {
                None => {}
                Some((_, [])) => args.error(format!("expected ‘NAME [ADDRS]’, got ‘{arg}’")),
                Some((name, addresses)) => {
                    for a in addresses {
                        if !bind(env, names, name, a) {
                            args.error(format!("\"{name}\" ‘{a}’ is not a recognizable address"));
                        }
                    }
                }
            }
        }
        AddressInfo
    }
}

/// Names one address; false if it is none.
fn bind(env: &mut Env<'_>, names: &NameDb, name: &str, text: &str) -> bool {
    if let Ok(a) = core::net::Ipv4Addr::from_arg(text, names) {
        env.bind(name, Named::Ip(a));
    } else if let Ok(p) = Ipv4Prefix::from_arg(text, names) {
        env.bind(name, Named::Prefix(p));
        if u32::from(p.addr) & !u32::from(p.mask) != 0 {
            env.bind(name, Named::Ip(p.addr));
        }
    } else if let Ok(a) = core::net::Ipv6Addr::from_arg(text, names) {
        env.bind(name, Named::Ip6(a));
    } else if let Ok(p) = Ipv6Prefix::from_arg(text, names) {
        env.bind(name, Named::Prefix6(p));
    } else if let Ok(a) = EtherAddr::from_arg(text, names) {
        env.bind(name, Named::Ether(a));
    } else {
        return false;
    }
    true
}

impl Element for AddressInfo {}
