//! Scripts that control a configuration: Script, and DriverManager, which is a Script that decides
//! when the driver stops.
//!
//! Reading order: this file (arguments and handlers), `parse` (instructions), `run` (frames, and
//! how instructions are done), `start` (what starts them), `calls` (what a script asks others), `expand` (substitution),
//! `functions` and `format` (what scripts compute with), `files`.
mod calls;
mod expand;
mod files;
mod format;
mod functions;
mod parse;
mod run;
mod start;

use alloc::string::String;
use alloc::vec::Vec;
use core::any::Any;
use functions::FUNCTIONS;
use parse::Program;
use run::Runner;
use sluice_dataplane::args::{Args, Raw, shift_word};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::confine::Confinement;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::{Env, SetUp};
use sluice_dataplane::handler::{HandlerError, Op, Outcome, Reply};
use sluice_dataplane::info::{Access, Arg, Handler, Info, State};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::signal;

/// When a script runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Active,
    Passive,
    Packet,
    Proxy,
    Driver,
    Signal,
}

/// A script. `DRIVER`: the class DriverManager.
pub struct Interpreter<const DRIVER: bool> {
    runner: Runner,
    kind: Kind,
    exports: Vec<String>,
    signals: Vec<i32>,
}

/// A script that controls a configuration.
pub type Script = Interpreter<false>;
/// A script that decides when the driver stops.
pub type DriverManager = Interpreter<true>;

/// The handlers that steer a script, then the functions.
const HANDLERS: &[Handler] = &{
    const OWN: [Handler; 6] = [
        Handler::write("step", "takes a step, or so many, past pause and wait"),
        Handler::write("goto", "goes on at a label"),
        Handler::both("run", "runs the script from its start with these parameters; gives what it returns"),
        Handler::read("get", "value of a variable"),
        Handler::write("set", "gives a variable a value"),
        Handler::read("shift", "takes the first word off a variable ($args, if none is named)"),
    ];
    let mut all = [OWN[0]; OWN.len() + FUNCTIONS.len()];
    let mut i = 0;
    while i < all.len() {
        all[i] = if i < OWN.len() { OWN[i] } else { FUNCTIONS[i - OWN.len()] };
        i += 1;
    }
    all
};

const BASE: Info = Info {
    state: State::Single,
    handlers: HANDLERS,
    args: &[
        Arg::rest("INSTRUCTIONS", "text", "the script, an instruction each"),
        Arg::keyword("TYPE", "word", "ACTIVE", "ACTIVE, PASSIVE, PACKET, PROXY, DRIVER, or SIGNAL and its signals"),
    ],
    ..Info::new("", "control", "")
};

impl Configure for Interpreter<false> {
    const INFO: &'static Info = &Info {
        class: "Script",
        synopsis: "scripts a configuration",
        ports: "-/-",
        flow: "ah/ah",
        doc: "Runs instructions: `set VAR TEXT`, `init VAR TEXT`, `export VAR [TEXT]` (a variable that is a read handler \
              too), `print [>FILE|>>FILE] [TEXT|HANDLER]`, `printn`, `read HANDLER`, `write HANDLER [VALUE]`, `save HANDLER \
              [PARAMETERS] FILE`, `append`, `pause [COUNT]`, `wait TIME`, `label NAME`, `goto LABEL [CONDITION]`, `loop`, `return \
              [VALUE]`, `end`, `exit`, `stop`, `error [MESSAGE]`. With a `q` at the end (`setq`, `printq`) an instruction \
              removes a layer of quotes. In texts `$VAR` and `$(HANDLER [PARAMETERS])` are replaced by their values; a handler \
              without an element's name is the script's own, such as `$(add $x 1)`.\n\n\
              An ACTIVE script runs as soon as the graph does, a PASSIVE one through its handler `run`, whose parameters are \
              `$args`, `$1` and so on, and `$#` (their number). A PACKET script (the default if it has ports) runs for each \
              packet, with `$input`; it returns the output, `end` is output 0, and whatever ends otherwise drops the packet as \
              `script`. A PROXY script answers every handler, with its name in `$0` and whether it is a write in `$write`. A \
              DRIVER script sees each request to stop as a step, and lets the driver stop where it ends. A SIGNAL script runs \
              when the process gets one of its signals; until it ends, and for good if it does so otherwise than by `end`, these \
              signals do what they do by default.\n\n\
              A script that runs itself through its handler starts anew on top of itself, with the same variables and its own \
              parameters. A thousand jumps without a wait disable a script. Handlers `cat FILE`, `catq FILE` and `kill SIGNAL \
              PID` are for the script itself only.\n\n\
              With several workers a script lives on one of them, worker 0 unless StaticThreadSched says otherwise, and reaches \
              what is there: that worker's replica of an element that each has one of, and no element that lives elsewhere. \
              Calls from outside, through a ControlSocket, reach all.",
        example: "c :: Counter; InfiniteSource(LIMIT 5) -> c -> Discard;\n\
                  Script(set x 0, label again, print $x, set x $(add $x 1), goto again $(lt $x 3), wait 1s, print c.count, stop);",
        see: &["DriverManager"],
        ..BASE
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        Self::read_arguments(args, env)
    }
}

impl Configure for Interpreter<true> {
    const INFO: &'static Info = &Info {
        class: "DriverManager",
        synopsis: "a Script that decides when the driver stops",
        ports: "0/0",
        doc: "A Script whose TYPE is DRIVER if none is given. Each time somebody asks the driver to stop, the script takes a step \
              past its `pause` or `wait`; the driver stops where the script ends or says `stop`.",
        example: "InfiniteSource(LIMIT 5, STOP true) -> c :: Counter -> Discard;\n\
                  DriverManager(pause, print c.count, write c.reset, wait 0.1s, stop);",
        see: &["Script"],
        ..BASE
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        Self::read_arguments(args, env)
    }
}

impl<const DRIVER: bool> Interpreter<DRIVER> {
    fn read_arguments(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let ports = env.inputs() + env.outputs() > 0;
        let text = args.keyword_some::<Raw>("TYPE").map_or(String::new(), |t| t.0);
        let (word, rest) = shift_word(&text);
        let mut signals = Vec::new();
        let kind = match (word, rest) {
            ("", _) if DRIVER => Kind::Driver,
            ("", _) if ports => Kind::Packet,
            ("" | "ACTIVE", "") => Kind::Active,
            ("PASSIVE", "") => Kind::Passive,
            ("PACKET" | "PUSH", "") => Kind::Packet,
            ("PROXY", "") => Kind::Proxy,
            ("DRIVER", "") => Kind::Driver,
            ("SIGNAL", list) => {
                let numbers: Option<Vec<i32>> =
                    sluice_dataplane::args::split_words(list).into_iter().map(signal::number).collect();
                match numbers {
                    Some(n) if !n.is_empty() => signals = n,
                    _ => args.error("bad signal number"),
                }
                Kind::Signal
            }
            _ => {
                args.error("bad TYPE");
                Kind::Passive
            }
        };
        if kind == Kind::Driver && !env.claim("driver script") {
            args.error("router has more than one driver script");
        }
        if kind == Kind::Packet && env.inputs() == 0 {
            args.error("PACKET script must have inputs");
        } else if kind != Kind::Packet && ports {
            args.error("ports allowed only on PACKET scripts");
        }
        let program = Program::parse(&args.rest_strings(), kind == Kind::Driver).unwrap_or_else(|errors| {
            errors.into_iter().for_each(|e| args.error(e));
            Program::default()
        });
        let confinement = env.confinement().clone();
        check(args, &confinement, &program, kind);
        let exports = program.exports.iter().filter_map(|&v| program.names.get(v).cloned()).collect();
        Interpreter { runner: Runner::new(program, kind, confinement), kind, exports, signals }
    }
}

/// What can be known beforehand of what a script does outside of the graph.
fn check(args: &mut Args<'_>, confinement: &Confinement, program: &Program, kind: Kind) {
    if kind == Kind::Signal
        && let Err(why) = confinement.signals()
    {
        args.error(why);
    }
    for file in program.files() {
        if let Err(why) = confinement.files().check(file) {
            args.error(why);
        }
    }
}

impl<const DRIVER: bool> Element for Interpreter<DRIVER> {
    fn set_up(&mut self, cx: &mut SetUp<'_>) -> Result<(), String> {
        self.signals.iter().try_for_each(|&n| cx.on_signal(n, "run", &self.runner.armed))
    }
    fn start(&mut self, cx: &mut Context<'_>) {
        self.runner.start(cx);
    }
    fn timer(&mut self, cx: &mut Context<'_>, _batch: &mut Batch) {
        self.runner.timer(cx);
    }
    fn driver_stops(&mut self, cx: &mut Context<'_>) -> bool {
        self.runner.driver_stops(cx)
    }
    fn process(&mut self, cx: &mut Context<'_>, port: usize, batch: &mut Batch) {
        for p in batch.drain() {
            self.runner.packet(cx, port, p);
        }
    }
    fn pull(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, _port: usize, n: usize, batch: &mut Batch) {
        let mut left = n;
        while left > 0 {
            if let Some(p) = self.runner.ready() {
                batch.push(p);
                left -= 1;
                continue;
            }
            // One at a time: a script may change what comes next.
            if self.runner.is_busy() {
                break;
            }
            let Some(p) = up.pull_one(cx, 0) else { break };
            self.runner.packet(cx, 0, p);
        }
    }
    fn held(&self) -> usize {
        self.runner.held()
    }
    fn release(&mut self) -> Option<Packet> {
        self.runner.release()
    }
    fn take_state(&mut self, cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_mut::<Self>()
            && self.kind == Kind::Packet
            && cx.output_pulls(0)
        {
            self.runner.take_packets(&mut old.runner);
        }
    }
    fn more_handlers(&self) -> Vec<(String, Access)> {
        let mut all: Vec<_> = self.exports.iter().map(|name| (name.clone(), Access::Read)).collect();
        if self.kind == Kind::Proxy {
            all.push(("*".into(), Access::ReadWrite));
        }
        all
    }
    fn call(&mut self, cx: &mut Context<'_>, handler: &str, op: &Op) -> Outcome {
        let (text, write) = match op {
            Op::Read(text) => (text, false),
            Op::Write(text) => (text, true),
        };
        match handler {
            "run" => self.runner.run(cx, handler, text, write),
            "step" => self.runner.step(cx, text),
            "goto" => self.runner.goto(cx, text),
            "get" | "set" | "shift" => Outcome::Done(self.runner.variable_call(handler, text)),
            _ if functions::exists(handler, false) => Outcome::Done(
                functions::compute(cx, &self.runner.confinement, handler, text).map_err(HandlerError::from),
            ),
            _ => match self.exports.iter().find(|e| *e == handler).and_then(|e| self.runner.variable(e)) {
                Some(value) if !write => Outcome::Done(Ok(value.into())),
                _ if self.kind == Kind::Proxy => self.runner.run(cx, handler, text, write),
                _ => Outcome::Done(Err(HandlerError::NoHandler(handler.into()))),
            },
        }
    }
    fn resume(&mut self, cx: &mut Context<'_>, call: &sluice_dataplane::handler::Call, reply: Reply) -> Outcome {
        self.runner.resume(cx, call, reply)
    }
}
