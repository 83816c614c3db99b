//! What all sources share: the bytes of their packets, how many there will be, and what happens
//! after the last one.
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use sluice_dataplane::args::{Args, Bytes, HandlerRef, shift_word};
use sluice_dataplane::args::{FromArg, Raw};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::handler::{Call, HandlerError, value};
use sluice_dataplane::pool::MAX_FRAME;

/// What Click sends when no data are given.
pub(super) const DEFAULT_DATA: &[u8] = b"Random bullshit in a packet, at least 64 bytes long. Well, now it is.";

/// What a source does when it has sent its last packet.
enum End {
    Nothing,
    StopDriver,
    /// Writes a handler.
    Call(String),
}

/// The packets of a source.
pub(super) struct Supply {
    /// DATA as given.
    data: Vec<u8>,
    /// LENGTH, if given.
    length: Option<usize>,
    /// What each packet holds.
    bytes: Vec<u8>,
    /// `None`: no end.
    limit: Option<u64>,
    count: u64,
    pub(super) active: bool,
    pub(super) timestamp: bool,
    end: End,
    /// The end was dealt with.
    ended: bool,
}

impl Supply {
    /// From the arguments DATA and LIMIT and, to be asked for here, ACTIVE (`active` gives it),
    /// LENGTH, STOP and END_CALL.
    pub(super) fn configure(args: &mut Args<'_>, data: Bytes, limit: i64, active: bool) -> Supply {
        let length = args.keyword_some::<usize>("LENGTH");
        let old_length = args.keyword_some::<usize>("DATASIZE"); // its name in old configurations
        let stop = args.keyword("STOP", false);
        let call = args.keyword("END_CALL", Raw::blank()).0;
        let end = match (stop, call.is_empty()) {
            (true, true) => End::StopDriver,
            (false, true) => End::Nothing,
            (false, false) => End::Call(call),
            (true, false) => {
                args.error("END_CALL and STOP are mutually exclusive");
                End::Nothing
            }
        };
        if let End::Call(call) = &end
            && let Err(why) = HandlerRef::from_arg(shift_word(call).0, args.names())
        {
            args.error_in("END_CALL", &why);
        }
        let mut s = Supply {
            data: data.0,
            length: length.or(old_length),
            bytes: Vec::new(),
            limit: u64::try_from(limit).ok(),
            count: 0,
            active,
            timestamp: true,
            end,
            ended: false,
        };
        if let Err(why) = s.fill() {
            args.error(why);
        }
        s
    }

    /// Makes the packet's bytes of DATA and LENGTH.
    fn fill(&mut self) -> Result<(), String> {
        let n = self.length.unwrap_or(self.data.len());
        if n > MAX_FRAME {
            return Err(format!("a packet holds at most {MAX_FRAME} bytes"));
        }
        let n = if self.data.is_empty() { 0 } else { n };
        self.bytes = self.data.iter().copied().cycle().take(n).collect();
        Ok(())
    }

    /// Length of each packet, bytes.
    pub(super) fn packet_len(&self) -> usize {
        self.bytes.len()
    }
    /// Packets that may still be created.
    pub(super) fn left(&self) -> u64 {
        if !self.active {
            return 0;
        }
        self.limit.map_or(u64::MAX, |l| l.saturating_sub(self.count))
    }
    /// Whether the limit was reached.
    fn exhausted(&self) -> bool {
        self.limit.is_some_and(|l| self.count >= l)
    }
    /// Creates up to `n` packets, fewer at the limit or when the pool is empty; says how many.
    pub(super) fn create(&mut self, cx: &mut Context<'_>, n: u64, batch: &mut Batch) -> u64 {
        let (mut made, n) = (0, n.min(self.left()));
        while made < n {
            let Some(mut p) = cx.create(&self.bytes) else { break };
            if self.timestamp {
                p.set_timestamp(cx.now());
            }
            self.count += 1;
            made += 1;
            batch.push(p);
        }
        made
    }
    /// Called when there was nothing to create: at the limit, does what the end asks for, once. So
    /// the last packet is through before it.
    pub(super) fn finish(&mut self, cx: &mut Context<'_>) {
        if !self.active || !self.exhausted() || core::mem::replace(&mut self.ended, true) {
            return;
        }
        match &self.end {
            End::Nothing => {}
            End::StopDriver => cx.stop_driver(),
            End::Call(call) => cx.call(Call::from_text(call)),
        }
    }
    /// Goes on where a predecessor stopped.
    pub(super) fn inherit(&mut self, old: &Supply) {
        self.count = old.count;
        self.ended = old.ended && self.exhausted();
    }

    /// Reads the handlers `count`, `active`, `data`, `length` and `limit`.
    pub(super) fn read(&self, handler: &str) -> Option<String> {
        Some(match handler {
            "count" => format!("{}", self.count),
            "active" => format!("{}", self.active),
            "data" => String::from_utf8_lossy(&self.data).into_owned(),
            "length" | "datasize" => self.length.map_or("-1".into(), |l| format!("{l}")),
            "limit" => self.limit.map_or("-1".into(), |l| format!("{l}")),
            _ => return None,
        })
    }
    /// Writes the handlers `active`, `data`, `length`, `limit` and `reset`; true if it was one.
    pub(super) fn write(&mut self, handler: &str, text: &str) -> Result<bool, HandlerError> {
        match handler {
            "active" => self.active = value(text, handler)?,
            "data" => {
                self.data = text.as_bytes().into();
                self.fill()?;
            }
            "length" | "datasize" => {
                self.length = usize::try_from(value::<i64>(text, handler)?).ok();
                self.fill()?;
            }
            "limit" => self.limit = u64::try_from(value::<i64>(text, handler)?).ok(),
            "reset" => self.count = 0,
            _ => return Ok(false),
        }
        self.ended &= self.exhausted() && handler != "reset";
        Ok(true)
    }
}
