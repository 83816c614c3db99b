//! Graphs in tests: built from text, run in simulated time.
#![allow(dead_code, unreachable_pub, missing_docs)] // each test file uses its part
pub mod ends;
pub mod frames;
pub mod nsh_frames;
pub mod snmp;

use sluice_dataplane::clock::Clock;
use sluice_dataplane::context::Stream;
use sluice_dataplane::element::{Class, Table};
use sluice_dataplane::engine::{Engine, Options};
use sluice_dataplane::graph::Plan;
use sluice_dataplane::graph::plan::Builder;
use sluice_dataplane::handler::{Call, Reply};
use sluice_dataplane::io::memory::{Frames, MemoryRx, MemoryTx};
use sluice_dataplane::lang::{Diagnostic, render_native};
use sluice_dataplane::pool::Pool;
use sluice_dataplane::port::{Direction, PortObject, PortSpec};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

/// Sluice's classes and the ends of cases.
pub fn table() -> Table {
    static ALL: OnceLock<Vec<Class>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let mut all = sluice_elements::TABLE.0.to_vec();
        all.extend([Class::of::<ends::TestIn>(), Class::of::<ends::TestOut>()]);
        all.sort_by_key(|c| c.name);
        all
    });
    Table(all)
}

/// A graph on an engine in simulated time.
pub struct Bench {
    pub engine: Engine,
    pub builder: Builder,
    /// Frames that will come through devices, by name; there are no other devices to receive from.
    pub arriving: HashMap<String, Vec<Vec<u8>>>,
    /// Frames that were sent through devices: up to 1514 bytes, two at once.
    pub sent: HashMap<String, Frames>,
    text: Arc<Mutex<[String; 2]>>,
    /// Warnings and messages of the configurations.
    pub said: String,
}

impl Bench {
    /// An engine without a graph.
    pub fn empty(burst: usize, buffers: usize) -> Bench {
        let text: Arc<Mutex<[String; 2]>> = Arc::default();
        let sink = text.clone();
        let console = move |stream, t: &str| {
            sink.lock().expect("text")[usize::from(stream == Stream::Err)].push_str(t);
        };
        let options = Options { burst, clock: Clock::simulated(), seed: 1, console: Box::new(console) };
        let engine = Engine::new(&Pool::new(buffers), options);
        let mut builder = Builder::new(table());
        builder.simulated = true;
        Bench { engine, builder, arriving: HashMap::new(), sent: HashMap::new(), text, said: String::new() }
    }

    pub fn plan(&mut self, config: &str) -> Result<Plan, Vec<Diagnostic>> {
        let checked = self.builder.load(config, "config", &[], None)?;
        let (arriving, sent) = (&mut self.arriving, &mut self.sent);
        let mut open = |spec: &PortSpec| {
            let name = spec.device.name();
            match spec.direction {
                Direction::Receive => {
                    let frames = arriving.remove(name).ok_or_else(|| format!("no device {name}"))?;
                    Ok(PortObject::Rx(Box::new(MemoryRx::new(frames))))
                }
                Direction::Transmit => {
                    let frames = sent.entry(name.to_string()).or_default().clone();
                    Ok(PortObject::Tx(Box::new(MemoryTx::new(frames).limited(1514, 2))))
                }
            }
        };
        let (plan, said) = self.builder.prepare(checked, &mut open)?;
        self.said += &render_native(&said);
        Ok(plan)
    }

    /// Replaces the graph; panics with all errors when the configuration is wrong.
    pub fn load(&mut self, config: &str) {
        let plan = self.plan(config).unwrap_or_else(|e| panic!("{}", render_native(&e)));
        drop(self.engine.swap(plan));
    }

    pub fn new(config: &str, burst: usize) -> Bench {
        let mut b = Bench::empty(burst, 4096);
        b.load(config);
        b
    }

    pub fn read(&mut self, path: &str) -> Reply {
        let (path, parameter) = path.split_once(' ').unwrap_or((path, ""));
        self.engine.call(Call::read(path, parameter))
    }

    pub fn write(&mut self, path: &str, value: &str) -> Reply {
        self.engine.call(Call::write(path, value))
    }

    pub fn printed(&self, stream: Stream) -> String {
        self.text.lock().expect("text")[usize::from(stream == Stream::Err)].clone()
    }
}
