//! Answers packets with ICMP errors (RFC 792, RFC 1122 section 3.2.2, RFC 1812 section 4.3.2).
use super::source_route::SourceRoute;
use crate::ip::Addresses;
use alloc::format;
use alloc::string::ToString;
use core::any::Any;
use core::net::Ipv4Addr;
use sluice_dataplane::args::{Args, FromArg, Word};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info, State};
use sluice_dataplane::packet::{Packet, PacketKind};
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::icmp::{self, CODE_NEED_FRAG, CODE_POINTER, PARAMETER_PROBLEM, REDIRECT, UNREACHABLE};
use sluice_dataplane::wire::{Icmp, Ipv4, ip_proto, ipv4};
use zerocopy::IntoBytes;

/// Time to live of the errors, hops.
const TTL: u8 = 200;

/// Answers packets with ICMP errors.
pub struct ICMPError {
    src: Ipv4Addr,
    kind: u8,
    code: u8,
    bad: Addresses,
    mtu: usize,
    pmtu: u16,
    fix: bool,
    id: u16,
}

impl Configure for ICMPError {
    const INFO: &'static Info = &Info {
        state: State::Replicated,
        live: true,
        args: &[
            Arg::required("SRC", "IP address", "source address of the errors"),
            Arg::required("TYPE", "ICMP type", "unreachable, sourcequench, redirect, timeexceeded, parameterproblem"),
            Arg::optional("CODE", "ICMP code", "0", "number or name, such as host, needfrag, transit, erroratptr"),
            Arg::optional("BADADDRS", "IP addresses", "", "broadcast addresses: no answer to packets from or to them"),
            Arg::keyword("MTU", "bytes", "576", "longest error"),
            Arg::keyword("PMTU", "bytes", "0", "for needfrag: the next link's MTU"),
            Arg::keyword("SET_FIX_ANNO", "boolean", "true", "whether FixIPSrc shall set the source address"),
            Arg::keyword("USE_FIX_ANNO", "boolean", "true", "another name of SET_FIX_ANNO"),
        ],
        handlers: &[
            Handler::both("src", "source address of the errors"),
            Handler::both("mtu", "longest error"),
            Handler::both("pmtu", "the next link's MTU"),
        ],
        doc: "Answers each packet with an ICMP error to its source that quotes the packet from its IP header on, as \
              much as fits MTU. No answer, hence a drop as `no_icmp_error`, is given to ICMP errors, to fragments \
              other than the first, to packets that came by link broadcast or multicast, or whose source or \
              destination no single host has (RFC 1812 section 4.3.2.7). Parameter problem erroratptr takes the \
              pointer from its annotation, as IPGWOptions sets it, redirect the gateway from the destination \
              annotation. A source route is sent back reversed. Errors go to the router's table, through a rate \
              limiter if you like, with destination and fix IP source annotations set.",
        example: "InfiniteSource(LIMIT 5) -> CheckIPHeader -> d :: DecIPTTL -> Discard; \
                  d[1] -> ICMPError(10.0.0.1, timeexceeded, BADADDRS 10.0.0.255) -> Discard;",
        see: &["DecIPTTL", "FixIPSrc", "IPFragmenter", "IPGWOptions"],
        asks_kind: true,
        ..Info::new("ICMPError", "icmp", "answers packets with ICMP errors")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let src = args.required("SRC");
        let Word(kind_text) = args.required("TYPE");
        let code_text = args.optional("CODE", Word("0".into())).0;
        let bad = args.optional("BADADDRS", Addresses::default());
        let mtu = args.keyword("MTU", 576u32) as usize;
        let pmtu = args.keyword("PMTU", 0u16);
        let set = args.keyword("SET_FIX_ANNO", true);
        let fix = args.keyword("USE_FIX_ANNO", set);
        let number = |text: &str| u32::from_arg(text, args.names()).ok();
        let kind = icmp::type_number(&kind_text).or_else(|| number(&kind_text).and_then(|n| u8::try_from(n).ok()));
        let code = kind
            .and_then(|k| icmp::code_number(k, &code_text))
            .or_else(|| number(&code_text).and_then(|n| u8::try_from(n).ok()));
        match kind {
            // `required` has told already that there is none.
            None if kind_text.is_empty() => {}
            None => args.error("ICMP type must be between 0 and 255"),
            Some(kind) if !icmp::is_error(kind) => args.error(format!("ICMP type {kind} is not an error type")),
            Some(_) if code.is_none() => args.error("argument 2 takes ICMP code (integer between 0 and 255)"),
            Some(_) => {}
        }
        let (kind, code) = (kind.unwrap_or(UNREACHABLE), code.unwrap_or(0));
        ICMPError { src, kind, code, bad, mtu, pmtu, fix, id: 1 }
    }
}

impl ICMPError {
    /// RFC 1812 section 5.3.4: whether one host may have this destination address.
    fn unicast(&self, address: Ipv4Addr) -> bool {
        !(address.is_broadcast() || address.is_multicast() || self.bad.0.contains(&address))
    }

    /// RFC 1812 section 5.3.7: whether one host may have this source address.
    fn valid_source(&self, address: Ipv4Addr) -> bool {
        let [net, ..] = address.octets();
        self.unicast(address) && net != 0 && net != 127 && net < 0xf0
    }

    /// RFC 1812 section 4.3.2.7: whether a packet may be answered at all.
    fn answers(&self, p: &Packet, ip: &Ipv4, payload: &[u8]) -> bool {
        let is_error = ip.protocol() == ip_proto::ICMP && payload.first().is_none_or(|&kind| icmp::is_error(kind));
        let by_link = matches!(p.kind(), PacketKind::Broadcast | PacketKind::Multicast);
        ip.has_transport() && !is_error && !by_link && self.unicast(ip.dst()) && self.valid_source(ip.src())
    }

    /// The four bytes behind the ICMP checksum.
    fn rest(&self, p: &Packet) -> u32 {
        match (self.kind, self.code) {
            (PARAMETER_PROBLEM, CODE_POINTER) => u32::from(p.icmp_pointer()) << 24,
            (REDIRECT, _) => p.dst().into(),
            (UNREACHABLE, CODE_NEED_FRAG) => self.pmtu.into(),
            _ => 0,
        }
    }

    /// The error that answers `p`.
    fn answer(&mut self, cx: &mut Context<'_>, p: &Packet) -> Result<Packet, Reason> {
        let network = p.network().ok_or(Reason::NoIcmpError)?;
        let ip = Ipv4::parse_header(network).map_err(|_| Reason::NoIcmpError)?;
        let payload = network.get(ip.header_len()..).unwrap_or(&[]);
        if !self.answers(p, ip, payload) {
            return Err(Reason::NoIcmpError);
        }
        let route = SourceRoute::find(network.get(ipv4::LEN..ip.header_len()).unwrap_or(&[]));
        // RFC 1812 section 5.2.7.2: packets with a source route are never redirected.
        if route.is_some() && self.kind == REDIRECT {
            return Err(Reason::NoIcmpError);
        }
        // RFC 1812 section 4.3.2.6: a source route that is itself the problem leads nowhere.
        let pointer = usize::from(p.icmp_pointer());
        let route =
            route.filter(|r| (self.kind, self.code) != (PARAMETER_PROBLEM, CODE_POINTER) || !r.contains(pointer));
        let (options, options_len) = route.map_or(([0; ipv4::MAX_LEN - ipv4::LEN], 0), |r| r.reversed());

        // Behind the total length there may be padding of the link. RFC 1812 section 4.3.2.3: as much as fits.
        let whole = network.len().min(usize::from(ip.total_len()).max(ip.header_len()));
        let head = ipv4::LEN + options_len + icmp::LEN;
        let quote = network.get(..whole.min(self.mtu.saturating_sub(head))).unwrap_or(&[]);
        let mut header = Ipv4::new(self.src, ip.src(), ip_proto::ICMP, options_len + icmp::LEN + quote.len());
        header.set_header_len(ipv4::LEN + options_len);
        header.set_ident(self.id);
        header.set_ttl(TTL);
        let mut message = Icmp::new(self.kind, self.code);
        message.set_rest(self.rest(p));

        let mut q = cx.alloc().ok_or(Reason::NoBuffer)?;
        let options = options.get(..options_len).unwrap_or(&[]);
        if ![header.as_bytes(), options, message.as_bytes(), quote].iter().all(|part| q.append(part)) {
            cx.drop(q, Reason::Oversize);
            return Err(Reason::NoIcmpError);
        }
        self.id = self.id.wrapping_add(1);
        if let Some(bytes) = q.data_mut() {
            let _ = ipv4::fill_checksum(bytes);
            let _ = icmp::fill_checksum(bytes.get_mut(ipv4::LEN + options_len..).unwrap_or_default());
        }
        q.set_net_off(0);
        q.set_transport_off(ipv4::LEN + options_len);
        q.set_dst(ip.src());
        q.set_fix_ip_src(self.fix);
        q.set_timestamp(cx.now());
        q.join_trace(p);
        Ok(q)
    }
}

impl Element for ICMPError {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let mut old = cx.spare();
        core::mem::swap(batch, &mut old);
        for p in old.drain() {
            match self.answer(cx, &p) {
                Ok(q) => {
                    batch.push(q);
                    cx.consume(p);
                }
                Err(why) => cx.drop(p, why),
            }
        }
        cx.give_spare(old);
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<Self>() {
            self.id = old.id;
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "src" => self.src.to_string(),
            "mtu" => self.mtu.to_string(),
            "pmtu" => self.pmtu.to_string(),
            _ => return Err(HandlerError::NoHandler(handler.into())),
        })
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        match handler {
            "src" => self.src = value(text, handler)?,
            "mtu" => self.mtu = value::<u32>(text, handler)? as usize,
            _ => self.pmtu = value(text, handler)?,
        }
        Ok(())
    }
}
