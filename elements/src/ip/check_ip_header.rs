//! Checks IP headers (RFC 791; RFC 1812 sections 4.2.2 and 5.3.7).
use super::tally::{self, Tally};
use super::{Addresses, Prefixes};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::any::Any;
use core::net::Ipv4Addr;
use sluice_dataplane::args::{Args, FromArg, Raw};
use sluice_dataplane::batch::{Batch, Fate};
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::Reply;
use sluice_dataplane::info::{Access, Arg, Info, State};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::ipv4::{self, checksum_ok_20};
use sluice_dataplane::wire::{Ipv4, Malformed};

/// What may be wrong with a header, in the order in which it is looked at.
const TEXTS: [&str; 6] =
    ["tiny packet", "bad IP version", "bad IP header length", "bad IP length", "bad IP checksum", "bad source address"];
const TINY: u16 = 0;
const VERSION: u16 = 1;
const HEADER_LENGTH: u16 = 2;
const LENGTH: u16 = 3;
const CHECKSUM: u16 = 4;
const SOURCE: u16 = 5;
/// The reasons for which they are dropped.
const REASONS: [Reason; 6] =
    [Reason::Truncated, Reason::BadIp, Reason::BadIp, Reason::BadIp, Reason::BadChecksum, Reason::BadSource];

/// What both classes take.
pub(super) const ARGS: &[Arg] = &[
    Arg::optional("OFFSET", "bytes", "0", "where the IP header begins"),
    Arg::keyword("INTERFACES", "IP prefixes", "", "this router's addresses: what BADSRC and GOODDST are made from"),
    Arg::keyword("BADSRC", "IP addresses", "", "packets from these are bad"),
    Arg::keyword("GOODDST", "IP addresses", "", "packets to these are never bad because of their source"),
    Arg::keyword("CHECKSUM", "boolean", "true; CheckIPHeader2: false", "whether the checksum is looked at"),
    tally::VERBOSE,
    tally::DETAILS,
];

/// Checks IP headers; `SUM`: their checksums too, unless told otherwise.
pub struct Check<const SUM: bool> {
    rules: Rules,
    tally: Tally,
}

/// Checks IP headers.
pub type CheckIPHeader = Check<true>;

struct Rules {
    offset: usize,
    checksum: bool,
    bad_src: Vec<Ipv4Addr>,
    good_dst: Vec<Ipv4Addr>,
}

impl Rules {
    /// A header without options takes a straight line; all others go the long way.
    #[inline]
    fn judge(&self, p: &mut Packet) -> Fate {
        let Some(ip) = p.view::<{ ipv4::LEN }>(self.offset) else { return Fate::Move(TINY) };
        let total = usize::from(u16::from_be_bytes([ip[2], ip[3]]));
        let room = p.len() - self.offset;
        let sum = !self.checksum | checksum_ok_20(ip);
        if (ip[0] != 0x45) | (total < ipv4::LEN) | (total > room) | !sum {
            return self.judge_slowly(p);
        }
        let (src, dst) = ([ip[12], ip[13], ip[14], ip[15]], [ip[16], ip[17], ip[18], ip[19]]);
        self.accept(p, ipv4::LEN, total, src.into(), dst.into())
    }
    #[cold]
    fn judge_slowly(&self, p: &mut Packet) -> Fate {
        let bytes = p.data().get(self.offset..).unwrap_or(&[]);
        let ip = match Ipv4::parse_header(bytes) {
            Ok(ip) => ip,
            Err(Malformed::BadVersion) => return Fate::Move(VERSION),
            Err(Malformed::BadLength) => return Fate::Move(HEADER_LENGTH),
            // The options run past the packet, hence the total length past it or before them.
            Err(_) => return Fate::Move(LENGTH),
        };
        let (header, total) = (ip.header_len(), usize::from(ip.total_len()));
        if total > bytes.len() || total < header {
            return Fate::Move(LENGTH);
        }
        if self.checksum && ipv4::verify_checksum(bytes).is_err() {
            return Fate::Move(CHECKSUM);
        }
        let (src, dst) = (ip.src(), ip.dst());
        self.accept(p, header, total, src, dst)
    }
    /// RFC 1812 section 5.3.7: illegal source addresses. Then notes what was found out.
    #[inline]
    fn accept(&self, p: &mut Packet, header: usize, total: usize, src: Ipv4Addr, dst: Ipv4Addr) -> Fate {
        if self.bad_src.contains(&src) && !self.good_dst.contains(&dst) {
            return Fate::Move(SOURCE);
        }
        p.set_net_off(self.offset);
        p.set_transport_off(self.offset + header);
        p.set_dst(dst);
        p.truncate(self.offset + total);
        Fate::Keep
    }
}

impl<const SUM: bool> Check<SUM> {
    /// `[OFFSET]`, or Click's old `[BADSRC2, OFFSET]`, in which 0.0.0.0 and 255.255.255.255 are bad too.
    pub(super) fn from_args(args: &mut Args<'_>) -> Self {
        let interfaces = args.keyword_some::<Prefixes>("INTERFACES");
        let bad_src = args.keyword_some::<Addresses>("BADSRC");
        let good_dst = args.keyword_some::<Addresses>("GOODDST");
        let mut offset = args.keyword("OFFSET", 0u32);
        let checksum = args.keyword("CHECKSUM", SUM);
        let tally = Tally::configure(args, &TEXTS, |name| format!("{name}: IP header check failed"));
        let extremes = [Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST];
        let (mut bad, mut good) = (Vec::new(), Vec::new());
        if let Some(Prefixes(own)) = interfaces {
            bad.extend(own.iter().map(|n| Ipv4Addr::from(u32::from(n.network()) | !u32::from(n.mask))));
            bad.extend(extremes);
            good.extend(own.iter().map(|n| n.addr));
        }
        bad.extend(bad_src.unwrap_or_default().0);
        good.extend(good_dst.unwrap_or_default().0);
        if let Some(Raw(first)) = args.optional_some("BADSRC*") {
            match u32::from_arg(first.trim(), args.names()) {
                Ok(n) => offset = n,
                Err(_) => match Addresses::from_arg(&first, args.names()) {
                    Ok(Addresses(list)) => {
                        bad.extend(list.into_iter().chain(extremes));
                        offset = args.optional("OFFSET", offset);
                    }
                    Err(why) => args.error_in("BADSRC*", &why),
                },
            }
        }
        Check { rules: Rules { offset: offset as usize, checksum, bad_src: bad, good_dst: good }, tally }
    }
}

impl Configure for Check<true> {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        state: State::Replicated,
        live: true,
        args: ARGS,
        handlers: &[tally::DROPS],
        doc: "Checks length, version, header length, total length, checksum and source address of IP headers that \
              begin OFFSET bytes in. Good packets are cut to their total length and get their network header and \
              destination annotations; bad ones go to output 1 if that is connected, else they are dropped. \
              `INTERFACES 10.0.0.1/24` stands for `BADSRC 10.0.0.255 0.0.0.0 255.255.255.255, GOODDST 10.0.0.1`. \
              With DETAILS, the handler drop_details counts bad packets by what is wrong.",
        example: "InfiniteSource(LIMIT 5) -> c :: CheckIPHeader(14, INTERFACES 10.0.0.1/24) -> Discard; \
                  c[1] -> Discard;",
        see: &["CheckIPHeader2", "MarkIPHeader", "SetIPChecksum", "StripIPHeader", "CheckTCPHeader", "CheckUDPHeader"],
        ..Info::new("CheckIPHeader", "ip", "checks IP headers")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        Self::from_args(args)
    }
}

impl<const SUM: bool> Element for Check<SUM> {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let (rules, tally) = (&self.rules, &mut self.tally);
        batch.retain_or_move(
            |p| rules.judge(p),
            |p, why| {
                tally.note(cx, why);
                cx.emit_or_drop(1, p, REASONS.get(usize::from(why)).copied().unwrap_or(Reason::BadIp));
            },
        );
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<Self>() {
            self.tally.take(&old.tally);
        }
    }
    fn more_handlers(&self) -> Vec<(String, Access)> {
        self.tally.handlers()
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        self.tally.read(handler)
    }
}
