//! Runs one worker's graph: tasks, timers, and the work stack that moves batches along edges.
//!
//! Invariant: between two calls of [`Engine::round`] nothing is in flight: packets are held by
//! elements or gone. That is when graphs are swapped, handlers called and counters read.
//!
//! Reading order: this file (the inner loop), `pull`, `timers`, `calls` (handlers), `globals`,
//! `swap`, `books` (what happened to packets), `handover` and `links` (several workers), `observe` (tracing and taps).
mod books;
mod calls;
mod globals;
mod handover;
mod links;
mod observe;
pub(crate) mod pull;
mod swap;
mod timers;

use crate::batch::{Batch, MAX_BURST};
use crate::clock::Clock;
use crate::context::{Context, Stream, Upstream};
use crate::count::Counts;
use crate::element::{Activity, Element};
use crate::graph::{Plan, Topology};
use crate::handler::Call;
use crate::pool::{Cache, Pool};
use crate::port::PortSlot;
use crate::reason::Reason;
use crate::trace::{Tap, Tracer};
use alloc::boxed::Box;
use alloc::collections::{BinaryHeap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
pub use calls::Reach;
pub(crate) use calls::find_handler;
use core::cmp::Reverse;
pub(crate) use handover::Away;
pub use handover::settle_all;
use links::Links;
pub use links::link;

/// `None` while the element pulls or is pulled from: it cannot be reached a second time.
pub(crate) type Slot = Option<Box<dyn Element>>;

/// Where the text of elements goes.
pub type Console = Box<dyn FnMut(Stream, &str) + Send>;

/// Compiles and checks a configuration for the `hotconfig` handler.
pub type Compiler = Box<dyn FnMut(&str) -> Result<Plan, String> + Send>;

/// A batch on its way along an edge.
struct Work {
    edge: u32,
    /// Edges passed since the batch came from a task, a queue or a side output's parent.
    hops: u32,
    batch: Batch,
}

/// All that the elements of a worker share, through their [`Context`].
pub(crate) struct Core {
    pub(crate) topo: Topology,
    pub(crate) cache: Cache,
    pub(crate) clock: Clock,
    pub(crate) burst: usize,
    pub(crate) rx: Vec<Option<PortSlot>>,
    pub(crate) tx: Vec<Option<PortSlot>>,
    /// What the running element emitted, by output.
    pub(crate) sides: Vec<Batch>,
    /// The running element emitted, or asked for a handler call.
    pub(crate) dirty: bool,
    /// Emitted during this step, in the order in which it must run.
    pending: Vec<Work>,
    stack: Vec<Work>,
    spare: Vec<Batch>,
    timers: BinaryHeap<Reverse<(u64, u64, usize)>>, // time, sequence, element
    timer_seq: u64,
    seed: u64,
    /// Handler calls that elements asked for.
    pub(crate) calls: VecDeque<(usize, Call)>,
    /// Requests to stop that nobody has dealt with.
    pub(crate) stops: u32,
    pub(crate) failures: Vec<String>,
    console: Console,
    compiler: Option<Compiler>,
    /// A graph that a handler call has made; the engine changes over to it after the round.
    next: Option<Plan>,
    /// The other workers; `None` when this is the only one.
    pub(crate) links: Option<Box<Links>>,
    /// A packet trace or a tap is on: look at every batch.
    pub(crate) armed: bool,
    pub(crate) tracer: Tracer,
    pub(crate) taps: Vec<Tap>,
}

impl Core {
    #[inline]
    pub(crate) fn spare(&mut self) -> Batch {
        self.spare.pop().unwrap_or_default()
    }
    #[inline]
    pub(crate) fn give_spare(&mut self, b: Batch) {
        debug_assert!(b.is_empty());
        self.spare.push(b);
    }
    pub(crate) fn print(&mut self, stream: Stream, text: &str) {
        (self.console)(stream, text);
    }
    /// xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators" (2016).
    pub(crate) fn random(&mut self) -> u32 {
        self.seed ^= self.seed >> 12;
        self.seed ^= self.seed << 25;
        self.seed ^= self.seed >> 27;
        (self.seed.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }
    /// Turns what element `id` emitted into pending work.
    #[inline(never)]
    pub(crate) fn collect(&mut self, id: usize, hops: u32) {
        self.dirty = false;
        for out in 0..self.topo.nodes[id].outs.len() {
            if self.sides[out].is_empty() {
                continue;
            }
            let empty = self.spare();
            let batch = core::mem::replace(&mut self.sides[out], empty);
            self.pend(Some(self.topo.nodes[id].outs[out]), hops, id, batch);
        }
    }
    fn pend(&mut self, edge: Option<u32>, hops: u32, from: usize, mut batch: Batch) {
        if !batch.is_empty() {
            if let Some(edge) = edge {
                return self.pending.push(Work { edge, hops, batch });
            }
            self.drop_all(from, &mut batch, Reason::Unconnected);
        }
        self.spare.push(batch);
    }
    /// Pending work goes on the stack so that the first of it is popped first.
    fn stack_pending(&mut self) {
        self.stack.extend(self.pending.drain(..).rev());
    }
    #[cold]
    fn drop_all(&mut self, id: usize, batch: &mut Batch, why: Reason) {
        Context { core: self, id }.drop_all(batch, why);
    }
    /// Notifier `id` has packets: the tasks that sleep on it get turns again.
    #[cold]
    pub(crate) fn wake(&mut self, id: usize) {
        self.topo.nodes[id].active = true;
        self.wake_listeners(id);
    }
    /// The tasks downstream of notifier or gate `id` get turns again.
    pub(crate) fn wake_listeners(&mut self, id: usize) {
        for i in 0..self.topo.nodes[id].listeners.len() {
            let task = self.topo.nodes[id].listeners[i];
            self.topo.nodes[task].runnable = true;
        }
    }
    fn main_output(&self, id: usize) -> Option<u32> {
        self.topo.nodes[id].outs.first().copied()
    }
}

/// Calls an element that may pull; nothing when it is running already.
pub(crate) fn enter<R>(
    core: &mut Core,
    slots: &mut [Slot],
    id: usize,
    f: impl FnOnce(&mut dyn Element, &mut Context<'_>, &mut Upstream<'_>) -> R,
) -> Option<R> {
    let mut e = slots[id].take()?;
    let r = f(&mut *e, &mut Context { core, id }, &mut Upstream(slots));
    slots[id] = Some(e);
    Some(r)
}

/// What a round found to do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Load {
    /// All tasks sleep: only a timer or a handler call brings work.
    Idle,
    /// Some tasks wait for devices.
    Waiting,
    /// There was work.
    Busy,
}

/// How an engine is set up.
pub struct Options {
    /// Packets per call, 1 to 64.
    pub burst: usize,
    /// Where time comes from.
    pub clock: Clock,
    /// Seed of the random numbers that elements draw.
    pub seed: u64,
    /// Where text goes.
    pub console: Console,
}

impl Default for Options {
    /// Burst 32, simulated time, text thrown away.
    fn default() -> Self {
        Options { burst: 32, clock: Clock::simulated(), seed: 1, console: Box::new(|_, _| ()) }
    }
}

/// One worker's engine.
pub struct Engine {
    core: Core,
    slots: Vec<Slot>,
    retired: Counts,
    /// Of the graph that runs; 0: none.
    generation: u32,
    /// In all, and those in which there was work.
    rounds: [u64; 2],
}

impl Engine {
    /// An engine without a graph.
    pub fn new(pool: &Pool, options: Options) -> Engine {
        let core = Core {
            topo: Topology::default(),
            cache: pool.cache(),
            clock: options.clock,
            burst: options.burst.clamp(1, MAX_BURST),
            rx: Vec::new(),
            tx: Vec::new(),
            sides: Vec::new(),
            dirty: false,
            pending: Vec::new(),
            stack: Vec::new(),
            spare: Vec::new(),
            timers: BinaryHeap::new(),
            timer_seq: 0,
            seed: options.seed | 1 << 63,
            calls: VecDeque::new(),
            stops: 0,
            failures: Vec::new(),
            console: options.console,
            compiler: None,
            next: None,
            links: None,
            armed: false,
            tracer: Tracer::default(),
            taps: Vec::new(),
        };
        Engine { core, slots: Vec::new(), retired: Counts::default(), generation: 0, rounds: [0; 2] }
    }

    /// Lets the `hotconfig` handler replace the graph.
    pub fn allow_hotconfig(&mut self, compiler: Compiler) {
        self.core.compiler = Some(compiler);
    }

    /// One round: due timers, what other workers sent, then every runnable task in turn.
    pub fn round(&mut self) -> Load {
        self.core.clock.new_round();
        let mut load = if self.run_timers() { Load::Busy } else { Load::Idle };
        if self.core.links.is_some() && self.take_from_others() {
            load = Load::Busy;
        }
        for i in 0..self.core.topo.tasks.len() {
            let id = self.core.topo.tasks[i];
            let node = &mut self.core.topo.nodes[id];
            if !node.runnable {
                continue;
            }
            // A turn for every 1024 tickets saved up: shares are exact over rounds.
            node.credit += node.tickets;
            while self.core.topo.nodes[id].credit >= 1024 {
                let node = &mut self.core.topo.nodes[id];
                node.credit -= 1024;
                if !core::mem::replace(&mut node.runnable, false) {
                    continue;
                }
                let did = self.step(id, |e, cx, up, batch| e.run(cx, up, batch));
                if did != Some(Activity::Idle) {
                    self.core.topo.nodes[id].runnable = true;
                }
                load = load.max(if did == Some(Activity::Busy) { Load::Busy } else { Load::Waiting });
            }
            load = load.max(if self.core.topo.nodes[id].runnable { Load::Waiting } else { Load::Idle });
        }
        if self.change_over() {
            load = Load::Busy;
        }
        if self.core.links.is_some() {
            self.wake_others();
        }
        self.rounds[0] += 1;
        self.rounds[1] += u64::from(load == Load::Busy);
        load
    }

    /// Rounds in all, and those in which there was work.
    pub fn rounds(&self) -> [u64; 2] {
        self.rounds
    }

    /// Changes over to the graph that a handler call has made, if one has.
    fn change_over(&mut self) -> bool {
        let Some(plan) = self.core.next.take() else { return false };
        // The script that replaced its own graph may have ended: that stops the old graph, not this one.
        if self.core.failures.is_empty() {
            self.core.stops = 0;
        }
        drop(self.swap(plan));
        true
    }

    /// Lets element `id` produce a batch, then runs the stack until nothing is in flight.
    fn step<R>(
        &mut self,
        id: usize,
        f: impl FnOnce(&mut dyn Element, &mut Context<'_>, &mut Upstream<'_>, &mut Batch) -> R,
    ) -> Option<R> {
        let batch = self.core.spare();
        self.step_with(id, batch, f)
    }

    /// The same, with a batch that holds packets already.
    #[inline(always)] // into each `step`: the batch is not moved once more
    fn step_with<R>(
        &mut self,
        id: usize,
        mut batch: Batch,
        f: impl FnOnce(&mut dyn Element, &mut Context<'_>, &mut Upstream<'_>, &mut Batch) -> R,
    ) -> Option<R> {
        let armed = self.core.armed;
        if armed {
            self.core.observe_begin(&[]);
        }
        let r = enter(&mut self.core, &mut self.slots, id, |e, cx, up| f(e, cx, up, &mut batch));
        if armed {
            self.core.observe_end_of_call(id, 0, batch.as_slice());
        }
        if self.core.dirty {
            self.core.collect(id, 0);
        }
        let main = self.core.main_output(id);
        match main {
            // Nothing else to do first: the batch goes its way.
            Some(edge) if self.core.pending.is_empty() && self.core.calls.is_empty() && !batch.is_empty() => {
                self.drain(Some(Work { edge, hops: 0, batch }));
            }
            _ => {
                self.core.pend(main, 0, id, batch);
                self.settle();
            }
        }
        r
    }

    /// Makes the handler calls that were asked for, then runs pending work until nothing is in
    /// flight.
    fn settle(&mut self) {
        if !self.core.calls.is_empty() {
            calls::perform_asked(&mut self.core, &mut self.slots);
        }
        self.core.stack_pending();
        self.drain(None);
    }

    /// The inner loop. Follows a batch in place as long as nothing is emitted.
    fn drain(&mut self, mut first: Option<Work>) {
        let (core, slots) = (&mut self.core, &mut self.slots[..]);
        let hop_limit = 64 + 4 * slots.len() as u32;
        while let Some(Work { mut edge, mut hops, mut batch }) = first.take().or_else(|| core.stack.pop()) {
            loop {
                if batch.len() > core.burst {
                    let mut rest = core.spare();
                    batch.split_into(core.burst, &mut rest);
                    core.stack.push(Work { edge, hops, batch: rest });
                }
                let e = &core.topo.edges[edge as usize];
                let (to, port, then) = (e.to as usize, e.port as usize, e.then);
                core.topo.counts.edges[edge as usize].add(batch.len() as u64);
                hops += 1;
                if hops > hop_limit {
                    core.drop_all(to, &mut batch, Reason::Loop);
                } else if core.armed {
                    core.process_armed(slots, edge, to, port, &mut batch);
                } else if let Some(el) = &mut slots[to] {
                    el.process(&mut Context { core, id: to }, port, &mut batch);
                }
                if core.dirty {
                    core.collect(to, hops);
                    core.pend(then, hops, to, batch);
                    if !core.calls.is_empty() {
                        calls::perform_asked(core, slots);
                    }
                    core.stack_pending();
                    break;
                }
                match then {
                    _ if batch.is_empty() => {
                        core.give_spare(batch);
                        break;
                    }
                    Some(next) => edge = next,
                    None => {
                        core.pend(None, 0, to, batch);
                        break;
                    }
                }
            }
        }
    }

    /// The running graph.
    pub fn topology(&self) -> &Topology {
        &self.core.topo
    }

    /// Whether somebody asked to stop, and no element like DriverManager wants to go on. Asks those
    /// elements, so they see each request once.
    pub fn stopping(&mut self) -> bool {
        while self.core.stops > 0 {
            self.core.stops -= 1;
            let handled = (0..self.slots.len())
                .any(|id| enter(&mut self.core, &mut self.slots, id, |e, cx, _| e.driver_stops(cx)) == Some(true));
            self.settle();
            if !handled {
                return true;
            }
        }
        false
    }

    /// Whether somebody asked to stop, for a worker that leaves the answer to another; told once.
    pub fn take_stops(&mut self) -> bool {
        core::mem::take(&mut self.core.stops) > 0
    }

    /// Asks the driver to stop, as the handler `stop` does.
    pub fn request_stop(&mut self) {
        self.core.stops += 1;
    }

    /// Failures that elements and ports reported; each is given out once. Ports hand over what
    /// they buffer first, so nothing that was sent can fail later.
    pub fn take_failures(&mut self) -> Vec<String> {
        let mut all = core::mem::take(&mut self.core.failures);
        all.extend(self.ports_mut().filter_map(PortSlot::failure));
        all
    }

    /// Drops what the elements still hold, as `shutdown`, so that the final report adds up.
    pub fn shut_down(&mut self) {
        for id in 0..self.slots.len() {
            while let Some(p) = self.slots[id].as_mut().and_then(|e| e.release()) {
                Context { core: &mut self.core, id }.drop(p, Reason::Shutdown);
            }
        }
    }

    /// Reads the clock as an element would.
    pub fn now(&mut self) -> u64 {
        self.core.clock.now()
    }

    /// The ports, receiving ones first.
    pub fn ports(&self) -> impl Iterator<Item = &PortSlot> {
        self.core.rx.iter().chain(&self.core.tx).flatten()
    }

    /// The ports, to maintain and to wait for.
    pub fn ports_mut(&mut self) -> impl Iterator<Item = &mut PortSlot> {
        self.core.rx.iter_mut().chain(&mut self.core.tx).flatten()
    }
}
