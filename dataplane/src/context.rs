//! What an element may ask of the engine during one call.
use crate::batch::Batch;
use crate::count::Counts;
use crate::element::Note;
use crate::engine::{Core, Slot, pull};
use crate::handler::{Call, HandlerError};
use crate::info::{Access, Flow};
use crate::packet::Packet;
use crate::reason::Reason;
use alloc::string::String;
use alloc::vec::Vec;

/// Where text goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// The engine, as one element sees it during one call.
pub struct Context<'a> {
    pub(crate) core: &'a mut Core,
    pub(crate) id: usize,
}

/// What is connected to the pull inputs: given to [`run`](crate::element::Element::run) and
/// [`pull`](crate::element::Element::pull) alone.
pub struct Upstream<'a>(pub(crate) &'a mut [Slot]);

impl Upstream<'_> {
    /// Appends at most `n` packets from whatever is connected to input `input`.
    #[inline]
    pub fn pull(&mut self, cx: &mut Context<'_>, input: usize, n: usize, batch: &mut Batch) {
        pull::pull(cx.core, self.0, cx.id, input, n, batch);
    }

    /// One packet from input `input`.
    pub fn pull_one(&mut self, cx: &mut Context<'_>, input: usize) -> Option<Packet> {
        let mut batch = cx.spare();
        self.pull(cx, input, 1, &mut batch);
        let p = batch.pop_front();
        cx.give_spare(batch);
        p
    }
}

impl Context<'_> {
    #[inline]
    fn counts(&self) -> &Counts {
        &self.core.topo.counts.nodes[self.id]
    }

    // --- where packets go ---

    /// To output `out`. All that is emitted runs before the rest of the batch, in output order:
    /// with burst 1 this is Click's order. An output that is not connected drops.
    #[inline]
    pub fn emit(&mut self, out: usize, p: Packet) {
        if !self.output_connected(out) {
            return self.drop(p, Reason::Unconnected);
        }
        self.core.sides[out].push(p);
        self.core.dirty = true;
    }
    /// Ends a packet for `why`.
    #[cold]
    pub fn drop(&mut self, p: Packet, why: Reason) {
        self.counts().dropped.add(why, 1);
        if self.core.armed {
            self.core.observe_drop(self.id, &p, why);
        }
        self.core.cache.free(p);
    }
    /// The packet did its job inside this element.
    #[inline]
    pub fn consume(&mut self, p: Packet) {
        self.counts().consumed.add(1);
        if self.core.armed {
            self.core.observe_end(&p, crate::trace::End::Consumed);
        }
        self.core.cache.free(p);
    }
    /// All packets did their job inside this element.
    #[inline]
    pub fn consume_all(&mut self, batch: &mut Batch) {
        self.counts().consumed.add(batch.len() as u64);
        for p in batch.drain() {
            if self.core.armed {
                self.core.observe_end(&p, crate::trace::End::Consumed);
            }
            self.core.cache.free(p);
        }
    }
    /// The packet left the engine through this element (into a file, say). Ports use
    /// [`transmit`](Self::transmit).
    #[inline]
    pub fn transmitted(&mut self, p: Packet) {
        self.counts().transmitted.add(1);
        if self.core.armed {
            self.core.observe_end(&p, crate::trace::End::Transmitted);
        }
        self.core.cache.free(p);
    }

    // --- where packets come from ---

    /// A new packet of length 0, counted as created; `None` when the pool is empty.
    #[inline]
    pub fn alloc(&mut self) -> Option<Packet> {
        let p = self.core.cache.alloc()?;
        self.counts().created.add(1);
        Some(p)
    }
    /// A new packet with these bytes, counted as created; `None` when the pool is empty or they do
    /// not fit.
    pub fn create(&mut self, bytes: &[u8]) -> Option<Packet> {
        let mut p = self.core.cache.alloc()?;
        if !p.set_data(bytes) {
            self.core.cache.free(p);
            return None;
        }
        self.counts().created.add(1);
        Some(p)
    }
    /// A packet that came from outside the engine other than through a port (from a file), counted
    /// as received. What does not fit a buffer, or finds none, is a counted drop.
    pub fn receive_bytes(&mut self, bytes: &[u8]) -> Option<Packet> {
        self.counts().received.add(1);
        let why = match self.core.cache.alloc() {
            Some(mut p) => {
                if p.set_data(bytes) {
                    return Some(p);
                }
                self.core.cache.free(p);
                Reason::Oversize
            }
            None => Reason::NoBuffer,
        };
        self.counts().dropped.add(why, 1);
        None
    }
    /// Offers a packet from outside to the tracer, which may mark it. Ports do this themselves.
    pub fn offer_trace(&mut self, p: &mut Packet) {
        if self.core.armed {
            self.core.offer_trace(self.id, None, p);
        }
    }
    /// A clone, counted as created; `None` when the pool is empty.
    #[inline]
    pub fn copy(&mut self, p: &Packet) -> Option<Packet> {
        let c = p.try_clone(|| self.core.cache.alloc())?;
        self.counts().created.add(1);
        Some(c)
    }
    /// Counts a copy, fragment or answer that could not be made because no buffer was free: as
    /// created and dropped at once.
    #[cold]
    pub fn no_buffer(&mut self) {
        self.counts().created.add(1);
        self.counts().dropped.add(Reason::NoBuffer, 1);
    }

    /// Drops a whole batch for one reason.
    #[cold]
    pub fn drop_all(&mut self, batch: &mut Batch, why: Reason) {
        batch.drain().for_each(|p| self.drop(p, why));
    }

    // --- the graph around the element ---

    /// The element's name.
    pub fn name(&self) -> &str {
        &self.core.topo.nodes[self.id].name
    }
    /// The element's class.
    pub fn class(&self) -> &'static str {
        self.core.topo.nodes[self.id].class.info.class
    }
    /// Number of outputs.
    #[inline]
    pub fn outputs(&self) -> usize {
        self.core.topo.nodes[self.id].outs.len()
    }
    /// Whether output `out` leads anywhere.
    #[inline]
    pub fn output_connected(&self, out: usize) -> bool {
        out < self.core.topo.nodes[self.id].outs.len()
    }
    /// Number of inputs.
    #[inline]
    pub fn inputs(&self) -> usize {
        self.core.topo.nodes[self.id].in_flow.len()
    }
    /// Whether input `port` pulls.
    pub fn input_pulls(&self, port: usize) -> bool {
        self.core.topo.nodes[self.id].in_flow.get(port) == Some(&Flow::Pull)
    }
    /// Whether output `port` is pulled from.
    pub fn output_pulls(&self, port: usize) -> bool {
        self.core.topo.nodes[self.id].out_flow.get(port) == Some(&Flow::Pull)
    }
    /// Packets per call, at most.
    #[inline]
    pub fn burst(&self) -> usize {
        self.core.burst
    }
    /// A batch to work with; give it back empty.
    #[inline]
    pub fn spare(&mut self) -> Batch {
        self.core.spare()
    }
    /// Gives back a batch that [`spare`](Self::spare) gave.
    #[inline]
    pub fn give_spare(&mut self, b: Batch) {
        self.core.give_spare(b);
    }

    // --- the other workers ---

    /// Whether other workers have replicas of the graph.
    #[inline]
    pub fn has_others(&self) -> bool {
        self.core.links.is_some()
    }
    /// Tells the replicas of this element on the other workers, in [`learn`](crate::element::Element::learn).
    /// A note is lost where too many wait: only for what will be learned again.
    pub fn tell_others(&mut self, note: &Note) {
        if let Some(links) = &mut self.core.links {
            links.tell(self.id, note);
        }
    }
    /// Packets for the same input of this element on worker `home`.
    pub(crate) fn hand_over(&mut self, home: usize, port: usize, batch: &mut Batch) {
        if let Some(links) = &mut self.core.links {
            links.hand_over(home, self.id, port, batch);
        }
        if !batch.is_empty() {
            self.drop_all(batch, Reason::HandoverFull);
        }
    }

    // --- time, chance, text ---

    /// Nanoseconds since the Unix epoch; read once per round (each read adds 1 in simulated time).
    #[inline]
    pub fn now(&mut self) -> u64 {
        self.core.clock.now()
    }
    /// As [`now`](Self::now), but simulated time stays where it is: for spans that begin now.
    pub fn recent(&mut self) -> u64 {
        self.core.clock.recent()
    }
    /// Whether time is simulated.
    pub fn is_simulated(&self) -> bool {
        self.core.clock.is_simulated()
    }
    /// Calls [`timer`](crate::element::Element::timer) at `t` (nanoseconds since the epoch) or soon
    /// after. Each element has one timer: this replaces what was set.
    pub fn timer_at(&mut self, t: u64) {
        self.core.set_timer(t, self.id);
    }
    /// Unsets the timer.
    pub fn clear_timer(&mut self) {
        self.core.topo.nodes[self.id].timer = u64::MAX;
    }
    /// 32 random bits; the sequence depends on the engine's seed alone.
    pub fn random(&mut self) -> u32 {
        self.core.random()
    }
    /// Writes text, as it is, to a standard stream.
    pub fn print(&mut self, stream: Stream, text: &str) {
        self.core.print(stream, text);
    }

    // --- tasks and notifiers ---

    /// Whether packets may come through pull input `input` now: a notifier upstream has some, or a
    /// source there never says, and no gate on the way is shut.
    pub fn upstream_active(&self, input: usize) -> bool {
        let topo = &self.core.topo;
        topo.nodes[self.id].ways.get(input).is_none_or(|ways| ways.iter().any(|w| topo.is_open(w)))
    }
    /// Whether packets pushed out of output 0 may find room: false when every queue downstream that
    /// they could reach is full. Only for tasks; they run again when that changes.
    pub fn downstream_room(&self) -> bool {
        let nodes = &self.core.topo.nodes;
        nodes[self.id].rooms.as_ref().is_none_or(|rooms| rooms.iter().any(|&n| !nodes[n].full))
    }
    /// A queue takes no more packets, or does again.
    #[inline]
    pub fn set_full(&mut self, full: bool) {
        let was = core::mem::replace(&mut self.core.topo.nodes[self.id].full, full);
        if was && !full {
            self.core.wake_listeners(self.id);
        }
    }
    /// Opens or shuts the way through pull input `input`, of an element with `gates`. When it opens,
    /// tasks run again that could pull packets now; they sleep when all their ways are shut or rest.
    pub fn gate_input(&mut self, input: usize, open: bool) {
        if let Some(&Some(edge)) = self.core.topo.nodes[self.id].ins.get(input) {
            self.gate(edge, open);
        }
    }
    /// As [`gate_input`](Self::gate_input), for the way through pull output `output`.
    pub fn gate_output(&mut self, output: usize, open: bool) {
        let topo = &self.core.topo;
        let Some(&edge) = topo.nodes[self.id].outs.get(output) else { return };
        if topo.further.is_empty() {
            return self.gate(edge, open);
        }
        let all: Vec<u32> = topo.edges_from(self.id, output).collect();
        all.into_iter().for_each(|edge| self.gate(edge, open));
    }
    fn gate(&mut self, edge: u32, open: bool) {
        let shut = core::mem::replace(&mut self.core.topo.shut[edge as usize], !open);
        if !(shut && open) {
            return;
        }
        let topo = &mut self.core.topo;
        for i in 0..topo.nodes[self.id].listeners.len() {
            let task = topo.nodes[self.id].listeners[i];
            let open = topo.nodes[task].ways.iter().flatten().any(|w| topo.is_open(w));
            topo.nodes[task].runnable |= open;
        }
    }
    /// A notifier has packets: tasks downstream run again.
    #[inline]
    pub fn wake(&mut self) {
        if !self.core.topo.nodes[self.id].active {
            self.core.wake(self.id);
        }
    }
    /// A notifier is empty.
    #[inline]
    pub fn rest(&mut self) {
        self.core.topo.nodes[self.id].active = false;
    }
    /// Gives this element's task a turn in the next round (`true`), or none until it is woken.
    pub fn set_runnable(&mut self, on: bool) {
        self.core.topo.nodes[self.id].runnable = on;
    }

    // --- handlers and the driver ---

    /// Asks for a handler call, made as soon as this element is at rest. The answer comes through
    /// [`resume`](crate::element::Element::resume).
    pub fn call(&mut self, call: Call) {
        self.core.calls.push_back((self.id, call));
        self.core.dirty = true;
    }
    /// What a path means, as seen from this element: the handler's full name and what may be done
    /// with it.
    ///
    /// # Errors
    /// There is no such element, or it has no such handler.
    pub fn find_handler(&self, path: &str) -> Result<(String, Access), HandlerError> {
        let topo = &self.core.topo;
        let (element, handler, access) = crate::engine::find_handler(topo, &topo.nodes[self.id].name, path)?;
        let full = element.map_or(handler.into(), |id| alloc::format!("{}.{handler}", topo.nodes[id].name));
        Ok((full, access))
    }
    /// What the handler `config` gives from now on: for elements whose arguments another handler changes.
    pub fn set_config(&mut self, config: String) {
        self.core.topo.nodes[self.id].config = config;
    }
    /// Gives the tasks that pull through this element a turn: for elements that are no notifiers,
    /// but got a packet ready between two pulls.
    pub fn wake_pullers(&mut self) {
        let mut todo = alloc::vec![self.id];
        let mut seen = alloc::vec![false; self.core.topo.nodes.len()];
        while let Some(id) = todo.pop() {
            if core::mem::replace(&mut seen[id], true) {
                continue;
            }
            let topo = &mut self.core.topo;
            for port in 0..topo.nodes[id].outs.len() {
                if topo.nodes[id].out_flow.get(port) != Some(&Flow::Pull) {
                    continue;
                }
                let pullers: Vec<usize> =
                    topo.edges_from(id, port).map(|e| topo.edges[e as usize].to as usize).collect();
                for &down in &pullers {
                    topo.nodes[down].runnable |= topo.nodes[down].task;
                }
                todo.extend(pullers);
            }
        }
    }
    /// Asks the driver to stop.
    pub fn stop_driver(&mut self) {
        self.core.stops += 1;
    }
    /// Reports a failure that ends the run with an error, once the packets in flight are done.
    pub fn fail(&mut self, message: String) {
        self.core.failures.push(message);
        self.core.stops += 1;
    }
}
