//! Traces and taps: what happens to single packets, for whoever asks the EMS.
use super::lock;
use sluice_dataplane::args::NameDb;
use sluice_dataplane::engine::Engine;
use sluice_dataplane::io::pcapng::{PacketInfo, Writer};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::trace::{self, Filter, Tap, TapAt, Traced};
use sluice_dataplane::worker::crew::Crew;
use sluice_elements::classify::filter;
use sluice_mgmt::clock;
use sluice_mgmt::vnf::{FieldChange, Refusal, TapRequest, TapSink, Trace, TraceRequest, TraceStep, TracedPacket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Most packets of a trace.
const MOST: u16 = 256;
/// A trace looks for packets so long.
const LONGEST: Duration = Duration::from_secs(600);
/// Packets that were marked have so long to end their way.
const SETTLE: Duration = Duration::from_millis(500);
/// Traces that are kept when they are over.
const KEPT: usize = 8;

/// The traces there are.
#[derive(Default)]
pub(super) struct Traces {
    last: u64,
    /// The one that is going on, when it began and when the last packet was marked.
    running: Option<(Trace, u16, Duration, Option<Duration>)>,
    over: Vec<Trace>,
}

fn gone() -> Refusal {
    Refusal::Unavailable("the workers have ended".into())
}

fn compile(text: Option<&str>) -> Result<Option<Filter>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    let wrong = |e| Refusal::Invalid(format!("filter: {e}"));
    let compiled = filter::parse_filter(text, &NameDb::new()).map_err(wrong)?.starting(filter::Start::Ethernet);
    Ok(Some(Box::new(move |p| compiled.matches(p))))
}

/// Starts to follow packets; a trace that is going on ends.
pub(super) fn start(crew: &Crew, traces: &Mutex<Traces>, request: &TraceRequest) -> Result<u64, Refusal> {
    if !(1..=MOST).contains(&request.count) {
        return Err(Refusal::Invalid(format!("count: 1 to {MOST}")));
    }
    let (count, port) = (usize::from(request.count), request.port.clone());
    if let Some(port) = port.clone() {
        let known =
            move |e: &mut Engine| e.topology().find(&port).is_some() || e.ports().any(|p| p.spec.device.name() == port);
        let known = crew.remotes().first().ok_or_else(gone)?.run(known).map_err(|_| gone())?;
        if !known {
            let port = request.port.as_deref().unwrap_or_default();
            return Err(Refusal::Invalid(format!("port: there is no port or element ‘{port}’")));
        }
    }
    let filters = crew.remotes().iter().map(|_| compile(request.filter.as_deref()));
    let filters = filters.collect::<Result<Vec<_>, _>>()?;
    let mut traces = lock(traces);
    if let Some((mut old, ..)) = traces.running.take() {
        collect(crew, &mut old, u16::MAX, true)?;
        traces.keep(old);
    }
    let starts = filters.into_iter().map(|filter| {
        let port = port.clone();
        move |e: &mut Engine| e.start_trace(count, port, filter)
    });
    crew.run_all(starts).map_err(|_| gone())?;
    traces.last += 1;
    let trace = Trace { id: traces.last, left: request.count, packets: Vec::new() };
    traces.running = Some((trace, request.count, clock::monotonic(), None));
    Ok(traces.last)
}

/// What a trace has recorded so far.
pub(super) fn trace(crew: Option<&Crew>, traces: &Mutex<Traces>, id: u64) -> Result<Trace, Refusal> {
    let mut traces = lock(traces);
    if let Some((running, wanted, ..)) = &mut traces.running
        && running.id == id
    {
        if let Some(crew) = crew {
            collect(crew, running, *wanted, false)?;
        }
        return Ok(running.clone());
    }
    let found = traces.over.iter().find(|t| t.id == id).cloned();
    found.ok_or_else(|| Refusal::NotFound(format!("there is no trace {id}; the last {KEPT} are kept")))
}

/// Ends a trace whose packets have ended their way, or that found none for long; and taps that nobody looks at.
pub(super) fn tick(crew: &Crew, traces: &Mutex<Traces>) {
    let _ = crew.run_all(crew.remotes().iter().map(|_| |e: &mut Engine| e.has_taps())); // gone: so are its taps
    let mut traces = lock(traces);
    let Some((trace, wanted, began, complete)) = &mut traces.running else { return };
    let now = clock::monotonic();
    if collect(crew, trace, *wanted, false).is_err() {
        return;
    }
    if trace.left == 0 {
        complete.get_or_insert(now);
    }
    let settled = complete.is_some_and(|at| now.saturating_sub(at) >= SETTLE);
    if (settled || now.saturating_sub(*began) >= LONGEST)
        && let Some((mut trace, wanted, ..)) = traces.running.take()
        && collect(crew, &mut trace, wanted, true).is_ok()
    {
        trace.left = 0;
        traces.keep(trace);
    }
}

impl Traces {
    fn keep(&mut self, trace: Trace) {
        if self.over.len() == KEPT {
            self.over.remove(0);
        }
        self.over.push(trace);
    }
}

/// Brings a trace up to date; `end`s it on the workers.
fn collect(crew: &Crew, trace: &mut Trace, wanted: u16, end: bool) -> Result<(), Refusal> {
    let ask = move |e: &mut Engine| if end { e.finish_trace() } else { e.traced().to_vec() };
    let all = crew.run_all(crew.remotes().iter().map(|_| ask)).map_err(|_| gone())?;
    let mut packets: Vec<Traced> = all.into_iter().flatten().collect();
    packets.sort_by_key(|p| p.time);
    packets.truncate(wanted.into());
    trace.left = wanted.saturating_sub(packets.len() as u16);
    trace.packets = packets.iter().map(shown).collect();
    Ok(())
}

fn shown(t: &Traced) -> TracedPacket {
    let step = |s: &trace::Step| TraceStep {
        element: s.element.clone(),
        class: s.class.into(),
        input: s.input,
        changes: s
            .changes
            .iter()
            .map(|c| FieldChange { field: c.field.clone(), from: c.from.clone(), to: c.to.clone() })
            .collect(),
        end: match &s.end {
            trace::End::Output(o) => format!("output {o}"),
            trace::End::Copied(o) => format!("copied {o}"),
            trace::End::Held => "held".into(),
            trace::End::Consumed => "consumed".into(),
            trace::End::Transmitted => "transmitted".into(),
            trace::End::Dropped(why) => format!("dropped {}", why.name()),
        },
    };
    TracedPacket {
        source: t.source.clone(),
        time: clock::rfc3339(t.time),
        frame: t.frame.iter().map(|b| format!("{b:02x}")).collect(),
        steps: t.steps.iter().map(step).collect(),
    }
}

/// A tap's stream: the file's head at once, then each packet.
struct Stream {
    writer: Writer<Vec<u8>>,
    sink: TapSink,
    left: u64,
}

impl Stream {
    /// Hands over what was written since the last call; false when nobody takes it.
    fn flush(&mut self) -> bool {
        let piece = std::mem::take(self.writer.get_mut());
        piece.is_empty() || (self.sink)(piece)
    }
}

/// Streams what passes an edge, or is dropped.
pub(super) fn tap(crew: &Crew, request: &TapRequest, sink: TapSink) -> Result<(), Refusal> {
    let TapRequest { edge, count, snap } = request;
    let at = crate::tap::place(edge).map_err(Refusal::Invalid)?;
    if let TapAt::Output(element, output) = at.clone() {
        let known = move |e: &mut Engine| {
            let t = e.topology();
            let id = t.find(&element)?;
            Some(t.edges.iter().any(|e| e.from as usize == id && usize::from(e.from_port) == output))
        };
        match crew.remotes().first().ok_or_else(gone)?.run(known).map_err(|_| gone())? {
            Some(true) => {}
            Some(false) => return Err(Refusal::NotFound(format!("there is no output {edge} that is connected"))),
            None => {
                return Err(Refusal::NotFound(format!(
                    "there is no element ‘{}’",
                    edge.split('[').next().unwrap_or(edge)
                )));
            }
        }
    }
    let broken = |e| Refusal::Unavailable(format!("the stream cannot begin: {e}"));
    let writer = crate::tap::begin(Vec::new(), edge, *snap).map_err(broken)?;
    let mut stream = Stream { writer, sink, left: *count };
    if !stream.flush() {
        return Ok(()); // gone already
    }
    let stream = Arc::new(Mutex::new(stream));
    let taps = crew.remotes().iter().map(|_| {
        let (stream, asked, at, count) = (stream.clone(), stream.clone(), at.clone(), *count);
        move |e: &mut Engine| {
            let sink = move |now, p: &Packet, note: &str| {
                let mut s = lock(&stream); // of one tap: two workers meet here, nobody else
                let Some(left) = s.left.checked_sub(1) else { return false };
                s.left = left;
                let (interface, original_len) = (crate::tap::interface(p), p.len() as u32);
                let comment = Some(note);
                let info = PacketInfo { interface, timestamp_ns: now, original_len, comment, ..Default::default() };
                s.writer.write(&info, p.data()).is_ok() && s.flush() && left > 0
            };
            let wanted = move || {
                let mut s = lock(&asked);
                s.left > 0 && (s.sink)(Vec::new())
            };
            e.tap(Tap::new(at, count, Box::new(sink)).while_wanted(Box::new(wanted)));
        }
    });
    crew.run_all(taps).map(drop).map_err(|_| gone())
}
