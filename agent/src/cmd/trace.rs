//! `sluice trace`: what happens to single packets, element by element.
use super::run::{AFTER, duration};
use crate::driver::{BUFFERS, Driver, Source, complain, console, defines};
use crate::signals;
use anyhow::{Context as _, anyhow, bail};
use sluice_dataplane::args::NameDb;
use sluice_dataplane::clock::Clock;
use sluice_dataplane::engine::{Engine, Options};
use sluice_dataplane::io::open::Stand;
use sluice_dataplane::lang::render_native;
use sluice_dataplane::pool::Pool;
use sluice_dataplane::port::Direction;
use sluice_dataplane::time;
use sluice_dataplane::trace::{Change, End, Filter, MAX_TRACED, Step, Traced};
use sluice_dataplane::wire::describe;
use sluice_dataplane::worker::{Pace, Worker};
use sluice_elements::classify::filter;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Follows packets through a configuration: the elements they pass, the fields that change, how
/// they end. With a capture file, its packets come in simulated time and no device is touched;
/// without one, the configuration runs on its devices until N packets were followed.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The configuration; `-` is standard input.
    file: PathBuf,
    /// A capture file, and parameters NAME=VALUE.
    #[arg(value_name = "PCAP|NAME=VALUE")]
    rest: Vec<String>,
    /// The port whose packets are followed: the first one, with a capture file; else any.
    #[arg(long)]
    port: Option<String>,
    /// How many packets are followed.
    #[arg(long, default_value_t = MAX_TRACED, value_parser = count)]
    count: usize,
    /// Follows only packets that match this expression (the language of IPFilter).
    #[arg(long, value_name = "EXPRESSION")]
    filter: Option<String>,
    /// Without a capture file: waits no longer than this for packets.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    for_time: Option<Duration>,
}

/// The packets that were followed, and what failed meanwhile.
type Followed = (Vec<Traced>, Vec<String>);

fn count(text: &str) -> Result<usize, String> {
    let n = text.parse().ok().filter(|n| (1..=MAX_TRACED).contains(n));
    n.ok_or_else(|| format!("give a number from 1 to {MAX_TRACED}"))
}

pub(crate) fn main(args: Args) -> anyhow::Result<ExitCode> {
    let source = Source::read(&args.file)?;
    let (parameters, captures): (Vec<String>, Vec<String>) = args.rest.iter().cloned().partition(|a| is_parameter(a));
    if captures.len() > 1 {
        bail!("one capture file at a time: {}", captures.join(", "));
    }
    let filter = args.filter.as_deref().map(parse_filter).transpose()?;
    let driver = Driver::new(defines(&parameters)?);
    let count = args.count;
    let packets = match captures.first() {
        Some(pcap) => from_capture(driver, &source, pcap, args.port.as_deref(), count, filter)?,
        None => live(driver, &source, args.port, count, filter, args.for_time)?,
    };
    let Some((packets, failures)) = packets else { return Ok(ExitCode::FAILURE) };
    if packets.is_empty() {
        println!("no packet was followed");
    }
    packets.iter().enumerate().for_each(|(i, t)| print!("{}", page(i + 1, t)));
    failures.iter().for_each(|f| eprintln!("sluice: {f}"));
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Parameters have a name that Click takes before the `=`; everything else is a file.
fn is_parameter(text: &str) -> bool {
    text.split_once('=').is_some_and(|(n, _)| !n.is_empty() && n.chars().all(|c| c.is_alphanumeric() || c == '_'))
}

fn parse_filter(text: &str) -> anyhow::Result<Filter> {
    let compiled = filter::parse_filter(text, &NameDb::new()).map_err(|e| anyhow!("--filter: {e}"))?;
    let compiled = compiled.starting(filter::Start::Ethernet);
    Ok(Box::new(move |p| compiled.matches(p)))
}

fn from_capture(
    mut driver: Driver,
    source: &Source,
    pcap: &str,
    port: Option<&str>,
    count: usize,
    filter: Option<Filter>,
) -> anyhow::Result<Option<Followed>> {
    driver.builder.simulated = true;
    driver.opener.no_devices = true;
    let checked = match driver.check(source) {
        Ok(checked) => checked,
        Err(errors) => return Ok(complain_and_none(&errors)),
    };
    let receiving = driver.devices(&checked, Some(Direction::Receive));
    let into = match port {
        Some(p) if receiving.contains(&p) => p.to_string(),
        Some(p) => bail!("--port: no element receives from ‘{p}’; there is {}", receiving.join(", ")),
        None => receiving.first().context("no element receives from a device")?.to_string(),
    };
    driver.opener.stands.insert(into.clone(), Stand { input: Some(pcap.into()), output: None });
    let (plan, warnings) = match driver.open_one(checked) {
        Ok(ready) => ready,
        Err(errors) => return Ok(complain_and_none(&errors)),
    };
    eprint!("{}", render_native(&warnings));
    let options = Options { burst: 1, clock: Clock::simulated(), seed: 1, console: Box::new(console) };
    let mut engine = Engine::new(&Pool::new(BUFFERS), options);
    engine.start_trace(count, Some(into), filter);
    drop(engine.swap(plan));
    engine.run_to_end(AFTER);
    let packets = engine.finish_trace();
    Ok(Some((packets, engine.take_failures())))
}

fn live(
    mut driver: Driver,
    source: &Source,
    port: Option<String>,
    count: usize,
    filter: Option<Filter>,
    for_time: Option<Duration>,
) -> anyhow::Result<Option<Followed>> {
    let end = signals::end_requested()?;
    let checked = match driver.check(source) {
        Ok(checked) => checked,
        Err(errors) => return Ok(complain_and_none(&errors)),
    };
    let receiving = driver.devices(&checked, Some(Direction::Receive));
    if let Some(p) = &port
        && !receiving.contains(&p.as_str())
        && checked.topology().find(p).is_none()
    {
        bail!("--port: no element receives from ‘{p}’; there is {}", receiving.join(", "));
    }
    let (plan, warnings) = match driver.open_one(checked) {
        Ok(ready) => ready,
        Err(errors) => return Ok(complain_and_none(&errors)),
    };
    eprint!("{}", render_native(&warnings));
    if plan.topo.nodes.is_empty() {
        bail!("{}: there are no elements, so there is no packet to follow", source.file);
    }
    let clock = Clock::real(time::now);
    let options = Options { burst: 32, clock, seed: time::now(), console: Box::new(console) };
    let mut engine = Engine::new(&Pool::new(BUFFERS), options);
    engine.start_trace(count, port, filter);
    drop(engine.swap(plan));
    let worker = Worker::start(engine, Pace::default(), |news| eprintln!("sluice: {news}"))?;
    let started = time::now();
    while !worker.is_finished() && !end.load(Relaxed) {
        std::thread::sleep(Duration::from_millis(20));
        let late = for_time.is_some_and(|t| time::now() - started >= t.as_nanos() as u64);
        if late || worker.remote().run(|e| e.trace_left()) == Ok(0) {
            std::thread::sleep(Duration::from_millis(50)); // packets that were marked finish their way
            break;
        }
    }
    let _ = worker.remote().send(Box::new(|e| e.request_stop())); // gone: it has stopped
    let mut ended = worker.join().ok_or_else(|| anyhow!("the worker panicked; please report this"))?;
    Ok(Some((ended.engine.finish_trace(), ended.failures)))
}

fn complain_and_none(errors: &[sluice_dataplane::lang::Diagnostic]) -> Option<Followed> {
    complain(errors);
    None
}

/// Longest list of changes that stands beside its element, characters.
const BESIDE: usize = 64;

/// One packet's way, as a person reads it: a line for each element, with what it changed beside it,
/// or below it where that is much.
fn page(number: usize, t: &Traced) -> String {
    let seconds = t.time as f64 / 1e9;
    let mut out = format!(
        "packet {number}  from {}  {} bytes  at {seconds:.6}  {}\n",
        t.source,
        t.frame.len(),
        headline(&t.frame)
    );
    let width = t.steps.iter().map(|s| title(s).chars().count()).max().unwrap_or(0).min(48);
    for s in &t.steps {
        let input = s.input.map_or("      ".to_string(), |i| format!("in [{i}]"));
        let line = format!("  {:<width$}  {input}  {:<12}", title(s), ending(s));
        let changes = changes(s);
        let beside = changes.iter().map(|c| c.chars().count() + 2).sum::<usize>() <= BESIDE;
        if beside {
            out += format!("{line}  {}", changes.join("; ")).trim_end();
            out.push('\n');
        } else {
            out += &format!("{}\n", line.trim_end());
            changes.iter().for_each(|c| out += &format!("      {c}\n"));
        }
    }
    out.push('\n');
    out
}

/// An element's name and class; names that were made from the class say it already.
fn title(s: &Step) -> String {
    let last = s.element.rsplit('/').next().unwrap_or_default();
    let made = last.strip_prefix(s.class).is_some_and(|rest| rest.is_empty() || rest.starts_with('@'));
    if made { s.element.clone() } else { format!("{} :: {}", s.element, s.class) }
}

fn ending(s: &Step) -> String {
    match &s.end {
        End::Output(o) => format!("-> [{o}]"),
        End::Copied(o) => format!("also -> [{o}]"),
        End::Held => "held".into(),
        End::Consumed => "consumed".into(),
        End::Transmitted => "transmitted".into(),
        End::Dropped(why) => format!("dropped: {}", why.name()),
    }
}

/// What an element changed. Fields of one header that came or went together are one change.
fn changes(s: &Step) -> Vec<String> {
    let header = |c: &Change| c.field.split_once('.').map_or(c.field.clone(), |(h, _)| h.to_string());
    let groups = s.changes.chunk_by(|a, b| {
        let together = a.from.is_empty() && b.from.is_empty() || a.to.is_empty() && b.to.is_empty();
        together && header(a) == header(b)
    });
    groups.map(|g| group(g, &header(&g[0]))).collect()
}

fn group(changes: &[Change], header: &str) -> String {
    let short = |c: &Change| c.field.strip_prefix(header).unwrap_or(&c.field).trim_start_matches('.').to_string();
    match changes {
        [c] if !c.from.is_empty() && !c.to.is_empty() => format!("{} {} -> {}", c.field, c.from, c.to),
        [c] if c.from.is_empty() => format!("+ {} {}", c.field, c.to),
        [c] => format!("- {} {}", c.field, c.from),
        [first, ..] => {
            let came = first.from.is_empty();
            let value = |c: &Change| format!("{} {}", short(c), if came { &c.to } else { &c.from });
            let all: Vec<String> = changes.iter().map(value).collect();
            format!("{} {header}: {}", if came { '+' } else { '-' }, all.join(", "))
        }
        [] => String::new(),
    }
}

/// Addresses and protocol, for the first line.
pub(crate) fn headline(frame: &[u8]) -> String {
    let fields = describe::fields(frame);
    let value = |name: &str| fields.iter().find(|f| f.name == name).map(|f| f.value.as_str());
    let pair = |a, b| Some(format!("{} > {}", value(a)?, value(b)?));
    let ends = pair("ip.src", "ip.dst").or_else(|| pair("ipv6.src", "ipv6.dst")).or_else(|| pair("eth.src", "eth.dst"));
    let ports = pair("tcp.srcport", "tcp.dstport")
        .map(|p| format!("  tcp {p}"))
        .or_else(|| pair("udp.srcport", "udp.dstport").map(|p| format!("  udp {p}")))
        .or_else(|| value("icmp.type").map(|t| format!("  icmp type {t}")))
        .or_else(|| {
            let (asks, tells) = (value("arp.dst.proto_ipv4")?, value("arp.src.proto_ipv4")?);
            Some(match value("arp.opcode")? {
                "1" => format!("  arp: who has {asks}? tell {tells}"),
                "2" => format!("  arp: {tells} is at {}", value("arp.src.hw_mac")?),
                other => format!("  arp operation {other}"),
            })
        });
    format!("{}{}", ends.unwrap_or_default(), ports.unwrap_or_default())
}
