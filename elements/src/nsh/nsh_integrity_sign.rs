//! Adds a message authentication code to NSH (RFC 9145).
use super::context::Context as Tlvs;
use super::header::{header, replace_context};
use super::mac::{Code, Key, LEVEL, Level, MAC};
use alloc::string::String;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::{Env, SetUp};
use sluice_dataplane::files::Files;
use sluice_dataplane::info::{Arg, Info};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::nsh;

/// Adds a message authentication code to NSH.
pub struct NSHIntegritySign {
    key: Key,
    level: Level,
    files: Files,
    /// The TLV's value, made once a batch: the time is that of the batch.
    value: alloc::vec::Vec<u8>,
}

impl Configure for NSHIntegritySign {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        args: &[
            Arg::required("KEY", "ID KEY or ID @FILE", "the key's identifier and the key, in hexadecimal digits"),
            LEVEL,
        ],
        doc: "Adds a TLV with a message authentication code (HMAC-SHA-256-128, RFC 9145) to packets with a marked NSH header of MD \
              type 2, behind their other TLVs; one of the same level that is there already goes. LEVEL 1 (MAC#1) covers the service \
              path header, the metadata and the inner packet, so whoever changes the service index signs again; LEVEL 2 (MAC#2) \
              covers the base header and its time to live, too, so that each SFF does. The key has 16 to 64 bytes, its identifier \
              1 to 64. A key in the configuration is seen by whoever may read that: FILE keeps it out of there. Metadata is not \
              encrypted.\n\nPackets with another MD type (dropped as `nsh_md_type`), and those whose header would be longer than \
              252 bytes (`oversize`), go to output 1 if that is connected.",
        example: "InfiniteSource(LIMIT 5) -> NSHEncap(10, MD 2, NEXT ethernet) -> NSHIntegritySign(01 \
                  000102030405060708090a0b0c0d0e0f) -> NSHIntegrityCheck(KEY 01 000102030405060708090a0b0c0d0e0f) -> Discard;",
        see: &["NSHIntegrityCheck", "NSHForwarder", "NSHMetadata"],
        ..Info::new("NSHIntegritySign", "nsh", "adds a message authentication code to NSH")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let key = args.required("KEY");
        let level = args.keyword("LEVEL", Level::One);
        NSHIntegritySign { key, level, files: env.files(), value: alloc::vec::Vec::new() }
    }
}

impl NSHIntegritySign {
    fn sign(&self, p: &mut Packet) -> Result<(), Reason> {
        let (nsh, context, _) = header(p)?;
        if nsh.md_type() != nsh::MD_TLV {
            return Err(Reason::NshMdType);
        }
        let mut tlvs = Tlvs::new(context)?;
        tlvs.replace(self.level.kind(), None)?;
        tlvs.replace(self.level.kind(), Some(&self.value))?;
        replace_context(p, tlvs.bytes())?;
        let code = Code::find(p, self.level)?;
        let mac = self.key.sign(p, self.level, &code)?;
        let room = p.network_mut().and_then(|bytes| bytes.get_mut(code.at..code.at + MAC)).ok_or(Reason::NoBuffer)?;
        room.copy_from_slice(&mac);
        Ok(())
    }
}

impl Element for NSHIntegritySign {
    fn set_up(&mut self, _cx: &mut SetUp<'_>) -> Result<(), String> {
        self.key.load(&self.files)
    }
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let now = cx.recent();
        self.value = self.key.value(now);
        cx.check(batch, |p| self.sign(p).err());
    }
}
