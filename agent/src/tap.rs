//! Taps: what passes an edge, or is dropped, into a pcapng file.
//!
//! The worker hands copies to a thread that writes; when that falls behind, copies are lost, never
//! packets.
use anyhow::{Context as _, bail};
use sluice_dataplane::engine::Engine;
use sluice_dataplane::graph::Topology;
use sluice_dataplane::io::capture::{CaptureError, LINK_ETHERNET, LINK_RAW};
use sluice_dataplane::io::pcapng::{PacketInfo, Writer};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::trace::{Tap, TapAt};
use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, TrySendError, sync_channel};
use std::thread::JoinHandle;

/// Copies that may wait for the writer.
const WAITING: usize = 4096;
/// Most bytes of a packet that are written.
const MAX_SNAP: u64 = 262_144;

/// A tap that the command line asks for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    at: TapAt,
    file: PathBuf,
    count: u64,
    snap: usize,
}

/// Reads `ELEMENT[PORT]=FILE[,COUNT[,SNAP]]` or `drops=FILE...`.
pub(crate) fn parse(text: &str) -> Result<Wanted, String> {
    let (place, rest) = text.split_once('=').ok_or("give it as ELEMENT[PORT]=FILE or drops=FILE")?;
    let mut parts = rest.split(',');
    let file = parts.next().filter(|f| !f.is_empty()).ok_or("the file is missing")?;
    let mut number = |name: &str, default: u64| match parts.next() {
        None => Ok(default),
        Some(n) => n.parse().map_err(|_| format!("{name}: ‘{n}’ is no number")),
    };
    let (count, snap) = (number("count", u64::MAX)?, number("snap length", MAX_SNAP)?);
    if parts.next().is_some() {
        return Err("nothing comes behind the snap length".into());
    }
    if count == 0 || !(1..=MAX_SNAP).contains(&snap) {
        return Err(format!("count must be at least 1, the snap length 1 to {MAX_SNAP}"));
    }
    Ok(Wanted { at: self::place(place)?, file: file.into(), count, snap: snap as usize })
}

/// Reads `ELEMENT[PORT]`, `ELEMENT` or `drops`.
pub(crate) fn place(text: &str) -> Result<TapAt, String> {
    if text == "drops" {
        return Ok(TapAt::Drops);
    }
    let (name, port) = match text.strip_suffix(']').and_then(|p| p.rsplit_once('[')) {
        Some((name, port)) => (name, port.parse().map_err(|_| format!("port: ‘{port}’ is no number"))?),
        None => (text, 0),
    };
    Ok(TapAt::Output(name.into(), port))
}

/// Describes the two kinds of packets that a tap may see, at most `snap` bytes of each: frames, and packets of which the link
/// header was stripped.
pub(crate) fn begin<W: std::io::Write>(file: W, place: &str, snap: u32) -> Result<Writer<W>, CaptureError> {
    let mut writer = Writer::new(file)?;
    writer.add_interface(place, LINK_ETHERNET, snap)?;
    writer.add_interface(&format!("{place}, no link header"), LINK_RAW, snap)?;
    Ok(writer)
}

/// Which of the two a packet is.
pub(crate) fn interface(p: &Packet) -> u32 {
    u32::from(p.mac_off_signed().is_some_and(|at| at < 0))
}

struct Seen {
    interface: u32,
    time: u64,
    len: u32,
    data: Vec<u8>,
    note: String,
}

impl Wanted {
    /// How messages name its place.
    fn place(&self) -> String {
        match &self.at {
            TapAt::Drops => "drops".to_string(),
            TapAt::Output(element, port) => format!("{element}[{port}]"),
        }
    }

    /// Whether the graph has such an output. Nothing is opened yet.
    pub(crate) fn check(&self, graph: &Topology) -> anyhow::Result<()> {
        let TapAt::Output(element, port) = &self.at else { return Ok(()) };
        let Some(id) = graph.find(element) else {
            bail!("--tap: there is no element ‘{element}’");
        };
        let outputs = graph.edges.iter().filter(|e| e.from as usize == id).count();
        if *port >= outputs {
            bail!("--tap: there is no output {}; {element} has {outputs}", self.place());
        }
        Ok(())
    }

    /// Creates the file, starts its writer and sets the tap on every worker. In simulated time the graph waits for
    /// the writer, and packets have the times of their own captures.
    pub(crate) fn set(&self, engines: &mut [Engine], simulated: bool) -> anyhow::Result<Writing> {
        let name = self.file.display().to_string();
        let file = File::create(&self.file).with_context(|| name.clone())?;
        let writer = begin(BufWriter::new(file), &self.place(), self.snap as u32).with_context(|| name.clone())?;
        let (send, receive) = sync_channel(WAITING);
        let title = name.clone();
        let thread = std::thread::Builder::new().name("tap".into()).spawn(move || write(writer, &receive, &title))?;
        let lost = Arc::new(AtomicU64::new(0));
        let snap = self.snap;
        let left = Arc::new(AtomicU64::new(self.count));
        for engine in engines {
            let (send, missed, left) = (send.clone(), lost.clone(), left.clone());
            let sink = move |now, p: &Packet, note: &str| {
                // All workers write into one file, and as many packets in all.
                if left.fetch_update(Relaxed, Relaxed, |n| n.checked_sub(1)).is_err() {
                    return false;
                }
                let data = p.data()[..p.len().min(snap)].to_vec();
                let time = if simulated && p.timestamp() != 0 { p.timestamp() } else { now };
                let seen = Seen { interface: interface(p), time, len: p.len() as u32, data, note: note.to_string() };
                if simulated {
                    return send.send(seen).is_ok();
                }
                match send.try_send(seen) {
                    Err(TrySendError::Disconnected(_)) => return false,
                    Err(TrySendError::Full(_)) => drop(missed.fetch_add(1, Relaxed)),
                    Ok(()) => {}
                }
                true
            };
            if !engine.tap(Tap::new(self.at.clone(), self.count, Box::new(sink))) {
                bail!("there is no output {} to tap", self.place());
            }
        }
        Ok(Writing { name, thread, lost })
    }
}

/// A tap's file while it is written.
pub(crate) struct Writing {
    name: String,
    thread: JoinHandle<bool>,
    lost: Arc<AtomicU64>,
}

impl Writing {
    /// Waits until everything is written; the engine must be gone. False when that failed.
    pub(crate) fn finish(self) -> bool {
        let lost = self.lost.load(Relaxed);
        if lost > 0 {
            eprintln!("sluice: {}: {lost} packets came too fast for the tap, and are not in it", self.name);
        }
        self.thread.join().unwrap_or(false)
    }
}

/// Writes until the tap ends; false when it cannot.
fn write(mut writer: Writer<BufWriter<File>>, from: &Receiver<Seen>, name: &str) -> bool {
    let mut all = || -> Result<(), CaptureError> {
        while let Ok(first) = from.recv() {
            for s in std::iter::once(first).chain(from.try_iter()) {
                let (interface, timestamp_ns, original_len) = (s.interface, s.time, s.len);
                let comment = Some(s.note.as_str());
                let info = PacketInfo { interface, timestamp_ns, original_len, comment, ..Default::default() };
                writer.write(&info, &s.data)?;
            }
            writer.flush()?; // nothing waits: who looks at the file now sees all of it
        }
        writer.flush()
    };
    let done = all();
    if let Err(e) = &done {
        eprintln!("sluice: {name}: {e}; the tap ends");
    }
    done.is_ok()
}
