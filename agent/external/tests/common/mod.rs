//! A graph on a worker of its own, in a network namespace of its own, with real programs beside it.
#![allow(dead_code, unreachable_pub, missing_docs)] // each test file uses its part
use sluice_dataplane::clock::Clock;
use sluice_dataplane::element::{Class, Table};
use sluice_dataplane::engine::{Engine, Options};
use sluice_dataplane::graph::plan::Builder;
use sluice_dataplane::handler::Call;
use sluice_dataplane::io::open::Opener;
use sluice_dataplane::io::sys::process::{Own, separate};
use sluice_dataplane::lang::render_native;
use sluice_dataplane::pool::Pool;
use sluice_dataplane::port::Seat;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::time::now;
use sluice_dataplane::worker::{Pace, Worker};
use sluice_external::{CLASSES, External, Sandbox, Spec, State};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::Duration;

/// Gives the test's thread, and all that it starts, a network of its own. False, and a line that says so, if it cannot be.
pub fn in_a_namespace(test: &str) -> bool {
    match separate(Own::Network) {
        Ok(()) => true,
        Err(error) => {
            println!("skipped: {test} needs root ({error})");
            false
        }
    }
}

/// Whether there is such a program; otherwise a line that says so.
pub fn has(test: &str, program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success());
    if !there {
        println!("skipped: {test} needs {program}");
    }
    there
}

pub fn sandbox() -> Sandbox {
    Sandbox { program: env!("CARGO_BIN_EXE_sluice-sandbox").into(), arguments: Vec::new() }
}

/// A function of `name`, from TOML.
pub fn start(name: &str, spec: &str) -> External {
    let spec: Spec = toml::from_str(spec).unwrap_or_else(|e| panic!("{e}"));
    External::start(name, spec, sandbox()).unwrap_or_else(|e| panic!("{e}"))
}

/// A script of Python on one interface or two, each with a packet socket that is called as the interface.
pub fn python(interfaces: &[&str], body: &str) -> String {
    let mut text = String::from("import socket, select, time, os, sys, signal\n");
    text += "sys.dont_write_bytecode = True\n";
    for name in interfaces {
        // With a protocol from the start it would listen to all interfaces for a moment, and to none while it is bound to one.
        text += &format!("{name} = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)\n");
        text += &format!("{name}.bind((\"{name}\", 3))\n");
    }
    text + body
}

/// The command of such a script, as a line of TOML.
pub fn command(script: &str) -> String {
    format!("command = ['/usr/bin/python3', '-c', '''{script}''']\n")
}

/// Gives each frame back with its addresses swapped.
pub const ECHO: &str = "
while True:
    frame, address = eth0.recvfrom(65535)
    if address[2] != socket.PACKET_OUTGOING:
        eth0.send(frame[6:12] + frame[:6] + frame[12:])
";

/// Packets, one each millisecond, through the function `f`. They come from 2::1 and go to 2::2.
pub fn through(function: &External, limit: i64) -> String {
    format!(
        "src :: RatedSource(RATE 1000, LIMIT {limit}, LENGTH 100, ACTIVE false)
             -> EtherEncap(0x88b5, 2:0:0:0:0:1, 2:0:0:0:0:2) -> f :: {} -> c :: Classifier(0/020000000002, 0/020000000001);
         c[0] -> as_was :: Counter -> Discard; c[1] -> swapped :: Counter -> Discard;",
        function.click()
    )
}

fn table() -> Table {
    static ALL: OnceLock<Vec<Class>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let mut all = [sluice_elements::TABLE.0, CLASSES].concat();
        all.sort_by_key(|c| c.name);
        all
    });
    Table(all)
}

/// A running graph.
pub struct Graph(Option<Worker>);

impl Graph {
    pub fn new(config: &str) -> Graph {
        let mut builder = Builder::new(table());
        let told = |e: Vec<_>| panic!("{config}\n{}", render_native(&e));
        let checked = builder.load(config, "test", &[], None).unwrap_or_else(told);
        let mut opener = Opener::default();
        let told = |e: Vec<_>| panic!("{config}\n{}", render_native(&e));
        let opened = builder.prepare(checked, &mut |spec| opener.open(spec, Seat::ONLY));
        let (plan, _) = opened.unwrap_or_else(told);
        let options = Options { clock: Clock::real(now), ..Options::default() };
        let mut engine = Engine::new(&Pool::new(8192), options);
        drop(engine.swap(plan));
        Graph(Some(Worker::start(engine, Pace::default(), |news| println!("{news}")).expect("a worker")))
    }
    fn call(&self, call: Call) -> String {
        let remote = self.0.as_ref().expect("a worker").remote();
        remote.run(move |e| e.call(call)).expect("a worker").unwrap_or_else(|e| panic!("{e}"))
    }
    pub fn read(&self, path: &str) -> String {
        self.call(Call::read(path, ""))
    }
    pub fn write(&self, path: &str, value: &str) {
        self.call(Call::write(path, value));
    }
    pub fn number(&self, path: &str) -> u64 {
        let text = self.read(path);
        text.trim().parse().unwrap_or_else(|_| panic!("{path}: {text}"))
    }
    /// Lets the source go.
    pub fn go(&self) {
        self.write("src.active", "true");
    }
    /// Waits until so many more have been counted.
    pub fn grows(&self, path: &str, by: u64) {
        let before = self.number(path);
        until(path, || self.number(path) >= before + by);
    }
    /// Ends it. Counters must add up; packets dropped, by reason.
    pub fn end(mut self) -> Vec<(Reason, u64)> {
        let worker = self.0.take().expect("a worker");
        let _ = worker.remote().send(Box::new(|e| e.request_stop()));
        let mut engine = worker.join().expect("an end").engine;
        engine.shut_down();
        engine.check(0).expect("counters add up");
        engine.drops()
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        if let Some(worker) = self.0.take() {
            let _ = worker.remote().send(Box::new(|e| e.request_stop()));
        }
    }
}

/// Waits until it is so.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = now() + 20_000_000_000;
    while !done() {
        assert!(now() < end, "waited too long for {what}");
        sleep(Duration::from_millis(5));
    }
}

/// Waits until the program runs.
pub fn running(function: &External) {
    until_state(function, State::Running);
}

pub fn until_state(function: &External, state: State) {
    let end = now() + 20_000_000_000;
    while function.status().state != state {
        assert!(now() < end, "{state:?} wanted, is {:#?}", function.status());
        sleep(Duration::from_millis(5));
    }
}

/// The number of the function's program: the child of the first process.
pub fn program(function: &External) -> u32 {
    let mut found = None;
    until("the program", || {
        let first = function.status().process;
        let file = |p: u32| std::fs::read_to_string(format!("/proc/{p}/task/{p}/children")).unwrap_or_default();
        found = first.and_then(|p| file(p).split_whitespace().next()?.parse().ok());
        found.is_some()
    });
    found.expect("a process")
}

pub fn signal(process: u32, name: &str) {
    assert!(Command::new("kill").args([format!("-{name}"), process.to_string()]).status().expect("kill").success());
}

/// Whether a process has this word among its arguments.
pub fn somebody_has(word: &str) -> bool {
    let all = std::fs::read_dir("/proc").expect("/proc").flatten();
    all.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .any(|line| line.split(|b| *b == 0).any(|w| w == word.as_bytes()))
}

/// Interfaces of the calling thread's network, besides lo.
pub fn interfaces() -> Vec<String> {
    let text = std::fs::read_to_string("/proc/thread-self/net/dev").expect("interfaces");
    let names = text.lines().skip(2).filter_map(|l| Some(l.split_once(':')?.0.trim().to_string()));
    names.filter(|n| n != "lo").collect()
}

/// A folder that goes away with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("sluice-external-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("folder");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
