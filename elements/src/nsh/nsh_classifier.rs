//! Sorts packets by their NSH headers.
use super::header::header;
use super::next::Next;
use super::tlv::{Kind, hex};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::RangeInclusive;
use sluice_dataplane::args::{Args, FromArg, NameDb, parse_int, split_words};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::{Nsh, nsh};

const UNMATCHED: u16 = u16::MAX;
const BAD: u16 = u16::MAX - 1;

/// Something about a header that is so or not.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Test {
    Spi(RangeInclusive<u32>),
    Index(RangeInclusive<u32>),
    Ttl(RangeInclusive<u32>),
    MdType(RangeInclusive<u32>),
    Next(u8),
    Oam,
    /// A TLV of this kind is there, with this value if one is given.
    Tlv(Kind, Option<Vec<u8>>),
    /// The fixed context begins with these bytes.
    Context(Vec<u8>),
}

/// A test, and whether it must hold.
type Term = (Test, bool);

/// Sorts packets by their NSH headers.
pub struct NSHClassifier {
    patterns: Vec<Vec<Term>>,
}

impl Configure for NSHClassifier {
    const INFO: &'static Info = &Info {
        ports: "1/-",
        flow: "h/h",
        live: true,
        args: &[Arg::rest("PATTERN", "terms", "for each output what its packets have")],
        doc: "Sends packets with a marked NSH header to the output of the first pattern that matches. A pattern is a list of \
              terms, all of which must hold; `not` before a term turns it round, `-` alone matches all. Terms are: `spi N` or \
              `spi N-M`, `si N` or `si N-M`, `ttl N` or `ttl N-M`, `md N` or `md N-M`, `next PROTOCOL` (none, ipv4, ipv6, ethernet, nsh, mpls, \
              ioam, or a number), `oam`, `tlv KIND` or `tlv KIND=HEX` (a TLV of MD type 2 is there, with just this value; KIND is \
              CLASS/TYPE or a name as NSHEncap has them), `context HEX` (the context of MD type 1 begins with these bytes). \
              Packets that match nothing are dropped as `unmatched`.\n\nWhat goes onto which path in the first place is for \
              IPClassifier (or Classifier) with an NSHEncap behind each output.",
        example: "InfiniteSource(LIMIT 5) -> NSHEncap(10, NEXT ethernet) -> CheckNSHHeader -> c :: NSHClassifier(spi 1-9 si 255, \
                  tlv tenant=0a0b, not oam next ethernet, -) -> Discard; c[1] -> Discard; c[2] -> Discard; c[3] -> Discard;",
        see: &["NSHReclassify", "NSHFilter", "NSHEncap", "IPClassifier"],
        ..Info::new("NSHClassifier", "nsh", "sorts packets by their NSH headers")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let texts = args.rest_strings();
        if texts.len() != env.outputs() {
            args.error(format!("{} outputs, so as many patterns are needed", env.outputs()));
        }
        let mut patterns = Vec::with_capacity(texts.len());
        for (i, text) in texts.iter().enumerate() {
            match pattern(text, args.names()) {
                Ok(terms) => patterns.push(terms),
                Err(why) => args.error(format!("pattern {i}: {why}")),
            }
        }
        NSHClassifier { patterns }
    }
}

fn pattern(text: &str, names: &NameDb) -> Result<Vec<Term>, String> {
    let words = split_words(text);
    if words == ["-"] {
        return Ok(Vec::new());
    }
    if words.is_empty() {
        return Err("empty; `-` matches all".into());
    }
    let mut words = words.into_iter();
    let mut terms = Vec::new();
    while let Some(word) = words.next() {
        let holds = word != "not";
        let word = if holds { Some(word) } else { words.next() };
        let Some(word) = word else { return Err("nothing behind `not`".into()) };
        let mut value = || words.next().ok_or_else(|| format!("nothing behind `{word}`"));
        let test = match word {
            "spi" => Test::Spi(range(value()?, nsh::SPI_MAX)?),
            "si" => Test::Index(range(value()?, 255)?),
            "ttl" => Test::Ttl(range(value()?, 63)?),
            "md" => Test::MdType(range(value()?, 15)?),
            "next" => Test::Next(Next::from_arg(value()?, names)?.0),
            "oam" => Test::Oam,
            "tlv" => tlv(value()?, names)?,
            "context" => {
                let bytes = hex(value()?).filter(|b| b.len() <= nsh::MD1_LEN - nsh::LEN);
                Test::Context(bytes.ok_or("`context` wants up to 16 bytes in hexadecimal digits")?)
            }
            other => return Err(format!("`{other}` is no term")),
        };
        terms.push((test, holds));
    }
    Ok(terms)
}

fn range(text: &str, max: u32) -> Result<RangeInclusive<u32>, String> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let ends = parse_int::<u32>(from).ok().zip(parse_int::<u32>(to).ok());
    let ends = ends.filter(|(from, to)| from <= to && *to <= max);
    ends.map(|(from, to)| from..=to).ok_or_else(|| format!("`{text}` should be a number up to {max}, or a range"))
}

fn tlv(text: &str, names: &NameDb) -> Result<Test, String> {
    let (kind, value) = text.split_once('=').map_or((text, None), |(kind, value)| (kind, Some(value)));
    let value = match value {
        Some(digits) => Some(hex(digits).ok_or_else(|| format!("`{digits}` should be hexadecimal digits"))?),
        None => None,
    };
    Ok(Test::Tlv(Kind::from_arg(kind, names)?, value))
}

impl Test {
    fn holds(&self, nsh: &Nsh, context: &[u8]) -> bool {
        match self {
            Test::Spi(range) => range.contains(&nsh.spi()),
            Test::Index(range) => range.contains(&nsh.index().into()),
            Test::Ttl(range) => range.contains(&nsh.ttl().into()),
            Test::MdType(range) => range.contains(&nsh.md_type().into()),
            Test::Next(next) => *next == nsh.next_protocol(),
            Test::Oam => nsh.is_oam(),
            Test::Tlv(kind, value) => {
                nsh.md_type() == nsh::MD_TLV
                    && nsh::tlvs(context)
                        .flatten()
                        .any(|t| kind.is(&t) && value.as_ref().is_none_or(|v| v.as_slice() == t.value))
            }
            Test::Context(start) => nsh.md_type() == nsh::MD_FIXED && context.starts_with(start),
        }
    }
}

impl NSHClassifier {
    #[inline]
    fn sort(&self, p: &Packet) -> u16 {
        let Ok((nsh, context, _)) = header(p) else { return BAD };
        let matches = |terms: &Vec<Term>| terms.iter().all(|(test, holds)| test.holds(nsh, context) == *holds);
        self.patterns.iter().position(matches).map_or(UNMATCHED, |i| i as u16)
    }
}

impl Element for NSHClassifier {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.scatter(
            batch,
            |p| self.sort(p),
            |cx, p, why| cx.drop(p, if why == BAD { Reason::BadNsh } else { Reason::Unmatched }),
        );
    }
}
