//! Checks the message authentication code of NSH (RFC 9145).
use super::context::Context as Tlvs;
use super::header::{header, replace_context};
use super::log::Log;
use super::mac::{Code, Key, LEVEL, Level};
use alloc::string::String;
use alloc::vec::Vec;
use core::any::Any;
use sluice_dataplane::args::{Args, Interval};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::{Env, SetUp};
use sluice_dataplane::files::Files;
use sluice_dataplane::info::{Arg, Info, State};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;

/// Checks the message authentication code of NSH.
pub struct NSHIntegrityCheck {
    keys: Vec<Key>,
    level: Level,
    /// How far a packet's time may be from ours, nanoseconds; 0 for any.
    window: u64,
    strip: bool,
    files: Files,
    log: Log,
}

impl Configure for NSHIntegrityCheck {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        state: State::Replicated,
        args: &[
            Arg::keyword("KEY", "ID KEY or ID @FILE", "", "a key with its identifier; may be given several times"),
            LEVEL,
            Arg::keyword(
                "WINDOW",
                "seconds",
                "2",
                "how far a packet's time may be from this node's; 0: it does not matter",
            ),
            Arg::keyword("STRIP", "boolean", "false", "whether the TLV with the code is taken out"),
        ],
        doc: "Packets with a marked NSH header pass if they have a message authentication code of this LEVEL (see \
              NSHIntegritySign), made with a key that is known here, for just these bytes, and not longer ago than WINDOW. All others \
              go to output 1 if that is connected, else they are dropped: as `nsh_md_type` without TLVs, else as `nsh_integrity`; \
              they are logged, a line a second at most. To change keys without losing packets, give the new one, with an \
              identifier of its own, beside the old one here first.",
        example: "InfiniteSource(LIMIT 5) -> NSHEncap(10, MD 2, NEXT ethernet) -> NSHIntegritySign(01 \
                  000102030405060708090a0b0c0d0e0f) -> NSHIntegrityCheck(KEY 01 000102030405060708090a0b0c0d0e0f) -> Discard;",
        see: &["NSHIntegritySign", "CheckNSHHeader"],
        ..Info::new("NSHIntegrityCheck", "nsh", "checks the message authentication code of NSH")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let keys = args.keyword_all::<Key>("KEY");
        if keys.is_empty() {
            args.error_in("KEY", "at least one is needed");
        }
        if keys.iter().enumerate().any(|(i, key)| keys.iter().skip(i + 1).any(|other| other.id == key.id)) {
            args.error_in("KEY", "two keys have the same identifier");
        }
        let level = args.keyword("LEVEL", Level::One);
        let Interval(window) = args.keyword("WINDOW", Interval(2_000_000_000));
        let strip = args.keyword("STRIP", false);
        NSHIntegrityCheck { keys, level, window, strip, files: env.files(), log: Log::default() }
    }
}

impl NSHIntegrityCheck {
    fn check(&self, p: &mut Packet, now: u64) -> Result<(), Reason> {
        let code = Code::find(p, self.level)?;
        let key = self.keys.iter().find(|key| key.id == code.key_id(p)).ok_or(Reason::NshIntegrity)?;
        key.verify(p, self.level, &code)?;
        if self.window > 0 && code.age(now) > self.window {
            return Err(Reason::NshIntegrity);
        }
        if !self.strip {
            return Ok(());
        }
        let (_, context, _) = header(p)?;
        let mut tlvs = Tlvs::new(context)?;
        tlvs.replace(self.level.kind(), None)?;
        replace_context(p, tlvs.bytes())
    }
}

impl Element for NSHIntegrityCheck {
    fn set_up(&mut self, _cx: &mut SetUp<'_>) -> Result<(), String> {
        self.keys.iter_mut().try_for_each(|key| key.load(&self.files))
    }
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let now = cx.recent();
        let mut log = self.log;
        batch.divert(
            |p| self.check(p, now).err(),
            |p, why| {
                if why == Reason::NshIntegrity {
                    log.say(cx, format_args!("NSH integrity check failed"));
                }
                cx.emit_or_drop(1, p, why);
            },
        );
        self.log = log;
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<Self>() {
            self.log = old.log;
        }
    }
}
