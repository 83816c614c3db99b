//! Gives names to TCP and UDP ports.
use alloc::format;
use sluice_dataplane::args::{Args, FromArg, IpProto, Named, parse_int, split_words};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};

/// Gives names to TCP and UDP ports.
pub struct PortInfo;

impl Configure for PortInfo {
    const INFO: &'static Info = &Info {
        ports: "0/0",
        informs: true,
        args: &[Arg::rest("NAME PORT[/PROTOCOL] [NAME...]", "name, port, more names", "names for a port")],
        doc: "Each argument names a port, for TCP and UDP if no protocol follows it: as a line of /etc/services does. What \
              begins with # is a comment. The names may be used for ports in this compound element and those inside it.",
        example: "PortInfo(ssh2 2222/tcp, game 4000);",
        see: &["AddressInfo"],
        ..Info::new("PortInfo", "control", "gives names to TCP and UDP ports")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let names = args.names();
        for arg in args.rest_strings() {
            let words = split_words(&arg);
            let Some(first) = words.first().filter(|w| !w.starts_with('#')) else { continue };
            let (port, proto) = match words.get(1).map(|w| w.split_once('/').unwrap_or((w, ""))) {
                Some((port, proto)) => (parse_int::<u16>(port).ok(), proto),
                None => (None, ""),
            };
            let Some(port) = port else {
                args.error(format!("expected ‘NAME PORT/PROTO’, got ‘{arg}’"));
                continue;
            };
            let number = match proto {
                "" => None,
                "tcp" => Some(6),
                "udp" => Some(17),
                other => match IpProto::from_arg(other, names) {
                    Ok(p) => Some(p.0),
                    Err(_) => continue, // as in Click: a protocol that nobody knows does no harm
                },
            };
            let more = words.iter().skip(2).take_while(|w| !w.starts_with('#'));
            for name in core::iter::once(first).chain(more) {
                if number.is_none_or(|n| n == 6) {
                    env.bind(name, Named::Tcp(port));
                }
                if number.is_none_or(|n| n == 17) {
                    env.bind(name, Named::Udp(port));
                }
            }
        }
        PortInfo
    }
}

impl Element for PortInfo {}
