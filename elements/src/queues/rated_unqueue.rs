//! Pulls packets at a rate and pushes them on.
use crate::shaping::limit::{Limit, PACKET_ARGS};
use alloc::format;
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Activity, Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Handler, Info, State, Task};

/// Pulls packets at a rate, of packets or of their bytes, and pushes them on.
pub struct RatedUnqueue<const BYTES: bool = false> {
    limit: Limit<BYTES>,
    active: bool,
    calls: Calls,
}

/// What the turns of the task came to.
#[derive(Clone, Copy, Default)]
struct Calls {
    runs: u64,
    /// No token was there.
    empty_runs: u64,
    pushes: u64,
    failed_pulls: u64,
}

impl<const BYTES: bool> RatedUnqueue<BYTES> {
    pub(super) const HANDLERS: &'static [Handler] = &[
        Handler::read("calls", "turns of the task, and what they came to"),
        Handler::both("rate", "the RATE argument"),
        Handler::both("active", "whether it pulls"),
    ];

    pub(super) fn from_args(args: &mut Args<'_>) -> Self {
        RatedUnqueue { limit: Limit::configure(args), active: true, calls: Calls::default() }
    }

    fn pull_allowed(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, batch: &mut Batch) {
        let n = cx.burst();
        if BYTES {
            while batch.len() < n && self.limit.packets() > 0 {
                let Some(p) = up.pull_one(cx, 0) else { break };
                self.limit.passed(p.len());
                batch.push(p);
            }
        } else {
            up.pull(cx, 0, n.min(usize::try_from(self.limit.packets()).unwrap_or(n)), batch);
            batch.iter().for_each(|p| self.limit.passed(p.len()));
        }
    }
}

impl Configure for RatedUnqueue {
    const INFO: &'static Info = &Info {
        flow: "l/h",
        task: Task::Yes,
        state: State::Single,
        live: true,
        args: PACKET_ARGS,
        handlers: Self::HANDLERS,
        doc: "Pulls at most RATE packets a second and pushes them out. A token bucket allows bursts, so that what was \
              missed while there was nothing to pull is made up for.",
        example: "InfiniteSource(LIMIT 5) -> Queue -> RatedUnqueue(1000) -> Discard;",
        see: &["BandwidthRatedUnqueue", "Unqueue", "Shaper", "RatedSplitter"],
        ..Info::new("RatedUnqueue", "queues", "pulls packets at a rate and pushes them on")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        Self::from_args(args)
    }
}

impl<const BYTES: bool> Element for RatedUnqueue<BYTES> {
    fn run(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, batch: &mut Batch) -> Activity {
        self.calls.runs += 1;
        if !self.active {
            return Activity::Idle;
        }
        self.limit.fill(cx.now());
        if self.limit.packets() == 0 {
            self.calls.empty_runs += 1;
            if let Some(t) = self.limit.next() {
                cx.timer_at(t);
            }
            return Activity::Idle;
        }
        self.pull_allowed(cx, up, batch);
        if !batch.is_empty() {
            self.calls.pushes += 1;
            return Activity::Busy;
        }
        self.calls.failed_pulls += 1;
        if cx.upstream_active(0) { Activity::Busy } else { Activity::Idle }
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<Self>() {
            self.limit.inherit(&old.limit);
            self.calls = old.calls;
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        let Calls { runs, empty_runs, pushes, failed_pulls } = self.calls;
        Ok(match handler {
            "calls" => format!(
                "{runs} calls to run_task()\n{empty_runs} empty runs\n{pushes} pushes\n{failed_pulls} failed pulls\n"
            ),
            "active" => format!("{}", self.active),
            _ => self.limit.read_rate(),
        })
    }
    fn write(&mut self, cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        match handler {
            "active" => self.active = value(text, handler)?,
            _ => self.limit.write_rate(text)?,
        }
        cx.set_runnable(true);
        Ok(())
    }
}
