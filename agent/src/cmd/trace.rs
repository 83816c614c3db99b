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
use sluice_dataplane::trace::{End, Filter, MAX_TRACED, Step, Traced};
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
    #[arg(long, default_value_t = MAX_TRACED)]
    count: usize,
    /// Follows only packets that match this expression (the language of IPFilter).
    #[arg(long, value_name = "EXPRESSION")]
    filter: Option<String>,
    /// Without a capture file: waits no longer than this for packets.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    for_time: Option<Duration>,
}

pub(crate) fn main(args: Args) -> anyhow::Result<ExitCode> {
    let source = Source::read(&args.file)?;
    let (parameters, captures): (Vec<String>, Vec<String>) = args.rest.iter().cloned().partition(|a| is_parameter(a));
    if captures.len() > 1 {
        bail!("one capture file at a time: {}", captures.join(", "));
    }
    let filter = args.filter.as_deref().map(parse_filter).transpose()?;
    let driver = Driver::new(defines(&parameters)?);
    let count = args.count.min(MAX_TRACED);
    let packets = match captures.first() {
        Some(pcap) => from_capture(driver, &source, pcap, args.port.as_deref(), count, filter)?,
        None => live(driver, &source, args.port, count, filter, args.for_time)?,
    };
    let Some(packets) = packets else { return Ok(ExitCode::FAILURE) };
    if packets.is_empty() {
        println!("no packet was followed");
    }
    packets.iter().enumerate().for_each(|(i, t)| print!("{}", page(i + 1, t)));
    Ok(ExitCode::SUCCESS)
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
) -> anyhow::Result<Option<Vec<Traced>>> {
    driver.builder.simulated = true;
    driver.opener.no_devices = true;
    let checked = match driver.check(source) {
        Ok(checked) => checked,
        Err(errors) => return Ok(complain_and_none(&errors)),
    };
    let receiving: Vec<&str> = checked
        .ports()
        .map(|id| driver.builder.port(id))
        .filter(|p| p.direction == Direction::Receive)
        .map(|p| p.device.name())
        .collect();
    let into = match port {
        Some(p) if receiving.contains(&p) => p.to_string(),
        Some(p) => bail!("no element receives from ‘{p}’; there is {}", receiving.join(", ")),
        None => receiving.first().context("no element receives from a device")?.to_string(),
    };
    driver.opener.stands.insert(into.clone(), Stand { input: Some(pcap.into()), output: None });
    let (plan, warnings) = match driver.builder.prepare(checked, &mut |spec| driver.opener.open(spec)) {
        Ok(ready) => ready,
        Err(errors) => return Ok(complain_and_none(&errors)),
    };
    eprint!("{}", render_native(&warnings));
    let options = Options { burst: 1, clock: Clock::simulated(), seed: 1, console: Box::new(console) };
    let mut engine = Engine::new(&Pool::new(BUFFERS), options);
    engine.start_trace(count, Some(into), filter);
    drop(engine.swap(plan));
    engine.run_to_end(AFTER);
    engine.ports_mut().filter_map(|p| p.news()).for_each(|news| eprintln!("sluice: {news}"));
    Ok(Some(engine.finish_trace()))
}

fn live(
    mut driver: Driver,
    source: &Source,
    port: Option<String>,
    count: usize,
    filter: Option<Filter>,
    for_time: Option<Duration>,
) -> anyhow::Result<Option<Vec<Traced>>> {
    let end = signals::end_requested()?;
    let (plan, warnings) = match driver.prepare(source) {
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
    Ok(Some(ended.engine.finish_trace()))
}

fn complain_and_none(errors: &[sluice_dataplane::lang::Diagnostic]) -> Option<Vec<Traced>> {
    complain(errors);
    None
}

/// One packet's way, as a person reads it.
fn page(number: usize, t: &Traced) -> String {
    let seconds = t.time as f64 / 1e9;
    let mut out = format!(
        "packet {number}  from {}  {} bytes  at {seconds:.6}  {}\n",
        t.source,
        t.frame.len(),
        headline(&t.frame)
    );
    let width = t.steps.iter().map(|s| s.element.len() + s.class.len() + 4).max().unwrap_or(0).min(48);
    for s in &t.steps {
        let name =
            if s.element.starts_with(s.class) { s.element.clone() } else { format!("{} :: {}", s.element, s.class) };
        let input = s.input.map_or("      ".to_string(), |i| format!("in [{i}]"));
        out += &format!("  {name:<width$}  {input}  {:<24}{}\n", ending(s), changes(s));
    }
    out.push('\n');
    out
}

fn ending(s: &Step) -> String {
    match &s.end {
        End::Output(o) => format!("-> [{o}]"),
        End::Copied(o) => format!("copy -> [{o}]"),
        End::Held => "held".into(),
        End::Consumed => "consumed".into(),
        End::Transmitted => "transmitted".into(),
        End::Dropped(why) => format!("dropped: {}", why.name()),
    }
}

fn changes(s: &Step) -> String {
    let one = |c: &sluice_dataplane::trace::Change| match (c.from.as_str(), c.to.as_str()) {
        ("", to) => format!("+{} {to}", c.field),
        (from, "") => format!("-{} (was {from})", c.field),
        (from, to) => format!("{} {from} -> {to}", c.field),
    };
    s.changes.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// Addresses and protocol, for the first line.
fn headline(frame: &[u8]) -> String {
    let fields = describe::fields(frame);
    let value = |name: &str| fields.iter().find(|f| f.name == name).map(|f| f.value.as_str());
    let pair = |a, b| Some(format!("{} > {}", value(a)?, value(b)?));
    let ends = pair("ip.src", "ip.dst").or_else(|| pair("ipv6.src", "ipv6.dst")).or_else(|| pair("eth.src", "eth.dst"));
    let ports = pair("tcp.srcport", "tcp.dstport")
        .map(|p| format!("  tcp {p}"))
        .or_else(|| pair("udp.srcport", "udp.dstport").map(|p| format!("  udp {p}")))
        .or_else(|| value("icmp.type").map(|t| format!("  icmp type {t}")))
        .or_else(|| value("arp.opcode").map(|o| format!("  arp {o}")));
    format!("{}{}", ends.unwrap_or_default(), ports.unwrap_or_default())
}
