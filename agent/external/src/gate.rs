//! Gives packets to a program outside of the graph, and takes them back, as long as the program works.
use crate::door::{Door, Passage};
use sluice_dataplane::args::{Args, Interval, Word};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Arg, Handler, Info, Paths, State};
use sluice_dataplane::merge::Merge;
use sluice_dataplane::reason::Reason;
use std::any::Any;
use std::sync::Arc;

/// To the program.
const PROGRAM: usize = 0;
/// Past the program.
const ON: usize = 1;

/// Gives packets to a program outside of the graph, and takes them back.
pub struct ExternalGate {
    door: Arc<Door>,
    returns: bool,
    open_on_failure: bool,
    /// How long the program may have packets without giving any back, ns; 0: for ever.
    patience: u64,
    /// A timer is set.
    watching: bool,
    counts: Counts,
}

/// What this replica did, packets.
#[derive(Clone, Copy, Default)]
struct Counts {
    given: u64,
    returned: u64,
    bypassed: u64,
    dropped: u64,
    stalls: u64,
}

impl Configure for ExternalGate {
    const INFO: &'static Info = &Info {
        ports: "1-2/2",
        flow: "h/h",
        paths: Paths::All,
        state: State::Replicated,
        args: &[
            Arg::required("NAME", "word", "the function: whose supervisor says whether its program runs"),
            Arg::keyword("RETURNS", "boolean", "true", "each packet is expected back; false: it gets copies"),
            Arg::keyword("FAIL", "word", "closed", "`open` or `closed`: what becomes of packets while it does not run"),
            Arg::keyword("STALL", "interval", "100ms", "it may keep packets so long; 0: for ever"),
        ],
        handlers: &[
            Handler::read("given", "packets (copies, without RETURNS) given to the program so far").merged(Merge::Sum),
            Handler::read("returned", "packets that came back so far").merged(Merge::Sum),
            Handler::read("outstanding", "given and not returned since the program was started").merged(Merge::First),
            Handler::read("state", "`up`, `down` or `stalled`").merged(Merge::First),
            Handler::read("stalls", "how often it was found stalled").merged(Merge::Sum),
            Handler::read("bypassed", "packets that went past the program because it did not run").merged(Merge::Sum),
            Handler::read("dropped", "packets that were dropped because it did not run").merged(Merge::Sum),
            Handler::write("reset_counts", "sets all counts but `outstanding` to 0"),
        ],
        doc: "Stands between a graph and a program outside of it. Packets of input 0 go to the program by output 0; what it \
              gives back comes in by input 1 and goes on by output 1. Without RETURNS the program gets copies by output 0, \
              and the packets themselves go on by output 1.\n\nWhile no supervisor in this process says that the \
              program of function NAME takes packets, those of input 0 go on by output 1 as they are (FAIL open), or are \
              dropped as `function_down` (FAIL closed). The same happens while the program has stalled: packets were given to \
              it, and for the time STALL not one came back. That ends when one comes back (one packet a second is still given to \
              it, to see), or with a new start of the program. \
              Before the program has run for the first time, and after it was stopped, nothing comes back, and what does is dropped. \
              A packet that got lost on the way is none to wait for as soon as a later one is back. A program that may drop all that it \
              gets for a while, such as a filter, needs a STALL of 0.",
        example: "InfiniteSource(LIMIT 5) -> gate :: ExternalGate(ids, FAIL open) -> Discard;
                  Idle -> [1] gate; gate[1] -> Discard;",
        see: &["FromDevice", "ToDevice", "Bypass"],
        ..Info::new("ExternalGate", "external", "gives packets to a program outside of the graph")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let name: String = args.required("NAME");
        let returns = args.keyword("RETURNS", true);
        let fail = args.keyword("FAIL", Word("closed".into())).0;
        let patience = args.keyword("STALL", Interval(100_000_000)).0;
        if !matches!(&*fail, "open" | "closed") {
            args.error(format!("FAIL must be ‘open’ or ‘closed’, is ‘{fail}’"));
        }
        if returns && env.inputs() < 2 {
            args.error("packets that the program gives back have no input: connect input 1, or say RETURNS false");
        }
        let (door, open_on_failure) = (Door::of(&name), fail == "open");
        ExternalGate { door, returns, open_on_failure, patience, watching: false, counts: Counts::default() }
    }
}

impl ExternalGate {
    /// Has the timer look when the packets that wait now have waited too long.
    fn watch(&mut self, cx: &mut Context<'_>) {
        if !self.watching
            && self.patience > 0
            && let Some(since) = self.door.waiting_since()
        {
            self.watching = true;
            cx.timer_at(since.saturating_add(self.patience));
        }
    }

    /// The program does not take packets.
    fn fail(&mut self, cx: &mut Context<'_>, batch: &mut Batch) {
        if self.open_on_failure {
            self.counts.bypassed += batch.len() as u64;
            batch.drain().for_each(|p| cx.emit(ON, p));
        } else {
            self.counts.dropped += batch.len() as u64;
            cx.drop_all(batch, Reason::FunctionDown);
        }
    }
}

impl Element for ExternalGate {
    fn start(&mut self, cx: &mut Context<'_>) {
        self.watch(cx);
    }
    fn process(&mut self, cx: &mut Context<'_>, port: usize, batch: &mut Batch) {
        let n = batch.len() as u64;
        if port == 1 {
            if !self.door.was_opened() {
                // The kernel has its say on an interface that has just been made.
                self.counts.dropped += n;
                return cx.drop_all(batch, Reason::FunctionDown);
            }
            self.counts.returned += n;
            self.door.take_back(n);
            return batch.drain().for_each(|p| cx.emit(ON, p));
        }
        let passage = self.door.passage();
        if passage == Passage::Stalled
            && self.door.probe(cx.recent())
            && let Some(p) = batch.pop_front()
        {
            // What it had may be lost for good: without another packet it could never show that it works.
            self.counts.given += 1;
            self.door.give(1, || cx.recent());
            cx.emit(PROGRAM, p);
        }
        if passage != Passage::Up {
            return self.fail(cx, batch);
        }
        if self.returns {
            self.counts.given += n;
            if self.door.give(n, || cx.recent()) {
                self.watch(cx);
            }
            return; // what stays in the batch goes to output 0
        }
        for p in batch.drain() {
            match cx.copy(&p) {
                Some(copy) => {
                    self.counts.given += 1;
                    cx.emit(PROGRAM, copy);
                }
                None => cx.no_buffer(),
            }
            cx.emit(ON, p);
        }
    }
    fn timer(&mut self, cx: &mut Context<'_>, _batch: &mut Batch) {
        self.watching = false;
        let now = cx.recent();
        match self.door.waiting_since() {
            Some(since) if now >= since.saturating_add(self.patience) => {
                if self.door.passage() == Passage::Up {
                    self.counts.stalls += 1;
                    self.door.stall(now);
                }
            }
            _ => self.watch(cx),
        }
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<ExternalGate>() {
            self.counts = old.counts;
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        let c = &self.counts;
        Ok(match handler {
            "state" => return Ok(self.door.passage().name().into()),
            "given" => c.given,
            "returned" => c.returned,
            "outstanding" => self.door.outstanding(),
            "stalls" => c.stalls,
            "bypassed" => c.bypassed,
            "dropped" => c.dropped,
            _ => return Err(HandlerError::NoHandler(handler.into())),
        }
        .to_string())
    }
    fn write(&mut self, _cx: &mut Context<'_>, _handler: &str, _text: &str) -> Result<(), HandlerError> {
        self.counts = Counts::default();
        Ok(())
    }
}
