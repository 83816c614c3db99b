//! The edge of a domain: no NSH comes in or goes out (RFC 8300 sections 2.2 and 8.1).
use super::carried::find;
use alloc::format;
use alloc::vec::Vec;
use core::ops::RangeInclusive;
use sluice_dataplane::args::{Args, parse_int, split_words};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::Nsh;
use sluice_dataplane::wire::nsh::SPI_MAX;

/// Keeps NSH inside its domain.
pub struct NSHFilter {
    allowed: Vec<RangeInclusive<u32>>,
}

impl Configure for NSHFilter {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        live: true,
        args: &[Arg::rest("ALLOW", "SPI or SPI-SPI", "service paths that pass, separated by commas or spaces")],
        doc: "Takes whole Ethernet frames at the edge of a service function chaining domain. Those that carry NSH go to output 1 \
              if that is connected, else they are dropped as `nsh_foreign`, unless their service path identifier is one of those \
              allowed and their header is sound; all other frames pass. NSH is found behind VLAN tags, in Ethernet (type 0x894F), \
              VXLAN-GPE, GRE, Geneve, and in frames inside VXLAN, VXLAN-GPE, Geneve or GRE, over IPv4 or IPv6.",
        example: "InfiniteSource(LIMIT 5) -> e :: NSHFilter(10, 20-29) -> Discard; e[1] -> Discard;",
        see: &["CheckNSHHeader", "NSHClassifier", "NSHDecap"],
        ..Info::new("NSHFilter", "nsh", "keeps NSH inside its domain")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let texts = args.rest_strings();
        let mut allowed = Vec::new();
        for word in texts.iter().flat_map(|text| split_words(text)) {
            let (from, to) = word.split_once('-').unwrap_or((word, word));
            match parse_int::<u32>(from).ok().zip(parse_int::<u32>(to).ok()) {
                Some((from, to)) if from <= to && to <= SPI_MAX => allowed.push(from..=to),
                _ => args.error(format!("`{word}` should be a service path identifier or a range of them")),
            }
        }
        NSHFilter { allowed }
    }
}

impl NSHFilter {
    fn judge(&self, p: &Packet) -> Option<Reason> {
        let at = find(p.data())?;
        let header = p.data().get(at..).and_then(|bytes| Nsh::parse(bytes).ok());
        let passes = header.is_some_and(|(nsh, _)| self.allowed.iter().any(|range| range.contains(&nsh.spi())));
        (!passes).then_some(Reason::NshForeign)
    }
}

impl Element for NSHFilter {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| self.judge(p));
    }
}
