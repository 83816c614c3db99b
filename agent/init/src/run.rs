//! The life of the machine: prepare it, keep the VNF's process alive, end when somebody asks for it.
use crate::boot::{Boot, EXIT_REBOOT, Interface, Problem, SUPERVISED, Severity};
use crate::config::{self, Config, Driver, Given, Sources};
use crate::machine::power::{self, End};
use crate::machine::slots::{self, Partition, Slot};
use crate::machine::{button, dpdk, kernel, memory, mounts};
use crate::net;
use crate::prepare::{self, FOLDER, Prepared, Program};
use crate::supervise::{Console, Ended, Pause, Process, Words, reap, start};
use crate::time;
use rustix::process::{Signal, getpid};
use signal_hook::consts::{SIGCHLD, SIGINT, SIGTERM, SIGUSR2};
use signal_hook::iterator::Signals;
use std::fs;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

/// How often it looks whether the network or the VNF has changed.
const LOOK: Duration = Duration::from_millis(500);
/// How long the VNF's process may take to end by itself.
const ENDING: Duration = Duration::from_secs(10);
/// How long a slot on trial may take to become ready.
const TRIAL: Duration = Duration::from_secs(120);
/// So often the VNF's process may end before it is ready, until something is left out.
const EARLY: u32 = 2;
/// The file that the VNF's process makes when it is ready.
const READY: &str = "/run/sluice/ready";

/// What `/sbin/poweroff` and `/sbin/reboot` are called for; nothing if it is another name.
pub fn asked_by_name(name: &str) -> Option<End> {
    match Path::new(name).file_name().and_then(|n| n.to_str()) {
        Some("poweroff") => Some(End::Off),
        Some("reboot") => Some(End::Again),
        _ => None,
    }
}

/// Whether this is the first process of a machine.
pub fn is_first() -> bool {
    getpid().is_init()
}

/// The whole life of the first process. It ends with the machine.
pub fn main(program: Program) -> ! {
    // A panic must not end this process: then the kernel panics. What there is to say is said, and the machine starts again.
    let how = std::panic::catch_unwind(|| live(program)).unwrap_or_else(|_| {
        eprintln!("sluice init: it panicked; please report this. The machine starts again in three seconds");
        thread::sleep(Duration::from_secs(3));
        End::Again
    });
    power::end(how)
}

/// What happens.
enum Event {
    Signal(i32),
    Button,
}

fn live(program: Program) -> End {
    let failed = mounts::all();
    let (sender, events) = channel();
    let mut trouble: Vec<String> = failed;
    trouble.extend(listen(&sender));
    let Ok(console) = Console::start() else { return End::Again };
    for what in &trouble {
        console.say(format!("sluice init: {what}"));
    }
    kernel::settle();
    let config = config::gather(&Sources::default());
    let Prepared { boot, management, ems } = prepare::machine(&config, program);
    let told = |detail: String| Problem { object: "init".into(), severity: Severity::Minor, detail };
    let own = trouble.into_iter().map(told).collect();
    let name = config.name.as_ref().map_or("sluice", |n| n.value.as_str());
    let network = management.as_deref().map(|interface| {
        let wanted = config.network.as_ref().map(|n| n.value.clone()).unwrap_or_default();
        net::start(interface, wanted, name, net::Paths::default())
    });
    let slots = Trial::of(&config);
    let mut machine =
        Machine { config, program, boot, told: Boot::default(), network, console, ems, slots, early: 0, own };
    machine.tell();
    machine.supervise(&events)
}

/// Threads that turn signals and the power button into events. What does not work.
fn listen(sender: &Sender<Event>) -> Vec<String> {
    let mut failed = Vec::new();
    let to = sender.clone();
    let signals = Signals::new([SIGCHLD, SIGTERM, SIGINT, SIGUSR2]).and_then(|mut signals| {
        let all = move || signals.forever().try_for_each(|s| to.send(Event::Signal(s)));
        thread::Builder::new().name("signals".into()).spawn(all)
    });
    failed.extend(signals.err().map(|e| format!("signals are not heard: {e}")));
    let to = sender.clone();
    let wait = move || {
        // A machine without ACPI has no button.
        while button::wait().is_ok() && to.send(Event::Button).is_ok() {}
    };
    let button = thread::Builder::new().name("button".into()).spawn(wait);
    failed.extend(button.err().map(|e| format!("the power button is not heard: {e}")));
    failed
}

struct Machine {
    config: Config,
    program: Program,
    boot: Boot,
    /// What the VNF was told last.
    told: Boot,
    network: Option<net::Handle>,
    console: Console,
    ems: (&'static str, u16),
    slots: Trial,
    /// How often in a row the VNF's process ended before it was ready.
    early: u32,
    /// What went wrong here, and stays so when the machine is prepared again.
    own: Vec<Problem>,
}

impl Machine {
    /// Writes down how things are, if that has changed; says on the console where the EMS is.
    fn tell(&mut self) {
        let mut now = self.boot.clone();
        if let Some(network) = &self.network {
            now.settings.extend(network.settings());
            now.problems.extend(network.problems());
        }
        now.problems.extend(self.own.iter().chain(&self.slots.problem).cloned());
        if now == self.told {
            return;
        }
        let addresses = now.settings.iter().filter(|s| s.name == "management.address");
        for address in addresses.filter(|a| !self.told.settings.contains(a)) {
            let ip = address.value.split('/').next().unwrap_or_default();
            let ip = if ip.contains(':') { format!("[{ip}]") } else { ip.to_string() };
            let (scheme, port) = self.ems;
            self.console.say(format!("EMS: {scheme}://{ip}:{port}/ ({})", address.from));
        }
        for problem in now.problems.iter().filter(|p| !self.told.problems.contains(p)) {
            self.console.say(format!("sluice init: {}: {}", problem.object, problem.detail));
        }
        let text = toml::to_string(&now).unwrap_or_default();
        prepare::write("boot.toml", text.as_bytes(), &mut self.boot.problems);
        self.told = now;
    }

    /// Starts the VNF's process, again and again, until the machine is to end.
    fn supervise(&mut self, events: &Receiver<Event>) -> End {
        let words = Words::default();
        let description = format!("{FOLDER}/vnf.toml");
        let mut pause = Pause::default();
        loop {
            let environment = [(SUPERVISED, READY)];
            let arguments = ["run", description.as_str()];
            let program = Path::new("/proc/self/exe");
            let (age, ended) = match start(program, &arguments, &environment, &self.console, &words) {
                Ok(process) => match self.watch(&process, events) {
                    Watched::Ended(ended) => {
                        let age = process.age();
                        process.heard();
                        (age, ended.to_string())
                    }
                    Watched::Machine(end) => return end,
                },
                Err(e) => (Duration::ZERO, format!("it cannot be started: {e}")),
            };
            let was_ready = fs::remove_file(READY).is_ok();
            self.early = if was_ready { 0 } else { self.early + 1 };
            self.boot.restarts += 1;
            self.boot.last_words = format!("{ended}\n{}", words.take());
            self.console.say(format!("sluice init: the VNF's process: {ended}; it is started again"));
            if self.early >= EARLY {
                self.do_without();
            }
            self.tell();
            let until = time::now() + pause.after(age);
            while let Some(left) = until.checked_sub(time::now()).filter(|l| !l.is_zero()) {
                if let Ok(event) = events.recv_timeout(left)
                    && let Some(end) = asked(&event)
                {
                    return end;
                }
                let _ = reap(None);
            }
        }
    }

    /// Leaves out what may be why the VNF's process does not come up, one thing after the other: its EMS is the way to repair
    /// whatever it is.
    fn do_without(&mut self) {
        let dpdk: Vec<&Interface> = self.boot.interfaces.iter().filter(|i| i.driver.starts_with("dpdk")).collect();
        let is_credential = |n: &str| n.ends_with(".pem") || n == "tokens.toml";
        let what = if !dpdk.is_empty() {
            let mut taken: Vec<(usize, &str, String)> =
                dpdk.iter().map(|i| (i.name.len(), i.name.as_str(), i.bus.clone())).collect();
            taken.sort();
            dpdk::give_back(&taken.into_iter().map(|t| t.2).collect::<Vec<_>>());
            memory::release();
            self.config.driver = Some(Given { value: Driver::Socket, from: "default".into() });
            "DPDK"
        } else if self.config.files.remove("vnf.toml").is_some() {
            "vnf.toml"
        } else if self.config.files.keys().any(|n| is_credential(n)) {
            self.config.files.retain(|n, _| !is_credential(n));
            "tokens and certificates"
        } else {
            return;
        };
        self.early = 0;
        let Prepared { boot, ems, .. } = prepare::machine(&self.config, self.program);
        let last_words = std::mem::take(&mut self.boot.last_words);
        let detail = format!(
            "the VNF's process ended {EARLY} times before it was ready, so it goes on without {what}: {last_words}"
        );
        let problem = Problem { object: "vnf.toml".into(), severity: Severity::Critical, detail };
        self.boot = Boot { restarts: self.boot.restarts, last_words, ..boot };
        self.own.push(problem);
        self.ems = ems;
    }

    /// Until the process ends, or somebody wants the machine to end.
    fn watch(&mut self, process: &Process, events: &Receiver<Event>) -> Watched {
        let mut wanted: Option<(End, Duration)> = None;
        loop {
            let event = match events.recv_timeout(LOOK) {
                Ok(event) => Some(event),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => {
                    thread::sleep(LOOK); // no thread is left that could tell: look now and then
                    None
                }
            };
            if let Some(ended) = reap(Some(process)) {
                return match (wanted, ended) {
                    (Some((end, _)), _) => Watched::Machine(end),
                    (None, Ended::Status(0)) => Watched::Machine(End::Off),
                    (None, Ended::Status(n)) if n == i32::from(EXIT_REBOOT) => Watched::Machine(End::Again),
                    (None, ended) => Watched::Ended(ended),
                };
            }
            if let Some(end) = event.as_ref().and_then(asked)
                && wanted.is_none()
            {
                let what = if end == End::Off { "is switched off" } else { "starts again" };
                self.console.say(format!("sluice init: the machine {what}"));
                process.signal(Signal::TERM);
                wanted = Some((end, time::now() + ENDING));
            }
            if let Some((end, until)) = wanted
                && time::now() >= until
            {
                process.signal(Signal::KILL);
                return Watched::Machine(end);
            }
            self.tell();
            if self.slots.look() {
                self.console.say("sluice init: the new image did not become ready: the one before is booted again");
                return Watched::Machine(End::Again);
            }
        }
    }
}

/// What came of watching.
enum Watched {
    Ended(Ended),
    Machine(End),
}

fn asked(event: &Event) -> Option<End> {
    match event {
        Event::Signal(signal) => End::asked_by(*signal),
        Event::Button => Some(End::Off),
    }
}

/// The image that runs, if it is on trial.
struct Trial {
    running: Option<Slot>,
    /// It has to be ready by then; nothing: it is not on trial, or was kept.
    until: Option<Duration>,
    problem: Option<Problem>,
}

impl Trial {
    fn of(config: &Config) -> Trial {
        let slot = |c| if c == 'a' { Slot::A } else { Slot::B };
        let until = config.trial.then(|| time::now() + TRIAL);
        Trial { running: config.slot.map(slot), until, problem: None }
    }

    /// Keeps the image once the VNF is ready. Whether the time for that is over.
    fn look(&mut self) -> bool {
        let (Some(running), Some(until)) = (self.running, self.until) else { return false };
        if !Path::new(READY).exists() {
            return time::now() >= until;
        }
        self.until = None;
        let kept = Partition::find(Path::new(slots::FOLDER)).and_then(|p| slots::keep(&p, running));
        if let Err(e) = kept {
            let detail =
                format!("the new image is ready but cannot be kept, so the next boot is of the one before: {e}");
            self.problem = Some(Problem { object: "slots".into(), severity: Severity::Major, detail });
        }
        false
    }
}
