//! Runs a WebAssembly function on packets.
use crate::config::{Limits, MAX_FUEL, MAX_MILLISECONDS, Work};
use crate::exchange::{DROPPED, LIED, MAX_OUTPUTS, NO_BUFFER, NO_HEADROOM, OVERSIZE, TOO_LONG, TRAPPED, Verdict};
use crate::fault::Fault;
use crate::instance::Instance;
use crate::life::Life;
use crate::log::Log;
use crate::module::{MAX_BYTES, Module};
use core::any::Any;
use sluice_dataplane::args::{Args, Interval};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::clock::SIMULATED_START;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::{Env, SetUp};
use sluice_dataplane::files::Files;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Arg, Handler, Info, State};
use sluice_dataplane::merge::Merge;
use sluice_dataplane::os::strerror;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::time;
use std::io::Read as _;
use std::sync::Arc;

/// Runs a WebAssembly function on packets.
pub struct WasmFunction {
    file: String,
    files: Files,
    pub(crate) config: String,
    pub(crate) limits: Limits,
    pub(crate) fail: Fail,
    pub(crate) module: Option<Arc<Module>>,
    pub(crate) instance: Option<Instance>,
    pub(crate) life: Life,
    pub(crate) log: Log,
    pub(crate) counts: Counts,
    /// When it was configured, nanoseconds since the epoch.
    now: u64,
}

/// What becomes of packets while there is no instance.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fail {
    /// They are dropped.
    Closed,
    /// They go on, unchanged.
    Open,
}

/// What the guest was given.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) batches: u64,
    pub(crate) packets: u64,
    /// Packets that went past it.
    pub(crate) passed: u64,
    /// Fuel of instances that have ended.
    pub(crate) fuel: u64,
}

impl Configure for WasmFunction {
    const INFO: &'static Info = &Info {
        ports: "1/1-",
        flow: "h/h",
        state: State::Replicated,
        args: &[
            Arg::required("FILE", "file name", "the module"),
            Arg::keyword("CONFIG", "string", "", "handed to the module when it starts"),
            Arg::keyword("FUEL", "instructions", "1000000", "most that it may run for a batch"),
            Arg::keyword(
                "EPOCH",
                "time",
                "",
                "instead of FUEL: longest time for a batch, 1 ms to 1 s, in steps of 5 ms",
            ),
            Arg::keyword("MEMORY", "MiB", "16", "most linear memory of an instance, 1 to 1024"),
            Arg::keyword("FAIL", "open or closed", "closed", "whether packets pass while there is no instance"),
        ],
        handlers: &[
            Handler::read("state", "executing, or suspended after a failure: a line for each worker")
                .merged(Merge::Lines),
            Handler::read("down", "workers on which it is not executing"),
            Handler::read("traps", "times that the guest failed: it trapped, ran for too long, or lied"),
            Handler::read("restarts", "times that it was started again"),
            Handler::read("last_error", "why it failed last, a line for each worker").merged(Merge::Lines),
            Handler::read("exit_code", "the same in a word of RFC 3165, a line for each worker").merged(Merge::Lines),
            Handler::read("batches", "batches that it was given"),
            Handler::read("packets", "packets in them"),
            Handler::read("passed", "packets that passed while there was no instance"),
            Handler::read("fuel", "instructions that batches took; 0 with EPOCH"),
            Handler::read("memory", "bytes of linear memory, all workers"),
            Handler::read("module", "SHA-256 of the module and its size in bytes").merged(Merge::First),
            Handler::read("statistics", "what the guest counts: key=value").merged(Merge::Column(1, '=')),
            Handler::read("log", "the last lines that the guest logged").merged(Merge::Lines),
            Handler::read("log_lost", "lines that were not printed, because they were too many"),
            Handler::both("configuration", "the text that the guest was configured with; hands it another one")
                .merged(Merge::First),
            Handler::write("restart", "ends the instance and starts a new one; its state is lost"),
        ],
        doc: "Hands each batch to a WebAssembly module, which decides for each packet whether it is dropped or which \
              output it goes to, and may change its bytes. `agent/wasm/ABI.md` describes the interface; there is a kit \
              for guests in Rust and a header file for C.\n\nThe guest reaches its own memory and nothing else. If it \
              traps, the packets of the batch are dropped as `guest_trap`, if it runs for longer than it may as \
              `guest_limit`, and if it says what cannot be true as `guest_invalid`; what it drops itself is counted as \
              `guest_dropped`. After a failure a new instance is started, the first time after 10 ms, then after \
              twice as long each time, up to 10 s. Until then packets are dropped as `guest_down`, or with FAIL open \
              go to output 0 as they came. A start, a handler or the hand-over of a state may take 16 times as long \
              as a batch (at most 1000000000 instructions, or 1 s); the worker waits for it.\n\nEvery worker has an \
              instance of its own. After a hot swap the instance goes on as it is if the module is the same; otherwise \
              its state is handed over if the old module gives one and the new one takes it.",
        example: "InfiniteSource(LIMIT 5) -> f :: WasmFunction(filter.wasm, CONFIG \"secret\", FUEL 200000) -> Discard; \
                  f[1] -> Discard;",
        see: &["Script"],
        ..Info::new("WasmFunction", "frameworks", "runs a WebAssembly function on packets")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let file = args.required::<String>("FILE");
        let files = env.files();
        if let Err(why) = files.check(&file) {
            args.error_in("FILE", &why);
        }
        let config = args.keyword("CONFIG", String::new());
        let work = work(args);
        let memory = args.keyword("MEMORY", 16u32);
        if !(1..=1024).contains(&memory) {
            args.error_in("MEMORY", "must be 1 to 1024");
        }
        let fail = match args.keyword("FAIL", "closed".to_string()).as_str() {
            "closed" => Fail::Closed,
            "open" => Fail::Open,
            _ => {
                args.error_in("FAIL", "must be ‘open’ or ‘closed’");
                Fail::Closed
            }
        };
        if env.outputs() > MAX_OUTPUTS.into() {
            args.error("too many outputs");
        }
        WasmFunction {
            file,
            files,
            config,
            limits: Limits { work, memory: memory as usize * (1 << 20) },
            fail,
            module: None,
            instance: None,
            life: Life::default(),
            log: Log::default(),
            counts: Counts::default(),
            now: if env.is_simulated() { SIMULATED_START } else { time::now() },
        }
    }
}

/// What a batch may take.
fn work(args: &mut Args<'_>) -> Work {
    let fuel = args.keyword_some::<u64>("FUEL");
    let epoch = args.keyword_some::<Interval>("EPOCH");
    match (fuel, epoch) {
        (Some(_), Some(_)) => args.error("FUEL and EPOCH are mutually exclusive"),
        (Some(fuel), None) if !(1..=MAX_FUEL).contains(&fuel) => args.error_in("FUEL", "must be 1 to 1000000000"),
        (None, Some(time)) => {
            let ms = time.0.div_ceil(1_000_000);
            if time.0 >= 1_000_000 && ms <= MAX_MILLISECONDS.into() {
                return Work::Time(ms as u32);
            }
            args.error_in("EPOCH", "must be 1 ms to 1 s");
        }
        _ => {}
    }
    Work::Fuel(fuel.unwrap_or(1_000_000))
}

impl Element for WasmFunction {
    fn set_up(&mut self, _cx: &mut SetUp<'_>) -> Result<(), String> {
        let named = |why: String| format!("{}: {why}", self.file);
        let bytes = read(&self.files, &self.file).map_err(named)?;
        let module = Module::load(&bytes, self.limits.work.metering()).map_err(|e| named(e.to_string()))?;
        let instance = Instance::start(&module, self.limits, &self.config, self.now);
        self.instance = Some(instance.map_err(|e| named(e.to_string()))?);
        self.module = Some(module);
        Ok(())
    }

    fn start(&mut self, cx: &mut Context<'_>) {
        let now = cx.recent();
        match self.instance {
            Some(_) => self.life.started(now),
            None => cx.timer_at(now),
        }
        self.after(cx, None);
    }

    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let Some(instance) = &mut self.instance else { return self.pass_by(cx, batch) };
        if instance.module().uses_clock() {
            instance.set_time(cx.now());
        }
        let outputs = cx.outputs() as u16;
        self.counts.batches += 1;
        self.counts.packets += batch.len() as u64;
        let mut fault = None;
        cx.scatter_many(
            batch,
            |packets, verdicts| {
                if fault.is_none() {
                    fault = instance.process(packets, outputs, verdicts).err();
                }
                if let Some(fault) = &fault {
                    verdicts.fill(verdict_of(fault));
                }
            },
            |cx, p, verdict| cx.drop(p, reason(verdict)),
        );
        if fault.is_some() || !instance.said().is_empty() {
            self.after(cx, fault);
        }
    }

    fn timer(&mut self, cx: &mut Context<'_>, _batch: &mut Batch) {
        if self.instance.is_none() {
            self.begin(cx);
        }
    }

    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        let Some(old) = old.downcast_mut::<WasmFunction>() else { return };
        self.life.continues(&old.life);
        self.counts = old.counts;
        self.log = core::mem::take(&mut old.log);
        // A fresh instance is better than one that has failed and waits.
        if let Err(fault) = self.take_instance(old) {
            self.life.missed(fault);
        }
    }

    fn read(&mut self, cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        let instance = self.instance.as_ref();
        Ok(match handler {
            "state" => self.life.state.name().into(),
            "down" => u32::from(instance.is_none()).to_string(),
            "traps" => self.life.traps.to_string(),
            "restarts" => self.life.restarts.to_string(),
            "last_error" => self.life.last_error.as_ref().map_or(String::new(), Fault::to_string),
            "exit_code" => self.life.exit_code().name().into(),
            "batches" => self.counts.batches.to_string(),
            "packets" => self.counts.packets.to_string(),
            "passed" => self.counts.passed.to_string(),
            "fuel" => self.counts.fuel.wrapping_add(instance.map_or(0, Instance::fuel)).to_string(),
            "memory" => instance.map_or(0, Instance::memory).to_string(),
            "module" => self.module.as_ref().map_or(String::new(), |m| described(m)),
            "log" => self.log.text(),
            "log_lost" => self.log.lost().to_string(),
            "configuration" => self.config.clone(),
            "statistics" => return self.ask(cx, |i| i.statistics()).map(Option::unwrap_or_default),
            _ => return Err(HandlerError::NoHandler(handler.into())),
        })
    }

    fn write(&mut self, cx: &mut Context<'_>, handler: &str, value: &str) -> Result<(), HandlerError> {
        match handler {
            "configuration" => {
                self.ask(cx, |i| i.reconfigure(value))?;
                self.config = value.into();
                Ok(())
            }
            "restart" => {
                self.end();
                self.life.suspend();
                self.begin(cx);
                match &self.life.last_error {
                    Some(why) if self.instance.is_none() => Err(why.to_string().into()),
                    _ => Ok(()),
                }
            }
            _ => Err(HandlerError::NoHandler(handler.into())),
        }
    }
}

/// Why a packet is dropped.
fn reason(verdict: Verdict) -> Reason {
    match verdict {
        DROPPED => Reason::GuestDropped,
        NO_HEADROOM => Reason::NoHeadroom,
        OVERSIZE => Reason::Oversize,
        NO_BUFFER => Reason::NoBuffer,
        TRAPPED => Reason::GuestTrap,
        TOO_LONG => Reason::GuestLimit,
        _ => Reason::GuestInvalid,
    }
}

/// The verdict on all packets of a batch on which the guest failed.
#[cold]
fn verdict_of(fault: &Fault) -> Verdict {
    match fault {
        Fault::Trap(_) | Fault::Resources(_) | Fault::Refused(_) => TRAPPED,
        Fault::Limit => TOO_LONG,
        Fault::Invalid(_) => LIED,
    }
}

/// The bytes of a file, if they are not too many for a module.
fn read(files: &Files, name: &str) -> Result<Vec<u8>, String> {
    let why = |e: std::io::Error| strerror(&e).to_string();
    let mut bytes = Vec::new();
    let file = files.open(name).map_err(why)?;
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(why)?;
    Ok(bytes)
}

/// Digest and size of a module.
fn described(module: &Module) -> String {
    let digest: String = module.digest().iter().map(|b| format!("{b:02x}")).collect();
    format!("{digest} {}", module.size())
}
