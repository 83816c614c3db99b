//! Packet traces and taps: what happened to single packets, recorded while they happen.
//!
//! Nothing here runs while no trace and no tap is on: the engine tests one flag per batch. A packet
//! is traced by a bit in its annotations; its copies inherit the bit, and so belong to its trace.
use crate::graph::Topology;
use crate::packet::Packet;
use crate::reason::Reason;
use crate::wire::describe::{Field, fields, ip_fields};
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Most packets that one trace marks.
pub const MAX_TRACED: usize = 4096;
/// Steps kept for one packet and its copies; a packet that goes round for ever stops filling memory.
const MAX_STEPS: usize = 256;

/// Chooses packets.
pub type Filter = Box<dyn Fn(&Packet) -> bool + Send>;

/// What a packet's way through one element ended in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// Left through this output.
    Output(usize),
    /// A copy, a fragment or an answer left through this output.
    Copied(usize),
    /// Stayed inside (a queue, say).
    Held,
    /// Did its job.
    Consumed,
    /// Left through a port or into a file.
    Transmitted,
    /// Dropped.
    Dropped(Reason),
}

/// A header field that an element changed. Empty texts: the field was added or removed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// The field, as tshark names it; `paint`, `dst` and `length` for annotations and length.
    pub field: String,
    /// Before.
    pub from: String,
    /// After.
    pub to: String,
}

/// One element on a packet's way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// The element's name.
    pub element: String,
    /// Its class.
    pub class: &'static str,
    /// The input the packet entered; `None` when it came out of the element (a port, a queue).
    pub input: Option<usize>,
    /// What the element changed.
    pub changes: Vec<Change>,
    /// How it ended there.
    pub end: End,
}

/// A traced packet's whole way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Traced {
    /// The port through which it came, or the element if that is no port.
    pub source: String,
    /// When it came, nanoseconds since the epoch: its time stamp, if it has one.
    pub time: u64,
    /// Its bytes then.
    pub frame: Vec<u8>,
    /// The elements it passed, in order.
    pub steps: Vec<Step>,
}

/// A traced packet as it entered an element.
pub(crate) struct Entered {
    id: u16,
    input: Option<usize>,
    look: Look,
}

/// What is compared.
struct Look {
    fields: Vec<Field>,
    paint: u8,
    dst: core::net::Ipv4Addr,
    len: usize,
}

impl Look {
    fn of(p: &Packet) -> Look {
        let rest = |at: usize| p.data().get(at..).unwrap_or_default();
        let mut list = match (p.mac_off(), p.net_off()) {
            (Some(at), _) => fields(rest(at)),
            // Packets without a link header (stripped, say) are read from the network header on.
            (None, Some(at)) => ip_fields(rest(at)),
            (None, None) if p.mac_off_signed().is_none() => fields(rest(0)),
            // Stripped, and nobody has said yet what follows.
            (None, None) if matches!(rest(0).first().map(|b| b >> 4), Some(4 | 6)) => ip_fields(rest(0)),
            (None, None) => Vec::new(),
        };
        list.truncate(128);
        Look { fields: list, paint: p.paint(), dst: p.dst(), len: p.len() }
    }

    fn changes(&self, after: &Look) -> Vec<Change> {
        let mut out = Vec::new();
        let mut note = |field: &str, from: String, to: String| {
            if from != to {
                out.push(Change { field: field.to_string(), from, to });
            }
        };
        // A name comes again for each header of its kind: the first is compared with the first.
        let mut left: Vec<&Field> = after.fields.iter().collect();
        for f in &self.fields {
            let now = left.iter().position(|g| g.name == f.name).map(|i| left.remove(i).value.clone());
            note(f.name, f.value.clone(), now.unwrap_or_default());
        }
        for f in left {
            note(f.name, String::new(), f.value.clone());
        }
        note("paint", self.paint.to_string(), after.paint.to_string());
        note("dst", self.dst.to_string(), after.dst.to_string());
        note("length", self.len.to_string(), after.len.to_string());
        out
    }
}

/// What is seen during one call of an element.
#[derive(Default)]
pub(crate) struct Frame {
    pub(crate) entered: Vec<Entered>,
    /// Packets that ended, in order.
    ends: Vec<(u16, End)>,
}

/// Marks packets and records their ways.
#[derive(Default)]
pub(crate) struct Tracer {
    /// Packets still to mark.
    left: usize,
    source: Option<String>,
    filter: Option<Filter>,
    /// Number of the first packet. Each trace goes on counting: a packet that an earlier one marked may
    /// still be waiting somewhere, and belongs to none of these.
    first: u16,
    packets: Vec<Traced>,
    /// Element calls that are going on, the innermost last.
    pub(crate) calls: Vec<Frame>,
}

impl Tracer {
    pub(crate) fn start(&mut self, count: usize, source: Option<String>, filter: Option<Filter>) {
        self.finish();
        (self.left, self.source, self.filter) = (count.min(MAX_TRACED), source, filter);
    }

    /// Gives out what was recorded; nothing is marked any more.
    pub(crate) fn finish(&mut self) -> Vec<Traced> {
        let packets = core::mem::take(&mut self.packets);
        let first = self.first.wrapping_add(packets.len() as u16);
        *self = Tracer { first, ..Tracer::default() };
        packets
    }

    /// A trace is going on: packets are to be marked, or marked ones may still be under way.
    pub(crate) fn is_on(&self) -> bool {
        self.left > 0 || !self.packets.is_empty()
    }

    pub(crate) fn left(&self) -> usize {
        self.left
    }

    pub(crate) fn packets(&self) -> &[Traced] {
        &self.packets
    }

    /// Marks a packet that has come in, if it is wanted.
    pub(crate) fn offer(&mut self, element: &str, port: Option<&str>, now: u64, p: &mut Packet) {
        let source = port.unwrap_or(element);
        let wanted = self.left > 0
            && self.source.as_deref().is_none_or(|s| s == source || s == element)
            && self.filter.as_ref().is_none_or(|f| f(p));
        if wanted {
            self.left -= 1;
            p.set_trace(self.first.wrapping_add(self.packets.len() as u16));
            let frame = p.data().to_vec();
            self.packets.push(Traced { source: source.to_string(), time: now, frame, steps: Vec::new() });
        }
    }

    pub(crate) fn enter<'a>(&mut self, input: Option<usize>, packets: impl IntoIterator<Item = &'a Packet>) {
        let Some(call) = self.calls.last_mut() else { return };
        for p in packets {
            if let Some(id) = p.trace() {
                call.entered.push(Entered { id, input, look: Look::of(p) });
            }
        }
    }

    /// The packet ends in the call that is going on.
    pub(crate) fn end(&mut self, p: &Packet, end: End) {
        if let (Some(id), Some(call)) = (p.trace(), self.calls.last_mut()) {
            call.ends.push((id, end));
        }
    }

    /// The innermost call of element `id` is over; `left` are the packets that came out, with
    /// their outputs.
    pub(crate) fn leave<'a>(
        &mut self,
        topo: &Topology,
        id: usize,
        left: impl IntoIterator<Item = (usize, &'a Packet)>,
    ) {
        let Some(Frame { entered, mut ends }) = self.calls.pop() else { return };
        let mut left: Vec<(u16, usize, &Packet)> =
            left.into_iter().filter_map(|(out, p)| Some((p.trace()?, out, p))).collect();
        let node = &topo.nodes[id];
        let mut step = |trace: u16, input, changes, end| {
            let Some(packet) = self.packets.get_mut(usize::from(trace.wrapping_sub(self.first))) else { return };
            if packet.steps.len() < MAX_STEPS {
                let (element, class) = (node.name.clone(), node.class.info.class);
                packet.steps.push(Step { element, class, input, changes, end });
            }
        };
        for e in &entered {
            // What is consumed did its job, even if an answer to it came out.
            let consumed = ends.iter().position(|x| *x == (e.id, End::Consumed));
            if let Some(i) = consumed {
                step(e.id, e.input, Vec::new(), ends.remove(i).1);
            // The packet itself is the last of its kind to come out: copies are made before.
            } else if let Some(i) = left.iter().rposition(|l| l.0 == e.id) {
                let (_, out, p) = left.remove(i);
                step(e.id, e.input, e.look.changes(&Look::of(p)), End::Output(out));
            } else if let Some(i) = ends.iter().position(|x| x.0 == e.id) {
                step(e.id, e.input, Vec::new(), ends.remove(i).1);
            } else {
                step(e.id, e.input, Vec::new(), End::Held);
            }
        }
        for (trace, out, p) in left {
            // What comes out beside a packet that went in is a copy, a fragment or an answer.
            match entered.iter().find(|e| e.id == trace) {
                Some(e) => step(trace, None, e.look.changes(&Look::of(p)), End::Copied(out)),
                None => step(trace, None, Vec::new(), End::Output(out)),
            }
        }
        for (trace, end) in ends {
            step(trace, None, Vec::new(), end);
        }
    }
}

/// Where a tap looks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TapAt {
    /// At an output of an element: everything that leaves there.
    Output(String, usize),
    /// At all drops.
    Drops,
}

/// Takes what a tap sees. `note` says where, and for drops why. False: closed, the tap ends.
pub type TapSink = Box<dyn FnMut(u64, &Packet, &str) -> bool + Send>;

/// A tap: sees packets pass, at most `left` of them.
pub struct Tap {
    /// Where it looks.
    pub at: TapAt,
    /// Packets it will still see.
    pub left: u64,
    /// Where they go.
    pub sink: TapSink,
    /// Somebody still looks; asked from time to time, as packets may not come for long.
    wanted: Option<Wanted>,
    pub(crate) edges: Vec<u32>,
}

/// Whether somebody still looks at a tap.
pub type Wanted = Box<dyn Fn() -> bool + Send>;

impl Tap {
    /// A tap that sees `count` packets.
    pub fn new(at: TapAt, count: u64, sink: TapSink) -> Tap {
        Tap { at, left: count, sink, wanted: None, edges: Vec::new() }
    }

    /// The same, which ends when nobody looks any more.
    pub fn while_wanted(self, wanted: Wanted) -> Tap {
        Tap { wanted: Some(wanted), ..self }
    }

    /// Whether it still has something to do.
    pub(crate) fn is_wanted(&self) -> bool {
        self.left > 0 && self.wanted.as_ref().is_none_or(|w| w())
    }

    /// Finds its edges in a graph; false when there is none.
    pub(crate) fn bind(&mut self, topo: &Topology) -> bool {
        let TapAt::Output(name, port) = &self.at else { return true };
        self.edges = topo.find(name).map_or(Vec::new(), |id| topo.edges_from(id, *port).collect());
        !self.edges.is_empty()
    }

    /// Shows a packet; false when the tap is done.
    pub(crate) fn see(&mut self, now: u64, p: &Packet, note: &str) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        (self.sink)(now, p, note) && self.left > 0
    }
}
