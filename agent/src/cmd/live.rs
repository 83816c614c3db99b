//! A run in real time: the EMS listens first, then the datapath starts, and both go on until somebody ends them.
use super::run::{Args, Wanted, finish, nothing, refuse};
use crate::cores;
use crate::dpdk::Dpdk;
use crate::driver::{Driver, Source, console};
use crate::live::{Live, Watched};
use crate::machine::{self, Ready, Troubles};
use crate::programs::{Programs, look_at_guests};
use crate::services::Services;
use crate::snmp;
use crate::tap;
use crate::vnf::compose::{All, Shape};
use crate::vnf::description::Description;
use crate::vnf::{Building, Managed, Unfit, findings};
use anyhow::{Context as _, anyhow};
use sluice_dataplane::clock::Clock;
use sluice_dataplane::context::Stream;
use sluice_dataplane::engine::{Engine, Options};
use sluice_dataplane::graph::Plan;
use sluice_dataplane::lang::{Diagnostic, render_native};
use sluice_dataplane::pool::Pool;
use sluice_dataplane::time;
use sluice_dataplane::worker::crew::{Workers, engines};
use sluice_dataplane::worker::{Ended, Pace};
use sluice_init::boot::EXIT_REBOOT;
use sluice_mgmt::agent::AGENT;
use sluice_mgmt::alarms::{Cause, Severity};
use sluice_mgmt::auth::security::{Security, SetUp};
use sluice_mgmt::click_on_osv;
use sluice_mgmt::ems::Ems;
use sluice_mgmt::functions::{Boot, Change, Terms, at_boot};
use sluice_mgmt::journal::Journal;
use sluice_mgmt::server::Server;
use sluice_mgmt::settings::Settings;
use sluice_mgmt::sol002::{self, callback::Outgoing};
use sluice_mgmt::store::{Origin, Store};
use sluice_mgmt::vnf::{Configuration, End, Finding, Grade, Identity, MAIN, ManagedVnf as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Ports that are tried after 8000, when nobody said where the EMS shall listen.
const NEXT_PORTS: u16 = 16;

pub(super) fn main(args: &Args, wanted: Wanted) -> anyhow::Result<ExitCode> {
    let (source, missing) = read(&wanted)?;
    let journal = Arc::new(Journal::default());
    let (store, lost) = open_store(wanted.description.as_ref())?;
    let store = Arc::new(store);
    let mut programs = Programs::new(wanted.description.as_ref(), wanted.dpdk.is_some());
    let vdevs = programs.vdevs();
    let programs = Arc::new(programs);
    let shape = wanted.description.as_ref().and_then(shape);
    let files = match (&shape, &wanted.description) {
        (Some(_), Some(d)) => members(d)?,
        (_, d) => vec![(MAIN.to_string(), missing.is_none(), from_file(source.text.clone(), d.as_ref(), &wanted))],
    };
    let (mut all, mut edited) = (All::new(), Vec::new());
    for (name, is_there, from_file) in files {
        let begin = at_boot(&store, &name, is_there.then(|| from_file.clone()));
        let begin = begin.unwrap_or(Boot { configuration: from_file, is_new: false });
        if begin.is_new {
            edited.push((name.clone(), begin.configuration.clone()));
        }
        all.insert(name, begin.configuration);
    }
    let machine = wanted.description.as_ref().and_then(|d| d.boot.clone());
    let managed = Managed::new(shape, all, machine, journal.clone(), store.clone(), programs.clone());
    let identity = wanted.description.as_ref().map_or_else(|| anonymous(&source), |d| d.vnf.clone());
    let ems = Ems::new(identity, managed.clone(), store.clone(), journal.clone());
    if let Some(why) = lost {
        ems.alarms.raise("store", Cause::StorageCapacityProblem, Severity::Major, &why);
    }
    let server = serve(&ems, args, wanted.description.as_ref())?;
    let snmp = snmp::start(&ems, wanted.description.as_ref().filter(|_| !args.no_ems), args.quiet)?;
    let quiet = args.quiet || machine::is_supervised(); // then the first process knows better
    let say_where = || server.iter().filter(|_| !quiet).for_each(|(_, url)| eprintln!("EMS: {url}"));
    // A file that does not run ends the program: then nobody need know.
    if wanted.description.is_some() {
        say_where();
    }

    let arguments =
        wanted.dpdk.as_ref().map(|said| vdevs.iter().fold(said.clone(), |all, v| format!("{all} --vdev {v}")));
    let dpdk = Dpdk::start(arguments.as_deref(), wanted.buffers, wanted.frame, &wanted.cores)?;
    let cores = cores::choose(&wanted.cores, dpdk.cores());
    let workers = cores.len().max(1);
    let folder = folder(&wanted)?;
    let mut driver = wanted.driver(args, workers);
    driver.builder.signals = true;
    programs.make_all(&managed.stopped());
    let prepared = match prepare(&mut driver, &managed, &source, &folder, args, &edited, &ems) {
        Prepared::Graph(plans, warnings) => {
            eprint!("{}", render_native(&warnings));
            Ok((plans, warnings))
        }
        Prepared::Wrong(phase, errors) if wanted.description.is_some() => {
            // The EMS is the way out: the VNF waits for a function that works.
            eprint!("{}", render_native(&errors));
            Err((phase, errors))
        }
        Prepared::Wrong(_, errors) => return Ok(refuse(&errors)),
        Prepared::Failed(why) => return Err(why),
    };
    let mut graph = prepared.as_ref().map_or(0, |(plans, _)| plans[0].topo.nodes.len());
    if prepared.is_err() || wanted.description.is_some() {
        graph = graph.max(1); // one will come through the EMS
    }
    if nothing(graph, &source) {
        return Ok(ExitCode::SUCCESS);
    }
    managed.starting("workers");
    let pool = Pool::for_frames(wanted.buffers as usize, wanted.frame);
    let mut engines = engines(workers, |worker| Engine::new(&pool, options(worker, wanted.burst, &journal)));
    let services = Services::default();
    let failed = match prepared {
        Ok((mut plans, _)) => {
            services.adopt(std::mem::take(&mut plans[0].services))?;
            engines.iter_mut().zip(plans).for_each(|(e, plan)| drop(e.swap(plan)));
            let empty = managed.all().get(MAIN).is_some_and(|main| main.text.is_empty());
            missing.filter(|_| empty).map(|why| ("function", why))
        }
        Err((phase, errors)) => Some((phase, first(&errors))),
    };
    let taps = args.taps.iter().map(|t| t.set(&mut engines, false)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut live = Live::new(Watched::all(&engines), args.quiet, args.rates);
    let pace = |n| Pace { core: cores.get(n).copied(), busy_poll: wanted.busy, ..Pace::default() };
    let paces: Vec<Pace> = (0..engines.len()).map(pace).collect();
    let report = {
        let journal = journal.clone();
        move |news: &str| {
            eprintln!("sluice: {news}");
            journal.say("vnf", news);
        }
    };
    let workers = Workers::start(engines, &paces, report.clone(), services.watch()).context("worker")?;
    services.start(workers.crew(), true, report)?;
    // Before anybody can change it: so the file's is the older one.
    for (name, configuration) in edited {
        if failed.is_none()
            && managed.all().get(&name) == Some(&configuration)
            && let Err(why) = ems.functions.adopt(&name, configuration, "file")
        {
            eprintln!("sluice: the first revision of ‘{name}’ cannot be saved: {why}");
        }
    }
    let building = Building { driver, services: services.clone(), file: source.file.clone(), folder };
    managed.started(workers.crew(), building, &cores, failed);
    if wanted.description.is_none() {
        say_where();
    }
    let ended = until_the_end(args, &wanted, workers, &services, &managed, (&ems, &programs), &mut live);
    managed.ended();
    programs.end();
    let how = managed.end_wanted();
    drop((server, snmp));
    let clean = finish(ended?, args.quiet);
    let written = taps.into_iter().map(tap::Writing::finish).fold(true, |all, one| all & one);
    drop(pool);
    let returned = dpdk.end(args.quiet);
    if how == Some(End::Reboot) && machine::is_supervised() {
        return Ok(ExitCode::from(EXIT_REBOOT));
    }
    if how == Some(End::Reboot) {
        let why = std::process::Command::new("/proc/self/exe").args(std::env::args_os().skip(1)).exec();
        return Err(anyhow!("the program cannot begin again: {why}"));
    }
    Ok(if clean && written && returned { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Which functions there are, if the structural agent is before them.
fn shape(d: &Description) -> Option<Shape> {
    d.has_agent().then(|| Shape { members: d.functions.clone(), ports: d.ports.clone() })
}

/// The agent and the functions, as their files say: name, whether that is known, and what it is.
fn members(d: &Description) -> anyhow::Result<Vec<(String, bool, Configuration)>> {
    let agent =
        Configuration { text: d.agent.clone().unwrap_or_default().text(), confined: true, ..Configuration::default() };
    let mut all = vec![(AGENT.to_string(), true, agent)];
    for m in &d.functions {
        all.push((m.name.clone(), true, d.member(m)?));
    }
    Ok(all)
}

/// Reads the function's file. A VNF with a description goes without: its EMS is the way to give it one.
fn read(wanted: &Wanted) -> anyhow::Result<(Source, Option<String>)> {
    if wanted.description.as_ref().is_some_and(Description::has_agent) {
        return Ok((Source { text: String::new(), file: AGENT.into() }, None));
    }
    match Source::read(&wanted.file) {
        Err(why) if wanted.description.is_some() => {
            let file = wanted.file.display().to_string();
            Ok((Source { text: String::new(), file }, Some(format!("there is no function: {why:#}"))))
        }
        read => Ok((read?, None)),
    }
}

/// How the engine of a worker is set up. What elements say is in the log, too.
fn options(worker: usize, burst: usize, journal: &Arc<Journal>) -> Options {
    let journal = journal.clone();
    let said = move |stream: Stream, text: &str| {
        console(stream, text);
        text.lines().filter(|l| !l.is_empty()).for_each(|l| journal.say("element", l));
    };
    let seed = time::now() + worker as u64;
    Options { burst, clock: Clock::real(time::now), seed, console: Box::new(said) }
}

/// Where revisions are kept. On a machine of its own the VNF does without a folder that cannot be had, and says why.
fn open_store(description: Option<&Description>) -> anyhow::Result<(Store, Option<String>)> {
    let kept = description.and_then(|d| Some((d, d.revisions.as_ref()?)));
    let Some((description, folder)) = kept else { return Ok((Store::in_memory(), None)) };
    match Store::open(folder).with_context(|| folder.display().to_string()) {
        Ok((store, damaged)) => {
            damaged.iter().for_each(|d| eprintln!("sluice: {d}"));
            Ok((store, None))
        }
        Err(why) if description.boot.is_some() => {
            let text = format!("revisions are kept in memory only: {why:#}");
            eprintln!("sluice: {text}");
            Ok((Store::in_memory(), Some(text)))
        }
        Err(why) => Err(why),
    }
}

/// The folder that functions which come through the EMS may use: that of the description, else the one that the file lies in.
fn folder(wanted: &Wanted) -> anyhow::Result<PathBuf> {
    let Some(d) = &wanted.description else {
        let parent = wanted.file.parent().filter(|p| !p.as_os_str().is_empty());
        return Ok(parent.map_or_else(|| ".".into(), Path::to_path_buf));
    };
    let folder = d.function.folder.clone();
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    Ok(folder)
}

/// What the function's file, the description and the command line say that is to run.
fn from_file(text: String, description: Option<&Description>, wanted: &Wanted) -> Configuration {
    let mut said = match description {
        Some(d) => d.configuration(text),
        None => Configuration { text, ..Configuration::default() },
    };
    said.parameters.extend(wanted.parameters.iter().cloned());
    said
}

/// Who a function is that no description names.
fn anonymous(source: &Source) -> Identity {
    let id = sluice_mgmt::id::random();
    Identity { id, name: source.file.clone(), product: "Sluice".into(), ..Identity::default() }
}

/// Starts the EMS; and where a person finds it.
fn serve(ems: &Arc<Ems>, args: &Args, description: Option<&Description>) -> anyhow::Result<Option<(Server, String)>> {
    if args.no_ems {
        return Ok(None);
    }
    let mut settings = description.map_or_else(Settings::default, |d| d.ems.clone());
    if let Some(listen) = args.ems {
        settings.listen = listen;
    }
    if let Some(d) = description {
        ems.set_limits(d.thresholds.clone());
    }
    let SetUp { security, first_token } = Security::set_up(&settings, ems).context("EMS")?;
    if let Some(token) = first_token {
        eprintln!("the first token of the EMS, shown this once: {token}");
    }
    let outgoing = Outgoing::of(&settings.callbacks).map_err(anyhow::Error::msg).context("EMS")?;
    let subscriptions = sol002::Settings { folder: settings.folder.clone(), outgoing };
    ems.sol002.subscriptions.open(subscriptions, ems.journal.clone()).context("EMS: subscriptions")?;
    let also = settings.click_on_osv.map(|at| (at, click_on_osv::app(ems.clone())));
    // Nobody said where: a second program on this machine takes the next port.
    let fixed = args.ems.is_some() || description.is_some();
    let last = if fixed { settings.listen.port() } else { settings.listen.port() + NEXT_PORTS };
    loop {
        match Server::start_also(ems.clone(), &settings, security.clone(), also.clone().into_iter().collect()) {
            Ok(server) => {
                let scheme = if settings.tls.is_some() { "https" } else { "http" };
                let url = format!("{scheme}://{}/", shown(server.address()));
                return Ok(Some((server, url)));
            }
            Err(e) if e.kind() == std::io::ErrorKind::AddrInUse && settings.listen.port() < last => {
                settings.listen.set_port(settings.listen.port() + 1);
            }
            Err(e) if fixed => return Err(e).context("EMS"),
            Err(e) => {
                eprintln!("sluice: no EMS: {e}; --ems gives it another address");
                return Ok(None);
            }
        }
    }
}

/// An address that a person can open.
fn shown(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(a) if a.is_unspecified() => (Ipv4Addr::LOCALHOST, address.port()).into(),
        _ => address,
    }
}

/// What became of the function.
enum Prepared {
    Graph(Vec<Plan>, Vec<Diagnostic>),
    /// It is wrong, as was found in this phase.
    Wrong(&'static str, Vec<Diagnostic>),
    Failed(anyhow::Error),
}

/// Builds the graph that runs first. Files that were edited and are wrong now are no reason not to run what ran before.
fn prepare(
    driver: &mut Driver,
    managed: &Managed,
    source: &Source,
    folder: &Path,
    args: &Args,
    edited: &[(String, Configuration)],
    ems: &Ems,
) -> Prepared {
    managed.starting("check");
    let first = build(driver, managed, source, folder, args);
    let Prepared::Wrong(_, errors) = &first else { return first };
    let mut texts = Vec::new();
    for (name, _) in edited {
        let Some(last) = ems.store.last(name) else { continue };
        texts.push((name, format!("{name}: {}; revision {} runs", self::first(errors), last.number)));
        managed.instead(name, last.configuration);
    }
    if texts.is_empty() {
        return first;
    }
    match build(driver, managed, source, folder, args) {
        second @ Prepared::Graph(..) => {
            for (name, text) in texts {
                eprintln!("sluice: {text}");
                let cause = Cause::ConfigurationOrCustomizationError;
                ems.alarms.raise(&format!("function/{name}"), cause, Severity::Major, &text);
            }
            second
        }
        _ => {
            edited.iter().for_each(|(name, configuration)| managed.instead(name, configuration.clone()));
            first
        }
    }
}

fn build(driver: &mut Driver, managed: &Managed, source: &Source, folder: &Path, args: &Args) -> Prepared {
    let source = match managed.source(driver, &source.file, folder) {
        Ok(source) => source,
        Err(Unfit::Wrong(errors)) => return Prepared::Wrong("check", errors),
        Err(Unfit::Impossible(why)) => return Prepared::Failed(anyhow!(why)),
    };
    let checked = match driver.check(&source) {
        Ok(checked) => checked,
        Err(errors) => return Prepared::Wrong("check", errors),
    };
    if let Err(why) = args.taps.iter().try_for_each(|tap| tap.check(checked.topology())) {
        return Prepared::Failed(why);
    }
    managed.starting("ports");
    match driver.open(checked) {
        Ok((plans, warnings)) => Prepared::Graph(plans, warnings),
        Err(errors) => Prepared::Wrong("ports", errors),
    }
}

/// The first error, in a line.
fn first(errors: &[Diagnostic]) -> String {
    let all = findings(errors);
    let error = all.iter().find(|f| f.grade == Grade::Error);
    error.map_or_else(|| "it does not start".into(), |f| line(f).trim_end().to_string())
}

/// A finding as a person reads it.
fn line(f: &Finding) -> String {
    let place = f.place.as_ref().map(|p| format!("{p}: ")).unwrap_or_default();
    let grade = match f.grade {
        Grade::Error => "error: ",
        Grade::Warning => "warning: ",
        Grade::Message => "message: ",
    };
    let element = f.element.as_ref().map(|e| format!("{e}: ")).unwrap_or_default();
    let hint = f.hint.as_ref().map(|h| format!("\n  hint: {h}")).unwrap_or_default();
    format!("{place}{grade}{element}{}{hint}\n", f.message.replace('\n', "\n  "))
}

/// Waits until somebody ends it, or a worker does.
fn until_the_end(
    args: &Args,
    wanted: &Wanted,
    workers: Workers,
    services: &Services,
    managed: &Managed,
    (ems, programs): (&Ems, &Programs),
    live: &mut Live,
) -> anyhow::Result<Vec<Ended>> {
    let started = time::now();
    let mut ticked = started;
    let mut ready = Ready::default();
    let mut troubles = Troubles::default();
    troubles.look(ems);
    while !workers.is_finished() {
        std::thread::sleep(Duration::from_millis(50));
        let now = time::now();
        let asked = services.poll();
        let late = args.for_time.is_some_and(|t| now - started >= t.as_nanos() as u64);
        if asked.end || late || managed.end_wanted().is_some() {
            workers.crew().request_stop();
            break;
        }
        ready.tell(|| managed.status());
        if asked.reload {
            reload(args, wanted, ems);
        }
        if now - ticked >= 1_000_000_000 {
            live.tick(Duration::from_nanos(now - ticked));
            managed.tick();
            troubles.look(ems);
            programs.look(ems);
            look_at_guests(ems);
            ticked = now;
        }
    }
    live.end();
    let ended = workers.join();
    services.stop();
    let ended = ended.ok_or_else(|| anyhow!("a worker panicked; please report this"))?;
    if !args.quiet {
        eprintln!("ran {:.1} s", (time::now() - started) as f64 / 1e9);
    }
    Ok(ended)
}

/// Reads the files again and changes over to what they say. What is wrong with one of them changes nothing of its function.
fn reload(args: &Args, wanted: &Wanted, ems: &Ems) {
    let read = || -> anyhow::Result<Vec<(String, Change)>> {
        let Some(before) = &wanted.description else {
            // Its parameters are the command line's.
            let change = Change { text: Some(Source::read(&wanted.file)?.text), ..Change::default() };
            return Ok(vec![(MAIN.into(), change)]);
        };
        let now = Description::read(&args.file)?;
        if now.fixed() != before.fixed() {
            let file = args.file.display();
            eprintln!(
                "sluice: {file}: what is new beside functions' texts and parameters counts from the next start on"
            );
        }
        let mut all = match !now.has_agent() {
            true => {
                let text = Source::read(&now.function.file)?.text;
                vec![(MAIN.to_string(), true, from_file(text, Some(&now), wanted))]
            }
            false => members(&now)?,
        };
        all.rotate_left(1); // the agent last: it names the functions
        Ok(all.into_iter().map(|(name, _, configuration)| (name, Change::to(configuration))).collect())
    };
    match read() {
        Ok(all) => all.into_iter().for_each(|(name, change)| reload_one(&name, change, wanted, ems)),
        Err(e) => eprintln!("sluice: {e:#}; the running graph goes on"),
    }
}

fn reload_one(name: &str, change: Change, wanted: &Wanted, ems: &Ems) {
    let shown = if name == MAIN { wanted.file.display().to_string() } else { name.into() };
    match ems.functions.change(name, change, &Terms::default(), "file", Origin::File) {
        Ok(changed) => {
            changed.findings.iter().for_each(|f| eprint!("{}", line(f)));
            let pauses: Vec<String> =
                changed.pauses_ns.iter().map(|ns| format!("{:.1} us", *ns as f64 / 1e3)).collect();
            eprintln!("sluice: {shown} is running now (paused {})", pauses.join(", "));
        }
        Err(why) => {
            match why.findings.is_empty() {
                true => eprintln!("sluice: {}", why.detail),
                false => why.findings.iter().for_each(|f| eprint!("{}", line(f))),
            }
            eprintln!("sluice: the running graph goes on");
        }
    }
}
