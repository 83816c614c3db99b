//! Pulls packets and pushes them on.
use alloc::format;
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Activity, Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info, State, Task};

/// Pulls packets and pushes them on.
pub struct Unqueue {
    active: bool,
    /// Packets that one turn moves; `None`: the engine's burst.
    burst: Option<usize>,
    limit: Option<u64>,
    count: u64,
}

impl Configure for Unqueue {
    const INFO: &'static Info = &Info {
        flow: "l/h",
        task: Task::Yes,
        state: State::Single,
        live: true,
        args: &[
            Arg::optional("BURST", "packets", "1", "packets moved in one turn; 0 or less for no limit"),
            Arg::keyword("ACTIVE", "boolean", "true", "whether it pulls"),
            Arg::keyword("LIMIT", "packets", "-1", "stops after so many packets; below 0 for no limit"),
        ],
        handlers: &[
            Handler::read("count", "packets moved so far"),
            Handler::both("active", "whether it pulls"),
            Handler::both("burst", "packets moved in one turn"),
            Handler::both("limit", "packets after which it stops"),
            Handler::write("reset", "sets count to 0"),
        ],
        doc: "Pulls packets from its input whenever there are some, and pushes them out. Sleeps while every queue \
              upstream is empty. A burst left at its default is the engine's.",
        example: "InfiniteSource(LIMIT 5) -> Queue -> Unqueue -> Discard;",
        see: &["Queue", "RatedUnqueue", "TimedUnqueue"],
        ..Info::new("Unqueue", "queues", "pulls packets and pushes them on")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let burst = args.optional_some::<i64>("BURST");
        let active = args.keyword("ACTIVE", true);
        let limit = args.keyword("LIMIT", -1i64);
        let burst = burst.map(|b| usize::try_from(b).ok().filter(|&b| b > 0).unwrap_or(usize::MAX));
        Unqueue { active, burst, limit: u64::try_from(limit).ok(), count: 0 }
    }
}

impl Element for Unqueue {
    fn run(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, batch: &mut Batch) -> Activity {
        let left = self.limit.map_or(u64::MAX, |l| l.saturating_sub(self.count));
        if !self.active || left == 0 {
            return Activity::Idle;
        }
        let n = self.burst.unwrap_or(cx.burst()).min(usize::try_from(left).unwrap_or(usize::MAX));
        up.pull(cx, 0, n, batch);
        self.count += batch.len() as u64;
        if !batch.is_empty() || cx.upstream_active(0) { Activity::Busy } else { Activity::Idle }
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<Unqueue>() {
            self.count = old.count;
        }
    }
    fn read(&mut self, cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "count" => format!("{}", self.count),
            "active" => format!("{}", self.active),
            "burst" => format!("{}", self.burst.unwrap_or(cx.burst())),
            "limit" => self.limit.map_or("-1".into(), |l| format!("{l}")),
            _ => return Err(HandlerError::NoHandler(handler.into())),
        })
    }
    fn write(&mut self, cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        match handler {
            "active" => self.active = value(text, handler)?,
            "burst" => self.burst = Some(value::<usize>(text, handler)?.max(1)),
            "limit" => self.limit = u64::try_from(value::<i64>(text, handler)?).ok(),
            _ => self.count = 0,
        }
        cx.set_runnable(true);
        Ok(())
    }
}
