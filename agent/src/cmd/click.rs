//! `sluice click`: Click's user-level driver, with its options, texts and exit statuses.
//!
//! Elements run on one worker and one packet at a time, so that what they print comes in Click's
//! order.
mod handlers;
mod options;

use crate::dpdk::Dpdk;
use crate::driver::{BUFFERS, Driver, Source, console};
use crate::services::Services;
use anyhow::{Context as _, anyhow};
use options::{Options, Piece, Request};
use sluice_dataplane::clock::Clock;
use sluice_dataplane::context::Stream;
use sluice_dataplane::engine::{self, Engine};
use sluice_dataplane::graph::Plan;
use sluice_dataplane::io::affinity;
use sluice_dataplane::lang::{Diagnostic, Quotes, Severity, render_click};
use sluice_dataplane::pool::{MAX_FRAME, Pool};
use sluice_dataplane::time;
use sluice_dataplane::worker::crew::Crew;
use sluice_dataplane::worker::{Ended, Pace, Worker};
use std::io::{IsTerminal as _, Read as _};
use std::process::ExitCode;
use std::time::Duration;

/// Between two looks at whether the process should end.
const LOOK: Duration = Duration::from_millis(20);

/// Click's user-level driver: takes its options (see `sluice click --help`).
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Options and arguments of Click's driver.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION | FILE | NAME=VALUE")]
    arguments: Vec<String>,
}

impl Args {
    /// The command line as it is: Click's clusters are nothing for another parser.
    pub(crate) fn raw(arguments: impl Iterator<Item = std::ffi::OsString>) -> Args {
        Args { arguments: arguments.map(|a| a.to_string_lossy().into_owned()).collect() }
    }
}

pub(crate) fn main(args: Args) -> anyhow::Result<ExitCode> {
    match options::parse(&args.arguments) {
        Ok(Request::Run(options)) => Session::new(*options).run(),
        Ok(Request::Help) => {
            console(Stream::Out, HELP);
            Ok(ExitCode::SUCCESS)
        }
        Ok(Request::Version) => {
            console(Stream::Out, concat!("click (Sluice) ", env!("CARGO_PKG_VERSION"), "\n"));
            Ok(ExitCode::SUCCESS)
        }
        Err(why) => {
            say(&format!("click: {why}"));
            say("Usage: sluice click [OPTION]... [FILE] [NAME=VALUE]...");
            say("Try 'sluice click --help' for more information.");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Which quotation marks the reader of standard error can see.
fn quotes() -> Quotes {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(|v| std::env::var(v).ok());
    let locale = locale.into_iter().find(|l| !l.is_empty()).unwrap_or_default().to_ascii_lowercase();
    let utf8 = locale.contains("utf-8") || locale.contains("utf8");
    if utf8 && std::io::stderr().is_terminal() { Quotes::Curly } else { Quotes::Ascii }
}

/// A line on standard error.
fn say(text: &str) {
    console(Stream::Err, &render_click(&[Diagnostic::error(None, text)], quotes()));
}

/// What a configuration becomes, again for each hot swap.
struct Compiler {
    driver: Driver,
    services: Services,
    warnings: bool,
}

impl Compiler {
    /// Checks a configuration and opens what it asks for. Its services are the ones from now on.
    ///
    /// # Errors
    /// What Click prints about it.
    fn compile(&mut self, source: &Source, quotes: Quotes) -> Result<(Plan, String), String> {
        let (flat, mut warnings) = self.driver.read(source).into_result().map_err(|e| self.render(&e, quotes))?;
        let checked = self.driver.builder.check(flat, &source.text);
        let ready = checked.and_then(|c| self.driver.open_one(c));
        match ready {
            Ok((mut plan, more)) => {
                warnings.extend(more);
                self.services.adopt(std::mem::take(&mut plan.services)).map_err(|e| format!("{}\n", reason(&e)))?;
                Ok((plan, self.render(&warnings, quotes)))
            }
            Err(errors) => {
                warnings.extend(errors);
                Err(self.render(&warnings, quotes) + "Router could not be initialized!\n")
            }
        }
    }

    fn render(&self, diagnostics: &[Diagnostic], quotes: Quotes) -> String {
        let shown = diagnostics.iter().filter(|d| self.warnings || d.severity != Severity::Warning);
        let shown: Vec<Diagnostic> = shown.cloned().collect();
        render_click(&shown, quotes)
    }
}

struct Session {
    options: Options,
    services: Services,
    /// 1 after an error that does not end the run.
    status: i32,
}

impl Session {
    fn new(options: Options) -> Session {
        Session { options, services: Services::default(), status: 0 }
    }

    fn complain(&mut self, why: &str) {
        say(why);
        self.status = 1;
    }

    fn run(mut self) -> anyhow::Result<ExitCode> {
        self.options.complaints.iter().for_each(|c| say(c));
        if self.options.threads > 1 && self.options.warnings {
            say("warning: built without multithread support, running single threaded");
        }
        let source = match self.source() {
            Ok(source) => source,
            Err(why) => {
                say(&why);
                return Ok(ExitCode::FAILURE);
            }
        };
        let arguments = self.options.dpdk.take();
        let dpdk = match Dpdk::start(arguments.as_deref(), BUFFERS as u32, MAX_FRAME, self.options.affinity.as_slice())
        {
            Ok(dpdk) => dpdk,
            Err(why) => {
                say(&why.to_string());
                return Ok(ExitCode::FAILURE);
            }
        };
        let mut compiler = self.compiler();
        let plan = match compiler.compile(&source, quotes()) {
            Ok((plan, warnings)) => {
                console(Stream::Err, &warnings);
                plan
            }
            Err(errors) => {
                console(Stream::Err, &errors);
                return Ok(ExitCode::FAILURE);
            }
        };
        self.write_flat(&plan);
        let empty = plan.topo.nodes.is_empty();
        let mut engine = self.engine();
        if self.options.reconfigurable {
            engine.allow_hotconfig(hotconfig(compiler));
        }
        let before = times();
        drop(engine.swap(plan));
        if !self.options.quit && !empty {
            let ended = self.drive(engine, &dpdk)?;
            ended.failures.iter().for_each(|f| self.complain(f));
            engine = ended.engine;
        } else if !self.options.quit && self.options.warnings {
            say(&format!("warning: {}: configuration has no elements, exiting", source.file));
        }
        if self.options.time {
            console(Stream::Out, &spent(before, times()));
        }
        let status = self.after(&mut engine);
        drop(engine);
        let status = if dpdk.end(true) { status } else { 1 };
        Ok(ExitCode::from(status as u8)) // the low eight bits, as exit(3)
    }

    /// The configuration's text.
    fn source(&self) -> Result<Source, String> {
        let read = |piece: &Piece| match piece {
            Piece::Expression(text) => Ok(Source { text: text.clone(), file: "config".into() }),
            Piece::File(name) => read_file(name),
        };
        match self.options.pieces.as_slice() {
            [] => read_file("-"),
            [one] => read(one),
            several => {
                let mut text = String::new();
                for piece in several {
                    let part = read(piece)?;
                    text += &format!("#line 1 \"{}\"\n{}\n", part.file, part.text);
                }
                Ok(Source { text, file: "config".into() })
            }
        }
    }

    fn compiler(&self) -> Compiler {
        let mut driver = Driver::new(self.options.defines.clone());
        let simulated = self.options.simulated.is_some();
        (driver.opener.simulated, driver.builder.simulated) = (simulated, simulated);
        if let Some(path) = &self.options.clickpath {
            driver.clickpath = path.clone();
        }
        driver.builder.signals = true;
        driver.listeners = self.options.listeners.clone();
        Compiler { driver, services: self.services.clone(), warnings: self.options.warnings }
    }

    fn engine(&self) -> Engine {
        let (clock, seed) = match self.options.simulated {
            Some(now) => (Clock::Simulated { now }, 1),
            None => (Clock::real(time::now), time::now()),
        };
        let quotes = quotes();
        let console = move |stream, text: &str| match stream {
            Stream::Out => console(stream, text),
            Stream::Err => console(stream, &quotes.apply(text)),
        };
        Engine::new(&Pool::new(BUFFERS), engine::Options { burst: 1, clock, seed, console: Box::new(console) })
    }

    /// `-o`: the flat configuration.
    fn write_flat(&mut self, plan: &Plan) {
        match self.options.output.clone().as_deref() {
            None => {}
            Some("-") => console(Stream::Out, &plan.topo.flat.unparse()),
            Some(file) => {
                if let Err(e) = std::fs::write(file, plan.topo.flat.unparse()) {
                    self.complain(&format!("{file}: {}", reason(&e)));
                }
            }
        }
    }

    /// Runs the worker until an element stops the driver, a signal comes, or, in simulated time,
    /// nothing can happen any more.
    fn drive(&self, engine: Engine, dpdk: &Dpdk) -> anyhow::Result<Ended> {
        // The whole process, as Click's only thread is the process: threads to come stay there too.
        if let Some(Err(why)) = self.options.affinity.map(affinity::pin_to_core) {
            say(&format!("warning: --affinity: {why}"));
        }
        let core = dpdk.cores().first().copied().filter(|_| self.options.affinity.is_none());
        let pace = Pace { core, wait_for_commands: self.services.any(), ..Pace::default() };
        let worker = Worker::start_watching(engine, pace, say, self.services.watch()).context("worker")?;
        let (remote, services) = (worker.remote(), self.services.clone());
        services.start(Crew::of(remote.clone()), false, say)?;
        // A signal stops the driver whatever a DriverManager still wants to do: each request makes
        // it go one step further.
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            let mut ending = false;
            loop {
                std::thread::sleep(LOOK);
                ending |= services.poll().end;
                if ending && remote.send(Box::new(|e| e.request_stop())).is_err() {
                    return;
                }
            }
        })?;
        let ended = worker.join();
        self.services.stop();
        ended.ok_or_else(|| anyhow!("the worker panicked; please report this"))
    }

    /// What is read when the driver has stopped; gives the exit status.
    fn after(&mut self, engine: &mut Engine) -> i32 {
        let handlers = std::mem::take(&mut self.options.handlers);
        if !handlers::print(engine, &handlers, &mut |text| console(Stream::Out, text), &mut say) {
            self.status = 1;
        }
        match self.options.exit_handler.take().map(|wanted| handlers::exit_value(engine, &wanted)) {
            None => self.status,
            Some(Ok(value)) => value,
            Some(Err(why)) => {
                say(&why);
                -1
            }
        }
    }
}

/// The `hotconfig` handler.
fn hotconfig(mut compiler: Compiler) -> engine::Compiler {
    compiler.driver.listeners.iter_mut().for_each(|l| *l += ", RETRIES 1, RETRY_WARNINGS false");
    Box::new(move |text| {
        let source = Source { text: text.into(), file: "config".into() };
        match compiler.compile(&source, Quotes::Ascii) {
            Ok((plan, warnings)) => {
                console(Stream::Err, &warnings);
                Ok(plan)
            }
            Err(errors) => Err(errors.trim_end().to_string()),
        }
    })
}

/// Reads a file; `-` is standard input.
fn read_file(name: &str) -> Result<Source, String> {
    let mut bytes = Vec::new();
    let (file, read) = match name {
        "" | "-" => ("<stdin>", std::io::stdin().read_to_end(&mut bytes).map(drop)),
        file => (file, std::fs::read(file).map(|b| bytes = b)),
    };
    read.map_err(|e| format!("{file}: {}", reason(&e)))?;
    Ok(Source { text: String::from_utf8_lossy(&bytes).into_owned(), file: file.into() })
}

/// As the C library words it.
fn reason(e: &std::io::Error) -> String {
    let text = e.to_string();
    text.split(" (os error").next().unwrap_or_default().to_string()
}

/// Processor time of the process in user and system mode, and the time of day; nanoseconds.
fn times() -> [u64; 3] {
    // proc(5): fields 14 and 15; the second one is the program's name in parentheses.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |s| s.1);
    let tick = 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1);
    let field = |n: usize| after_name.split_ascii_whitespace().nth(n - 3).and_then(|f| f.parse::<u64>().ok());
    [field(14).unwrap_or(0) * tick, field(15).unwrap_or(0) * tick, time::now()]
}

/// `-t`: seconds in user mode, in system mode, and minutes and seconds that passed.
fn spent(before: [u64; 3], after: [u64; 3]) -> String {
    let passed = |i: usize, unit: u64| (after[i].saturating_sub(before[i]) + unit / 2) / unit;
    let (user, system, real) = (passed(0, 1_000_000), passed(1, 1_000_000), passed(2, 10_000_000));
    format!(
        "{}.{:03}u {}.{:03}s {}:{:02}.{:02}\n",
        user / 1000,
        user % 1000,
        system / 1000,
        system % 1000,
        real / 6000,
        real / 100 % 60,
        real % 100
    )
}

const HELP: &str = "\
Runs a Click configuration as Click's user-level driver does: says what is wrong with it on
standard error, or runs it until somebody stops it.

Usage: sluice click [OPTION]... [FILE] [NAME=VALUE]...

Without a file, or if it is -, standard input is read. NAME=VALUE sets parameter $NAME.

Options:
  -f, --file FILE               Take the configuration from FILE.
  -e, --expression TEXT         Take TEXT as the configuration. Several -e and -f follow each other.
  -j, --threads N               Accepted; elements run on one thread.
  -a, --affinity[=N]            Stay on core N (0).
  -p, --port PORT               Serve control connections on a TCP port.
  -u, --unix-socket FILE        Serve control connections on a Unix socket.
      --socket FD               Serve a control connection on an open file descriptor.
  -R, --allow-reconfigure       Have the write handler 'hotconfig'.
  -h, --handler ELEMENT.H       Read handler H of ELEMENT after the run and print it.
  -x, --exit-handler ELEMENT.H  The exit status is what handler H of ELEMENT gives.
  -o, --output FILE             Write the flat configuration to FILE.
  -q, --quit                    Check and initialize, but do not run.
  -t, --time                    Print how long the run took.
  -w, --no-warnings             Print errors only.
      --dpdk ARGUMENT... --     Start DPDK with these arguments: --dpdk -l 1 --vdev net_null0 -- FILE
                                (or one argument: --dpdk '-l 1 --vdev net_null0' FILE).
      --simtime[=T]             Simulated time; it starts at T seconds since 1970 (1000000000).
  -C, --clickpath PATH          Look for libraries there.
      --help                    Print this.
  -v, --version                 Print the version.
";

#[cfg(test)]
mod tests {
    use super::spent;

    #[test]
    fn times_are_rounded_and_carried() {
        assert_eq!(spent([0, 0, 0], [1_234_567_890, 999_600, 61_239_000_000]), "1.235u 0.001s 1:01.24\n");
        assert_eq!(spent([5, 0, 0], [0, 0, 59_999_000_000]), "0.000u 0.000s 1:00.00\n");
    }
}
