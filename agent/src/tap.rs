//! Taps: what passes an edge, or is dropped, into a pcapng file.
//!
//! The worker hands copies to a thread that writes; when that falls behind, copies are lost, never
//! packets.
use anyhow::{Context as _, bail};
use sluice_dataplane::engine::Engine;
use sluice_dataplane::io::capture::LINK_ETHERNET;
use sluice_dataplane::io::pcapng::{PacketInfo, Writer};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::trace::{Tap, TapAt};
use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, TrySendError, sync_channel};

/// Copies that may wait for the writer.
const WAITING: usize = 4096;

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
    let (count, snap) = (number("count", u64::MAX)?, number("snap length", 262_144)?);
    let at = if place == "drops" {
        TapAt::Drops
    } else {
        let (name, port) = match place.strip_suffix(']').and_then(|p| p.rsplit_once('[')) {
            Some((name, port)) => (name, port.parse().map_err(|_| format!("port: ‘{port}’ is no number"))?),
            None => (place, 0),
        };
        TapAt::Output(name.into(), port)
    };
    Ok(Wanted { at, file: file.into(), count, snap: snap as usize })
}

struct Seen {
    time: u64,
    len: u32,
    data: Vec<u8>,
    note: String,
}

impl Wanted {
    /// Creates the file, starts its writer and sets the tap.
    pub(crate) fn set(&self, engine: &mut Engine) -> anyhow::Result<()> {
        let name = self.file.display().to_string();
        let file = File::create(&self.file).with_context(|| name.clone())?;
        let mut writer = Writer::new(BufWriter::new(file)).with_context(|| name.clone())?;
        let place = match &self.at {
            TapAt::Drops => "drops".to_string(),
            TapAt::Output(element, port) => format!("{element}[{port}]"),
        };
        writer.add_interface(&place, LINK_ETHERNET, self.snap as u32).with_context(|| name.clone())?;
        let (send, receive) = sync_channel(WAITING);
        std::thread::Builder::new().name("tap".into()).spawn(move || write(writer, &receive, &name))?;
        let snap = self.snap;
        let sink = move |time, p: &Packet, note: &str| {
            let data = p.data()[..p.len().min(snap)].to_vec();
            let seen = Seen { time, len: p.len() as u32, data, note: note.to_string() };
            !matches!(send.try_send(seen), Err(TrySendError::Disconnected(_)))
        };
        if !engine.tap(Tap::new(self.at.clone(), self.count, Box::new(sink))) {
            bail!("there is no output {place} to tap");
        }
        Ok(())
    }
}

fn write(mut writer: Writer<BufWriter<File>>, from: &Receiver<Seen>, name: &str) {
    for s in from {
        let info =
            PacketInfo { timestamp_ns: s.time, original_len: s.len, comment: Some(&s.note), ..Default::default() };
        if let Err(e) = writer.write(&info, &s.data).and_then(|()| writer.flush()) {
            return eprintln!("sluice: {name}: {e}; the tap ends");
        }
    }
}
