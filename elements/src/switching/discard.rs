//! Ends packets that did their job.
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Activity, Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Arg, Handler, Info, State, Task};

/// Ends packets that did their job.
pub struct Discard {
    count: u64,
    active: bool,
    /// Packets pulled in one turn; `None`: the engine's burst.
    burst: Option<usize>,
}

impl Configure for Discard {
    const INFO: &'static Info = &Info {
        ports: "1/0",
        task: Task::IfPull,
        state: State::Replicated,
        args: &[
            Arg::keyword("ACTIVE", "boolean", "true", "if false, a pulling Discard rests"),
            Arg::keyword("BURST", "packets", "as the engine", "packets pulled in one turn"),
        ],
        handlers: &[
            Handler::both("active", "whether a pulling Discard pulls"),
            Handler::read("count", "packets ended so far"),
            Handler::write("reset_counts", "sets count to 0"),
        ],
        doc: "Ends every packet it gets, and counts it as consumed. With a pull input it pulls as fast as it can.",
        example: "InfiniteSource(LIMIT 5) -> Queue -> Discard;",
        see: &["Idle", "Queue"],
        ..Info::new("Discard", "switching", "ends all packets")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let active = args.keyword("ACTIVE", true);
        let burst = args.keyword_some::<usize>("BURST");
        if burst == Some(0) {
            args.error("BURST must be at least 1");
        }
        Discard { count: 0, active, burst }
    }
}

impl Element for Discard {
    fn start(&mut self, cx: &mut Context<'_>) {
        if !self.active || !cx.upstream_active(0) {
            cx.set_runnable(false); // a pulling one is a task, and awake otherwise
        }
    }
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        self.count += batch.len() as u64;
        cx.consume_all(batch);
    }
    fn run(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, batch: &mut Batch) -> Activity {
        if !self.active {
            return Activity::Idle;
        }
        up.pull(cx, 0, self.burst.unwrap_or(cx.burst()), batch);
        if batch.is_empty() && !cx.upstream_active(0) {
            return Activity::Idle;
        }
        self.process(cx, 0, batch);
        Activity::Busy
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<Discard>() {
            self.count = old.count;
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "active" => alloc::format!("{}", self.active),
            _ => alloc::format!("{}", self.count),
        })
    }
    fn write(&mut self, cx: &mut Context<'_>, handler: &str, value: &str) -> Result<(), HandlerError> {
        match handler {
            "active" => {
                self.active = sluice_dataplane::handler::value(value, "active")?;
                cx.set_runnable(self.active);
            }
            _ => self.count = 0,
        }
        Ok(())
    }
}
