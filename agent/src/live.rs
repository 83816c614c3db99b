//! One line of rates, once a second, while a person watches.
use sluice_dataplane::engine::Engine;
use sluice_dataplane::port::{Direction, PortCounters};
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

/// A port that is watched.
pub(crate) struct Watched {
    pub(crate) name: String,
    pub(crate) direction: Direction,
    /// Of each worker that uses it.
    pub(crate) counters: Vec<Arc<PortCounters>>,
}

impl Watched {
    /// The ports of all engines, each once.
    pub(crate) fn all(engines: &[Engine]) -> Vec<Watched> {
        let mut all: Vec<Watched> = Vec::new();
        for p in engines.iter().flat_map(Engine::ports) {
            let (name, direction) = (p.spec.device.name(), p.spec.direction);
            match all.iter_mut().find(|w| w.name == name && w.direction == direction) {
                Some(known) => known.counters.push(p.counters.clone()),
                None => all.push(Watched { name: name.into(), direction, counters: vec![p.counters.clone()] }),
            }
        }
        all
    }

    fn sum(&self, of: fn(&PortCounters) -> u64) -> u64 {
        self.counters.iter().map(|c| of(c)).sum()
    }
}

/// The line. Without a terminal it prints nothing, unless told to.
pub(crate) struct Live {
    ports: Vec<(Watched, u64, u64)>,
    terminal: bool,
    on: bool,
}

impl Live {
    pub(crate) fn new(ports: Vec<Watched>, quiet: bool, always: bool) -> Live {
        let terminal = std::io::stderr().is_terminal();
        let ports = ports.into_iter().map(|w| (w, 0, 0)).collect();
        Live { ports, terminal, on: !quiet && (terminal || always) }
    }

    /// Prints the rates since the last call.
    pub(crate) fn tick(&mut self, since: Duration) {
        if !self.on {
            return;
        }
        let seconds = since.as_secs_f64().max(1e-3);
        let mut line = String::new();
        for (w, packets, bytes) in &mut self.ports {
            let (p, b) = (w.sum(|c| c.packets.get()), w.sum(|c| c.bytes.get()));
            let pps = (p - *packets) as f64 / seconds;
            let bps = (b - *bytes) as f64 * 8.0 / seconds;
            (*packets, *bytes) = (p, b);
            let arrow = if w.direction == Direction::Receive { "in " } else { "out" };
            line += &format!("  {} {arrow} {:>6}pps {:>6}bit/s", w.name, scaled(pps), scaled(bps));
        }
        let (start, end) = if self.terminal { ("\r\x1b[K", "") } else { ("", "\n") };
        let mut err = std::io::stderr().lock();
        let _ = write!(err, "{start}{}{end}", line.trim_start());
        let _ = err.flush();
    }

    /// Leaves the line.
    pub(crate) fn end(&self) {
        if self.on && self.terminal {
            eprintln!();
        }
    }
}

/// Four significant places and a letter: 1.23 M.
pub(crate) fn scaled(n: f64) -> String {
    for (limit, letter) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] {
        if n >= limit {
            return format!("{:.2} {letter}", n / limit);
        }
    }
    format!("{n:.0} ")
}
