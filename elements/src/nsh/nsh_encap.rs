//! Puts NSH headers before packets: the last step of a classifier (RFC 8300 section 2).
use super::header::{ip_next, push};
use super::next::Next;
use super::nsh_reclassify::spi;
use super::tlv::{Metadata, hex};
use alloc::string::ToString;
use alloc::vec::Vec;
use sluice_dataplane::args::{Args, Raw};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::{Nsh, nsh};
use zerocopy::IntoBytes;

/// Length of the context with MD type 1, bytes.
const CONTEXT: usize = nsh::MD1_LEN - nsh::LEN;

/// Puts NSH headers before packets.
pub struct NSHEncap {
    header: Nsh,
    context: Vec<u8>,
    /// Both, as they are written.
    bytes: Vec<u8>,
    /// The next protocol; `None`: that of the IP packet.
    next: Option<u8>,
    /// Longest packet with its header, bytes; 0 for no limit.
    mtu: usize,
}

impl Configure for NSHEncap {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        live: true,
        args: &[
            Arg::required("SPI", "0 to 16777215", "service path identifier"),
            Arg::optional("SI", "0 to 255", "255", "service index"),
            Arg::keyword("TTL", "0 to 63", "63", "time to live; 0 lasts one hop longer than 63"),
            Arg::keyword(
                "NEXT",
                "next protocol",
                "",
                "what the packets are; without it IPv4 or IPv6, as their version says",
            ),
            Arg::keyword("MD", "1 or 2", "1; 2 with TLV", "MD type"),
            Arg::keyword("CONTEXT", "16 bytes in hexadecimal digits", "zeros", "context with MD type 1"),
            Arg::keyword("TLV", "KIND VALUE", "", "a TLV with MD type 2; may be given several times"),
            Arg::keyword("OAM", "boolean", "false", "whether the O bit is set"),
            Arg::keyword("MTU", "bytes", "0", "longest packet with its header; 0 for no limit"),
        ],
        handlers: &[
            Handler::both("spi", "service path identifier"),
            Handler::both("si", "service index"),
            Handler::both("ttl", "time to live"),
            Handler::read("header", "the header in hexadecimal digits"),
        ],
        doc: "Puts an NSH header before each packet's first byte and marks it. NEXT is none, ipv4, ipv6, ethernet, nsh, mpls, \
              ioam, or a number; without NEXT packets that begin with no IP header are dropped as `bad_ip`. The KIND of a TLV \
              is CLASS/TYPE, with a VALUE in hexadecimal digits, or one of RFC 8979 and RFC 9263: `subscriber HEX`, \
              `performance-policy HEX`, `tenant HEX`, `ingress-node HEX`, `ingress-interface HEX`, `policy HEX`, `forwarding \
              vlan ID` (or `qinq SERVICE CUSTOMER`, `mpls LABEL`, `vni VNI`, `session ID`), `flow-id ipv6 LABEL` (or `mpls \
              LABEL`), `groups SOURCE DESTINATION`. A packet that would be longer than MTU goes, unchanged, to output 1 if that \
              is connected (to an ICMPError that says so, mostly), else it is dropped as `too_big`. Unassigned bits are 0.",
        example: "InfiniteSource(LIMIT 5) -> NSHEncap(10, 255, NEXT ethernet, TLV tenant 0a0b, TLV 0x1000/1 00) -> Discard;",
        see: &["NSHDecap", "NSHClassifier", "NSHMetadata", "IPClassifier", "VXLANGPEEncap", "EtherEncap"],
        ..Info::new("NSHEncap", "nsh", "puts NSH headers before packets")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let spi: u32 = args.required("SPI");
        let index = args.optional("SI", nsh::INDEX_DEFAULT);
        let ttl: u8 = args.keyword("TTL", nsh::TTL_DEFAULT);
        let next = args.keyword_some("NEXT").map(|Next(n)| n);
        let md = args.keyword_some::<u8>("MD");
        let context = args.keyword_some::<Raw>("CONTEXT");
        let tlvs = args.keyword_all::<Metadata>("TLV");
        let oam = args.keyword("OAM", false);
        let mtu = args.keyword("MTU", 0u32) as usize;
        if spi > nsh::SPI_MAX {
            args.error_in("SPI", "should be below 2^24");
        }
        if ttl > 63 {
            args.error_in("TTL", "should be 0 to 63");
        }
        let md = md.unwrap_or(if tlvs.is_empty() { nsh::MD_FIXED } else { nsh::MD_TLV });
        let context = match md {
            nsh::MD_FIXED => {
                if !tlvs.is_empty() {
                    args.error("TLVs need MD type 2");
                }
                fixed(args, context)
            }
            nsh::MD_TLV => {
                if context.is_some() {
                    args.error("CONTEXT needs MD type 1");
                }
                variable(args, &tlvs)
            }
            _ => {
                args.error_in("MD", "should be 1 or 2");
                Vec::new()
            }
        };
        let mut header = Nsh::new(nsh::LEN + context.len(), md, next.unwrap_or(nsh::NEXT_IPV4), spi, index);
        header.set_ttl(ttl);
        header.set_oam(oam);
        let mut encap = NSHEncap { header, context, bytes: Vec::new(), next, mtu };
        encap.rewrite();
        encap
    }
}

fn fixed(args: &mut Args<'_>, text: Option<Raw>) -> Vec<u8> {
    let Some(Raw(text)) = text else { return [0; CONTEXT].to_vec() };
    let digits: alloc::string::String = text.split_whitespace().collect();
    hex(&digits).filter(|bytes| bytes.len() == CONTEXT).unwrap_or_else(|| {
        args.error_in("CONTEXT", "should be 16 bytes in hexadecimal digits");
        [0; CONTEXT].to_vec()
    })
}

fn variable(args: &mut Args<'_>, tlvs: &[Metadata]) -> Vec<u8> {
    let len: usize = tlvs.iter().map(|tlv| nsh::tlv_len(tlv.value.len())).sum();
    if nsh::LEN + len > nsh::MAX_LEN {
        args.error_in("TLV", "the header would be longer than 252 bytes");
        return Vec::new();
    }
    let mut context = alloc::vec![0; len];
    let mut at = 0;
    for tlv in tlvs {
        let room = context.get_mut(at..).unwrap_or_default();
        // It was measured above.
        at += nsh::write_tlv(room, tlv.kind.class, tlv.kind.kind, &tlv.value).unwrap_or(0);
    }
    context
}

impl NSHEncap {
    fn rewrite(&mut self) {
        self.bytes.clear();
        self.bytes.extend_from_slice(self.header.as_bytes());
        self.bytes.extend_from_slice(&self.context);
    }

    #[inline]
    fn encap(&self, p: &mut Packet) -> Result<(), Reason> {
        if self.mtu > 0 && p.len() + self.bytes.len() > self.mtu {
            return Err(Reason::TooBig);
        }
        let next = match self.next {
            Some(next) => next,
            None => ip_next(p)?,
        };
        push(p, &self.bytes)?;
        if self.next.is_none() {
            let base = p.view_mut::<{ nsh::LEN }>(0).ok_or(Reason::NoBuffer)?;
            base[3] = next;
        }
        Ok(())
    }
}

impl Element for NSHEncap {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        batch.divert(
            |p| self.encap(p).err(),
            |p, why| match why {
                Reason::TooBig => cx.emit_or_drop(1, p, why),
                why => cx.drop(p, why),
            },
        );
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "spi" => self.header.spi().to_string(),
            "si" => self.header.index().to_string(),
            "ttl" => self.header.ttl().to_string(),
            "header" => {
                let mut text = alloc::string::String::new();
                super::tlv::digits(&mut text, &self.bytes);
                text
            }
            _ => return Err(HandlerError::NoHandler(handler.into())),
        })
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        match handler {
            "spi" => self.header.set_spi(spi(text, handler)?),
            "si" => self.header.set_index(value(text, handler)?),
            _ => match value(text, handler)? {
                ttl @ 0..=63u8 => self.header.set_ttl(ttl),
                _ => return Err("ttl: should be 0 to 63".into()),
            },
        }
        self.rewrite();
        Ok(())
    }
}
