//! Reads, writes and removes NSH metadata (RFC 8300 sections 2.4 and 2.5; RFC 8979; RFC 9263).
use super::context::Context as Tlvs;
use super::header::{header, header_mut, replace_context};
use super::nsh_print::describe_metadata;
use super::tlv::{Kind, Metadata, hex};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::any::Any;
use sluice_dataplane::args::{Args, FromArg, NameDb, parse_int, shift_word};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Arg, Handler, Info, State};
use sluice_dataplane::merge::Merge;
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::nsh;

/// One change.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Change {
    Set(Metadata),
    Remove(Kind),
    /// Bytes of the fixed context, from an offset on.
    Context(usize, Vec<u8>),
}

/// Reads, writes and removes NSH metadata.
pub struct NSHMetadata {
    changes: Vec<Change>,
    /// Packets with an MD type that has no such metadata.
    skipped: u64,
    /// MD type and context of the last packet.
    last: (u8, Tlvs),
}

impl Configure for NSHMetadata {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        state: State::Replicated,
        live: true,
        args: &[Arg::rest("CHANGE", "set KIND VALUE, remove KIND, context HEX [OFFSET]", "a change of the metadata")],
        handlers: &[
            Handler::read("last", "the metadata of the last packet, one a line, as arguments").merged(Merge::First),
            Handler::read("skipped", "packets whose MD type has no such metadata"),
        ],
        doc: "Changes the metadata of packets with a marked NSH header, in the order of its arguments. With MD type 2 `set KIND \
              VALUE` writes a TLV in the place of the first of its kind, or behind the others, and `remove KIND` takes out all of \
              a kind; KIND and VALUE are as NSHEncap has them. Other TLVs stay byte for byte, in order. With MD type 1 `context \
              HEX [OFFSET]` writes bytes of the fixed context. A packet whose MD type has no such metadata passes unchanged, and \
              is counted in `skipped`. Without arguments it changes nothing and just shows, in `last`, what passes.\n\nThe header \
              becomes longer or shorter; what lies before it moves along. Put on whatever knows the length (IP, UDP) afterwards. A \
              header that would be longer than 252 bytes goes, with its packet, to output 1 if that is connected, else it is \
              dropped as `oversize`.",
        example: "InfiniteSource(LIMIT 5) -> NSHEncap(10, NEXT ethernet, MD 2) -> m :: NSHMetadata(set tenant 0a0b, remove \
                  flow-id, set 0x1000/1 00) -> Discard; m[1] -> Discard;",
        see: &["NSHEncap", "NSHReclassify", "NSHPrint", "NSHClassifier"],
        ..Info::new("NSHMetadata", "nsh", "reads, writes and removes NSH metadata")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let texts = args.rest_strings();
        let mut changes = Vec::with_capacity(texts.len());
        for text in &texts {
            match change(text, args.names()) {
                Ok(change) => changes.push(change),
                Err(why) => args.error(why),
            }
        }
        NSHMetadata { changes, skipped: 0, last: (0, Tlvs::default()) }
    }
}

fn change(text: &str, names: &NameDb) -> Result<Change, String> {
    let (word, rest) = shift_word(text);
    match word {
        "set" => Metadata::from_arg(rest, names).map(Change::Set),
        "remove" => Kind::from_arg(rest, names).map(Change::Remove),
        "context" => {
            let (digits, offset) = shift_word(rest);
            let offset = if offset.is_empty() { Some(0) } else { parse_int::<u32>(offset).ok() };
            let bytes = hex(digits).zip(offset.map(|o| o as usize));
            let bytes = bytes.filter(|(b, at)| at.saturating_add(b.len()) <= nsh::MD1_LEN - nsh::LEN);
            bytes
                .map(|(b, at)| Change::Context(at, b))
                .ok_or_else(|| format!("`{text}` should be `context HEX [OFFSET]`, within 16 bytes"))
        }
        _ => Err(format!("`{text}` should begin with `set`, `remove` or `context`")),
    }
}

impl NSHMetadata {
    fn change(&mut self, p: &mut Packet) -> Result<(), Reason> {
        let (nsh, context, _) = header(p)?;
        let md = nsh.md_type();
        let fits = |change: &Change| matches!(change, Change::Context(..)) == (md == nsh::MD_FIXED);
        if !matches!(md, nsh::MD_FIXED | nsh::MD_TLV) || !self.changes.iter().all(fits) {
            self.skipped += 1;
            return Ok(());
        }
        let mut tlvs = Tlvs::default();
        if md == nsh::MD_TLV {
            tlvs = Tlvs::new(context)?;
        }
        for change in &self.changes {
            match change {
                Change::Set(tlv) => tlvs.replace(tlv.kind, Some(&tlv.value))?,
                Change::Remove(kind) => tlvs.replace(*kind, None)?,
                Change::Context(at, bytes) => {
                    let (_, context, _) = header_mut(p)?;
                    let room = context.get_mut(*at..at + bytes.len()).ok_or(Reason::NshLength)?;
                    room.copy_from_slice(bytes);
                }
            }
        }
        if md == nsh::MD_TLV && !self.changes.is_empty() { replace_context(p, tlvs.bytes()) } else { Ok(()) }
    }
}

impl Element for NSHMetadata {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| self.change(p).err());
        if let Some((nsh, context, _)) = batch.as_slice().last().and_then(|p| header(p).ok())
            && let Ok(copy) = Tlvs::new(context)
        {
            self.last = (nsh.md_type(), copy);
        }
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<Self>() {
            (self.skipped, self.last) = (old.skipped, old.last);
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        match handler {
            "skipped" => Ok(format!("{}", self.skipped)),
            "last" => {
                let mut text = String::new();
                describe_metadata(&mut text, self.last.0, self.last.1.bytes(), "\n");
                Ok(text)
            }
            _ => Err(HandlerError::NoHandler(handler.into())),
        }
    }
}
