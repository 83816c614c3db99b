//! Guests in text form, and graphs in simulated time that run them.
#![allow(dead_code, unreachable_pub, missing_docs)] // each test file uses its part
use sluice_dataplane::clock::Clock;
use sluice_dataplane::context::Stream;
use sluice_dataplane::element::{Class, Table};
use sluice_dataplane::engine::{Engine, Options};
use sluice_dataplane::graph::plan::Builder;
use sluice_dataplane::handler::{Call, Reply};
use sluice_dataplane::io::memory::{Frames, MemoryRx, MemoryTx};
use sluice_dataplane::lang::render_native;
use sluice_dataplane::packet::Packet;
use sluice_dataplane::pool::Pool;
use sluice_dataplane::port::{Direction, PortObject};
use sluice_wasm::config::{Limits, Work};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

/// What a guest must have, but for `sluice_process`. Its area is what memory it grows by.
pub const FRAME: &str = r#"
  (func (export "sluice_abi") (result i32) (i32.const 1))
  (func (export "sluice_area") (param i32) (result i32)
    (i32.shl (memory.grow (i32.shr_u (i32.add (local.get 0) (i32.const 65535)) (i32.const 16))) (i32.const 16)))
"#;

/// A module: imports, then the usual parts, then `parts`.
pub fn module_with(imports: &str, parts: &str) -> Vec<u8> {
    wat(&format!("(module {imports} (memory (export \"memory\") 1) {FRAME} {parts})"))
}

/// A module whose `sluice_process` is `body`: parameters 0 descriptors, 1 packets, 2 outputs; 3 and 4 are free i32.
pub fn process(body: &str) -> Vec<u8> {
    module_with("", &function(body))
}

pub fn function(body: &str) -> String {
    format!("(func (export \"sluice_process\") (param i32 i32 i32) (local i32 i32) {body})")
}

pub fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

pub fn limits() -> Limits {
    Limits { work: Work::Fuel(100_000), memory: 1 << 20 }
}

/// Packets of these lengths: byte 0 is the packet's number, the others theirs.
pub fn packets(pool: &Pool, lengths: &[usize]) -> Vec<Packet> {
    let make = |(i, &len): (usize, &usize)| {
        let mut p = pool.alloc().expect("a buffer");
        let mut bytes: Vec<u8> = (0..len).map(|b| b as u8).collect();
        bytes[0] = i as u8;
        assert!(p.set_data(&bytes));
        p
    };
    lengths.iter().enumerate().map(make).collect()
}

/// A folder of its own, gone when dropped.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("sluice-wasm-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a folder");
        Folder(path)
    }
    /// Writes a file; its name in full.
    pub fn put(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).expect("a file");
        path.display().to_string()
    }
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// All classes there are.
pub fn table() -> Table {
    static ALL: OnceLock<Vec<Class>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let mut all = sluice_elements::TABLE.0.to_vec();
        all.extend(sluice_wasm::CLASSES);
        all.sort_by_key(|c| c.name);
        all
    });
    Table(all)
}

/// A graph on an engine in simulated time.
pub struct Rig {
    pub engine: Engine,
    pub builder: Builder,
    /// Frames that will come through devices, by name.
    pub arriving: HashMap<String, Vec<Vec<u8>>>,
    pub sent: HashMap<String, Frames>,
    text: Arc<Mutex<String>>,
}

impl Rig {
    pub fn new(burst: usize) -> Rig {
        let text: Arc<Mutex<String>> = Arc::default();
        let sink = text.clone();
        let console = move |_: Stream, t: &str| sink.lock().expect("text").push_str(t);
        let options = Options { burst, clock: Clock::simulated(), seed: 1, console: Box::new(console) };
        let mut builder = Builder::new(table());
        builder.simulated = true;
        let engine = Engine::new(&Pool::new(4096), options);
        Rig { engine, builder, arriving: HashMap::new(), sent: HashMap::new(), text }
    }
    /// Replaces the graph, or says why not.
    pub fn try_load(&mut self, config: &str) -> Result<(), String> {
        let checked = self.builder.load(config, "config", &[], None).map_err(|e| render_native(&e))?;
        let (arriving, sent) = (&mut self.arriving, &mut self.sent);
        let mut open = |spec: &sluice_dataplane::port::PortSpec| {
            let name = spec.device.name();
            Ok(match spec.direction {
                Direction::Receive => {
                    PortObject::Rx(Box::new(MemoryRx::new(arriving.remove(name).unwrap_or_default())))
                }
                Direction::Transmit => {
                    PortObject::Tx(Box::new(MemoryTx::new(sent.entry(name.to_string()).or_default().clone())))
                }
            })
        };
        let (plan, _) = self.builder.prepare(checked, &mut open).map_err(|e| render_native(&e))?;
        drop(self.engine.swap(plan));
        Ok(())
    }
    #[track_caller]
    pub fn load(&mut self, config: &str) {
        self.try_load(config).unwrap_or_else(|e| panic!("{e}"));
    }
    /// So many rounds, or until nothing can happen any more.
    pub fn rounds(&mut self, n: u64) {
        self.engine.run_simulated(n);
    }
    #[track_caller]
    pub fn read(&mut self, path: &str) -> String {
        self.engine.call(Call::read(path, "")).unwrap_or_else(|e| panic!("{path}: {e}"))
    }
    #[track_caller]
    pub fn number(&mut self, path: &str) -> u64 {
        self.read(path).trim().parse().expect("a number")
    }
    pub fn write(&mut self, path: &str, value: &str) -> Reply {
        self.engine.call(Call::write(path, value))
    }
    pub fn dropped(&self, reason: &str) -> u64 {
        self.engine.drops().into_iter().filter(|d| d.0.name() == reason).map(|d| d.1).sum()
    }
    /// Whether only these reasons have drops, and every packet is accounted for.
    #[track_caller]
    pub fn only_dropped(&self, expected: &[(&str, u64)]) {
        let mut drops: Vec<(&str, u64)> =
            self.engine.drops().into_iter().map(|d| (d.0.name(), d.1)).filter(|d| d.1 > 0).collect();
        drops.sort_unstable();
        assert_eq!(drops, expected);
        let t = self.engine.totals();
        assert!(t.add_up(), "{t:?}");
    }
    pub fn printed(&self) -> String {
        self.text.lock().expect("text").clone()
    }
}
