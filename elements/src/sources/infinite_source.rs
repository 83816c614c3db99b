//! Creates packets as fast as it is allowed to.
use alloc::format;
use alloc::vec::Vec;
use core::any::Any;
use sluice_dataplane::args::{Args, Bytes};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Activity, Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info, State, Task};

/// What Click sends when no data are given.
pub(crate) const DEFAULT_DATA: &[u8] = b"Random bullshit in a packet, at least 64 bytes long. Well, now it is.";

/// Creates packets as fast as it is allowed to.
pub struct InfiniteSource {
    data: Vec<u8>,
    /// `None`: no end.
    limit: Option<u64>,
    burst: usize,
    count: u64,
    active: bool,
    stop: bool,
    timestamp: bool,
}

impl InfiniteSource {
    /// Creates up to `n` packets; asks the driver to stop after the last one, if told to.
    fn create(&mut self, cx: &mut Context<'_>, n: usize, batch: &mut Batch) {
        if !self.active {
            return;
        }
        let left = self.limit.map_or(u64::MAX, |l| l.saturating_sub(self.count));
        for _ in 0..left.min(n as u64) {
            let Some(mut p) = cx.create(&self.data) else { break };
            if self.timestamp {
                p.set_timestamp(cx.now());
            }
            self.count += 1;
            batch.push(p);
        }
        if self.stop && self.limit.is_some_and(|l| self.count >= l) {
            self.stop = false;
            cx.stop_driver();
        }
    }
    fn done(&self) -> bool {
        !self.active || self.limit.is_some_and(|l| self.count >= l)
    }
}

impl Configure for InfiniteSource {
    const INFO: &'static Info = &Info {
        ports: "0/1",
        flow: "/a",
        task: Task::IfPush,
        notifies: true,
        live: true,
        state: State::Single,
        args: &[
            Arg::optional("DATA", "bytes", "a text of 69 bytes", "what each packet holds"),
            Arg::optional("LIMIT", "packets", "-1", "ends after so many packets; below 0 for no end"),
            Arg::optional("BURST", "packets", "1", "packets created in one turn"),
            Arg::optional("ACTIVE", "boolean", "true", "whether it creates packets"),
            Arg::keyword("LENGTH", "bytes", "as DATA", "length of each packet; DATA is repeated or cut"),
            Arg::keyword("TIMESTAMP", "boolean", "true", "whether packets get the time as annotation"),
            Arg::keyword("STOP", "boolean", "false", "asks the driver to stop after the last packet"),
        ],
        handlers: &[
            Handler::read("count", "packets created so far"),
            Handler::both("active", "whether it creates packets"),
            Handler::both("burst", "packets created in one turn"),
            Handler::both("data", "what each packet holds"),
            Handler::both("limit", "packets after which it ends"),
            Handler::write("reset", "sets count to 0 and starts again"),
        ],
        doc: "Creates packets with the same bytes, as fast as the graph takes them.",
        example: "InfiniteSource(DATA \\<00 01 02>, LIMIT 5, STOP true) -> Discard;",
        see: &["RatedSource", "TimedSource"],
        ..Info::new("InfiniteSource", "sources", "creates packets as fast as it can")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let mut data = args.optional("DATA", Bytes(DEFAULT_DATA.into())).0;
        let limit = args.optional("LIMIT", -1i64);
        let burst = args.optional("BURST", 1usize);
        let active = args.optional("ACTIVE", true);
        let length = args.keyword_some::<usize>("LENGTH");
        let timestamp = args.keyword("TIMESTAMP", true);
        let stop = args.keyword("STOP", false);
        if let Some(n) = length {
            data = data.iter().copied().cycle().take(if data.is_empty() { 0 } else { n }).collect();
        }
        if data.len() > sluice_dataplane::pool::MAX_FRAME {
            args.error(format!("a packet holds at most {} bytes", sluice_dataplane::pool::MAX_FRAME));
        }
        let limit = u64::try_from(limit).ok();
        InfiniteSource { data, limit, burst, count: 0, active, stop, timestamp }
    }
}

impl Element for InfiniteSource {
    fn run(&mut self, cx: &mut Context<'_>, _up: &mut Upstream<'_>, batch: &mut Batch) -> Activity {
        self.create(cx, self.burst.max(1), batch);
        if self.done() { Activity::Idle } else { Activity::Busy }
    }
    fn pull(&mut self, cx: &mut Context<'_>, _up: &mut Upstream<'_>, _port: usize, n: usize, batch: &mut Batch) {
        self.create(cx, n, batch);
        if self.done() {
            cx.rest();
        }
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<InfiniteSource>() {
            self.count = old.count;
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "count" => format!("{}", self.count),
            "active" => format!("{}", self.active),
            "burst" => format!("{}", self.burst),
            "data" => alloc::string::String::from_utf8_lossy(&self.data).into_owned(),
            "limit" => self.limit.map_or("-1".into(), |l| format!("{l}")),
            _ => return Err(HandlerError::NoHandler(handler.into())),
        })
    }
    fn write(&mut self, cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        match handler {
            "active" => self.active = value(text, handler)?,
            "burst" => self.burst = value(text, handler)?,
            "data" => self.data = value::<Bytes>(text, handler)?.0,
            "limit" => self.limit = u64::try_from(value::<i64>(text, handler)?).ok(),
            _ => self.count = 0,
        }
        cx.set_runnable(true);
        cx.wake();
        Ok(())
    }
}
