//! Packets that a port had no room for: sent first at the next turn, so order holds.
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::Activity;
use sluice_dataplane::packet::Packet;
use sluice_dataplane::port::PortId;
use sluice_dataplane::reason::Reason;

/// The sending half of an element on a port.
pub(crate) struct Backlog {
    pub(crate) port: PortId,
    waiting: Batch,
    /// Packets sent so far.
    pub(crate) sent: u64,
    /// Packets dropped so far: those that the port refused, and pushed ones that it had no room for.
    pub(crate) lost: u64,
}

impl Backlog {
    pub(crate) fn new(port: PortId) -> Backlog {
        Backlog { port, waiting: Batch::default(), sent: 0, lost: 0 }
    }

    /// Sends what there is room for; the rest stays in `batch`.
    #[inline]
    pub(crate) fn send(&mut self, cx: &mut Context<'_>, batch: &mut Batch) {
        let given = batch.len();
        let sent = cx.transmit(self.port, batch);
        self.sent += sent as u64;
        self.lost += (given - sent - batch.len()) as u64;
    }

    /// Pushed packets: what the port does not take at once is dropped, as a wire would.
    pub(crate) fn push(&mut self, cx: &mut Context<'_>, batch: &mut Batch) {
        self.send(cx, batch);
        if !batch.is_empty() {
            self.lost += batch.len() as u64;
            cx.drop_all(batch, Reason::TxFull);
        }
    }

    /// Pushed packets go behind those that wait.
    pub(crate) fn wait(&mut self, batch: &mut Batch) {
        batch.append_to(&mut self.waiting);
    }

    /// Sends what waits, as far as there is room, and drops what waits beyond `limit`; says whether anything was
    /// sent.
    pub(crate) fn flush(&mut self, cx: &mut Context<'_>, limit: usize) -> bool {
        let mut batch = core::mem::take(&mut self.waiting);
        let had = self.sent;
        self.send(cx, &mut batch);
        if batch.len() > limit {
            let mut over = cx.spare();
            batch.split_into(limit, &mut over);
            self.lost += over.len() as u64;
            cx.drop_all(&mut over, Reason::TxFull);
            cx.give_spare(over);
        }
        self.waiting = batch;
        self.sent > had
    }

    /// A pulling turn: nothing is pulled while the port is full, so the queue upstream decides what
    /// is lost.
    pub(crate) fn pull(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, n: usize) -> Activity {
        let mut batch = core::mem::take(&mut self.waiting);
        if batch.is_empty() {
            up.pull(cx, 0, n, &mut batch);
            if batch.is_empty() {
                self.waiting = batch;
                return if cx.upstream_active(0) { Activity::Busy } else { Activity::Idle };
            }
        }
        self.send(cx, &mut batch);
        self.waiting = batch;
        if self.waiting.is_empty() { Activity::Busy } else { Activity::Waiting }
    }

    pub(crate) fn held(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn release(&mut self) -> Option<Packet> {
        self.waiting.pop_front()
    }

    /// Takes over the packets that wait and the count, if it is the same port.
    pub(crate) fn take_state(&mut self, old: &mut Backlog) {
        (self.sent, self.lost) = (old.sent, old.lost);
        if self.port == old.port {
            core::mem::swap(&mut self.waiting, &mut old.waiting);
        }
    }
}
