//! Cuts packets that are too long for a link (RFC 791 section 3.2; RFC 1812 section 4.2.2.7).
use alloc::format;
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Stream};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Arg, Handler, Info, State};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::options::NOP;
use sluice_dataplane::wire::{Ipv4, ipv4};
use zerocopy::IntoBytes;

/// Cuts packets that are too long for a link.
pub struct IPFragmenter {
    mtu: usize,
    honor_df: bool,
    verbose: bool,
    drops: u64,
    fragments: u64,
}

impl Configure for IPFragmenter {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "h/h",
        state: State::Replicated,
        live: true,
        args: &[
            Arg::required("MTU", "bytes", "longest packet that may leave, from its IP header; at least 8"),
            Arg::optional("HONOR_DF", "boolean", "true", "whether packets that must not be cut are left alone"),
            Arg::optional("VERBOSE", "boolean", "false", "print a message for every packet that cannot be cut"),
            Arg::keyword("HEADROOM", "bytes", "128", "taken for compatibility; buffers always have 128"),
        ],
        handlers: &[
            Handler::read("drops", "packets that were too long and could not be cut"),
            Handler::read("fragments", "fragments made so far"),
        ],
        doc: "Cuts packets with a marked IP header that are longer than MTU into fragments. Options go into all \
              fragments or into the first alone, as their copied flag says. What lies before the IP header goes with \
              the first fragment. Packets with \"don't fragment\" set, and those whose header leaves no room for 8 \
              bytes, go to output 1 if that is connected, else they are dropped; a message tells of the first five. \
              With HONOR_DF false the flag is cleared, and the fragments get a random identification.",
        example: "InfiniteSource(LIMIT 5) -> CheckIPHeader -> f :: IPFragmenter(1500) -> Discard; \
                  f[1] -> ICMPError(10.0.0.1, unreachable, needfrag, PMTU 1500) -> Discard;",
        see: &["IPReassembler", "ICMPError", "CheckIPHeader"],
        ..Info::new("IPFragmenter", "ip", "cuts packets that are too long for a link")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let mtu = args.required::<u32>("MTU") as usize;
        let honor_df = args.optional("HONOR_DF", true);
        let verbose = args.optional("VERBOSE", false);
        let _ = args.keyword("HEADROOM", 0u32);
        if mtu < 8 {
            args.error("MTU must be at least 8");
        }
        IPFragmenter { mtu, honor_df, verbose, drops: 0, fragments: 0 }
    }
}

/// The options that go into every fragment, padded to whole words, and their length.
fn copied(options: &[u8]) -> ([u8; ipv4::MAX_LEN - ipv4::LEN], usize) {
    let (mut out, mut end) = ([0; ipv4::MAX_LEN - ipv4::LEN], 0);
    for option in ipv4::options(options).flatten() {
        let length = if option.kind == NOP { 1 } else { option.data.len() + 2 };
        let Some(bytes) = options.get(option.offset..option.offset + length) else { break };
        if option.kind & ipv4::OPTION_COPIED != 0
            && let Some(to) = out.get_mut(end..end + length)
        {
            to.copy_from_slice(bytes);
            end += length;
        }
    }
    (out, end.next_multiple_of(4))
}

/// One fragment's place: what its header says, and which bytes of the payload it gets.
struct Piece {
    word: u16,
    start: usize,
    end: usize,
}

/// The fragments of a payload of `total` bytes; the first takes `first` bytes, the others up to `rest`. `word` is the
/// fragment word of the packet that is cut, which may be a fragment itself.
fn pieces(word: u16, total: usize, first: usize, rest: usize) -> impl Iterator<Item = Piece> {
    let mut start = 0;
    core::iter::from_fn(move || {
        let length = if start == 0 { first } else { rest };
        let end = (start + length).min(total);
        let more = if end < total { ipv4::FLAG_MF } else { 0 };
        let piece = Piece { word: (word + (start / 8) as u16) | more, start, end };
        let left = start < total;
        start = end;
        left.then_some(piece)
    })
}

impl IPFragmenter {
    /// One packet, whole or in pieces, to the end of `out`.
    fn cut(&mut self, cx: &mut Context<'_>, p: Packet, out: &mut Batch) {
        let Some((at, network)) = p.net_off().zip(p.network()) else { return cx.drop(p, Reason::BadIp) };
        if network.len() <= self.mtu {
            return out.push(p);
        }
        let Ok((ip, options, payload)) = Ipv4::parse_full(network) else { return cx.drop(p, Reason::BadIp) };
        if usize::from(ip.total_len()) <= self.mtu {
            return out.push(p); // it is the link's padding that is too long
        }
        let header = ip.header_len();
        let first = self.mtu.saturating_sub(header) & !7;
        if (ip.dont_fragment() && self.honor_df) || first < 8 {
            if self.verbose || self.drops < 5 {
                let (src, dst) = (ip.src(), ip.dst());
                let line = format!("IPFragmenter({}) DF {src} {dst} len={}\n", self.mtu, p.len());
                cx.print(Stream::Err, &line);
            }
            self.drops += 1;
            return cx.emit_or_drop(1, p, Reason::TooBig);
        }
        if ip.fragment_offset() + payload.len() > usize::from(u16::MAX) {
            return cx.drop(p, Reason::BadIp);
        }
        let (options, options_len) = copied(options);
        let mut later = *ip;
        later.set_header_len(ipv4::LEN + options_len);
        if ip.dont_fragment() {
            // Whoever sets the flag need not keep identifications apart (RFC 6864 section 4.1).
            later.set_ident(cx.random() as u16);
        }
        let word = ip.fragment_word() & !ipv4::FLAG_DF;
        let rest = self.mtu.saturating_sub(ipv4::LEN + options_len) & !7;
        for piece in pieces(word, payload.len(), first, rest) {
            let data = payload.get(piece.start..piece.end).unwrap_or(&[]);
            let (head, fixed) = match piece.start {
                0 => (p.data().get(..at + header).unwrap_or(&[]), *ip),
                _ => (options.get(..options_len).unwrap_or(&[]), later),
            };
            let Some(mut q) = cx.alloc() else {
                cx.no_buffer();
                continue;
            };
            // Bytes that came in one buffer fit in another.
            let start = if piece.start == 0 { at } else { 0 };
            let fits = match piece.start {
                0 => q.append(head),
                _ => q.append(later.as_bytes()) && q.append(head),
            };
            if !(fits && q.append(data) && finish(&mut q, start, &later, piece.word)) {
                cx.drop(q, Reason::Oversize);
                continue;
            }
            q.copy_annotations(&p);
            if let Some(mac) = p.mac_off().filter(|_| piece.start == 0) {
                q.set_mac_off(mac);
            }
            q.set_net_off(start);
            q.set_transport_off(start + fixed.header_len());
            self.fragments += 1;
            out.push(q);
        }
        cx.consume(p);
    }
}

/// Fills in what differs between fragments, at offset `at` of one.
fn finish(q: &mut Packet, at: usize, later: &Ipv4, word: u16) -> bool {
    let Some(bytes) = q.data_mut().and_then(|d| d.get_mut(at..)) else { return false };
    let length = bytes.len() as u16;
    let Ok(ip) = Ipv4::parse_header_mut(bytes) else { return false };
    ip.set_ident(later.ident());
    ip.set_fragment_word(word);
    ip.set_total_len(length);
    ipv4::fill_checksum(bytes).is_ok()
}

impl Element for IPFragmenter {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        if batch.iter().all(|p| p.network().is_some_and(|n| n.len() <= self.mtu)) {
            return;
        }
        let mut old = cx.spare();
        core::mem::swap(batch, &mut old);
        old.drain().for_each(|p| self.cut(cx, p, batch));
        cx.give_spare(old);
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<Self>() {
            (self.drops, self.fragments) = (old.drops, old.fragments);
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "drops" => format!("{}", self.drops),
            "fragments" => format!("{}", self.fragments),
            _ => return Err(HandlerError::NoHandler(handler.into())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn options_are_copied_by_their_flag() {
        // record route (not copied), NOP, router alert (copied), stream identifier (copied)
        let options = [7, 7, 4, 0, 0, 0, 0, 1, 148, 4, 0, 0, 136, 4, 1, 2];
        let (bytes, length) = copied(&options);
        assert_eq!(bytes[..length], [148, 4, 0, 0, 136, 4, 1, 2]);
        let (bytes, length) = copied(&[130, 3, 9, 0]);
        assert_eq!(bytes[..length], [130, 3, 9, 0]);
        assert_eq!(copied(&[148, 200, 0, 0]).1, 0);
    }

    #[test]
    fn pieces_cover_the_payload_and_keep_the_flags() {
        let list = |word| pieces(word, 60, 24, 32).map(|p| (p.word, p.start, p.end)).collect::<Vec<_>>();
        assert_eq!(list(0), [(0x2000, 0, 24), (0x2003, 24, 56), (7, 56, 60)]);
        assert_eq!(list(0x2010), [(0x2010, 0, 24), (0x2013, 24, 56), (0x2017, 56, 60)]);
    }
}
