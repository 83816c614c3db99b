//! The element between a graph and a program, in simulated time: other elements play the program.
#[path = "../../../elements/tests/common/mod.rs"]
mod common;

use common::Bench;
use sluice_dataplane::element::{Class, Table};
use sluice_dataplane::graph::plan::Builder;
use sluice_dataplane::lang::render_native;
use sluice_dataplane::reason::Reason;
use sluice_external::{CLASSES, Door, Passage};
use std::sync::OnceLock;

/// Sluice's classes, the ends of cases, and those of this crate.
fn table() -> Table {
    static ALL: OnceLock<Vec<Class>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let mut all = [common::table().0, CLASSES].concat();
        all.sort_by_key(|c| c.name);
        all
    });
    Table(all)
}

fn bench(burst: usize, config: &str) -> Bench {
    let mut b = Bench::empty(burst, 4096);
    b.builder = Builder::new(table());
    b.builder.simulated = true;
    b.load(config);
    b
}

/// Runs until nothing can happen any more; counters must add up.
fn finish(b: &mut Bench) {
    b.engine.run_simulated(1_000_000);
    b.engine.check(0).expect("adds up");
}

fn number(b: &mut Bench, path: &str) -> u64 {
    let text = b.read(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    text.trim().parse().unwrap_or_else(|_| panic!("{path}: {text}"))
}

fn numbers<const N: usize>(b: &mut Bench, paths: [&str; N]) -> [u64; N] {
    paths.map(|path| number(b, path))
}

/// A packet each millisecond to a program that gives back what the switch lets through.
fn echo(name: &str, packets: u64, arguments: &str, more: &str) -> String {
    format!(
        "RatedSource(RATE 1000, LIMIT {packets}) -> gate :: ExternalGate({name}{arguments}) -> program :: Switch(0) -> [1] gate;
         program[1] -> lost :: Discard; gate[1] -> out :: Discard; {more}"
    )
}

#[test]
fn without_a_program_packets_go_past_or_are_dropped_by_name() {
    for burst in [1, 32] {
        let mut b = bench(burst, &echo("nobody", 10, "", ""));
        finish(&mut b);
        assert_eq!(b.engine.drops(), [(Reason::FunctionDown, 10)]);
        assert_eq!(numbers(&mut b, ["gate.dropped", "gate.given", "out.count"]), [10, 0, 0]);
        let mut b = bench(burst, &echo("nobody", 10, ", FAIL open", ""));
        finish(&mut b);
        assert_eq!(numbers(&mut b, ["gate.bypassed", "gate.given", "out.count"]), [10, 0, 10]);
        assert_eq!(b.read("gate.state").as_deref(), Ok("down"));
    }
}

#[test]
fn what_a_program_gives_back_goes_on() {
    let door = Door::of("echo");
    for burst in [1, 32] {
        door.open();
        let mut b = bench(burst, &echo("echo", 1000, "", ""));
        finish(&mut b);
        let paths = ["gate.given", "gate.returned", "gate.outstanding", "gate.stalls", "out.count"];
        assert_eq!(numbers(&mut b, paths), [1000, 1000, 0, 0, 1000]);
        assert_eq!(b.read("gate.state").as_deref(), Ok("up"));
        b.write("gate.reset_counts", "").expect("written");
        assert_eq!(number(&mut b, "gate.given"), 0);
    }
}

#[test]
fn a_monitor_gets_copies_and_the_packets_go_on() {
    let config = "src :: InfiniteSource(LIMIT 50) -> gate :: ExternalGate(monitor, RETURNS false, FAIL open)
                      -> copies :: Discard; gate[1] -> out :: Discard;";
    let door = Door::of("monitor");
    door.open();
    let mut b = bench(32, config);
    finish(&mut b);
    assert_eq!(numbers(&mut b, ["copies.count", "out.count", "gate.given"]), [50, 50, 50]);
    door.shut();
    b.write("src.limit", "100").expect("written");
    b.write("src.active", "true").expect("written");
    finish(&mut b);
    assert_eq!(numbers(&mut b, ["copies.count", "out.count", "gate.bypassed"]), [50, 100, 50]);
}

#[test]
fn a_program_that_keeps_packets_for_too_long_has_stalled() {
    let (door, script) = (Door::of("stalls"), "Script(wait 0.0505s, write program.switch 1);");
    for (fail, reason) in [("open", None), ("closed", Some(Reason::FunctionDown))] {
        door.open();
        let mut b = bench(1, &echo("stalls", 300, &format!(", FAIL {fail}"), script));
        finish(&mut b);
        let [given, returned, lost, stalls] =
            numbers(&mut b, ["gate.given", "gate.returned", "lost.count", "gate.stalls"]);
        // One each millisecond, until 100 ms after the first that did not come back.
        assert!((50..=52).contains(&returned) && (99..=102).contains(&lost), "{returned} {lost}");
        assert_eq!((given, stalls, door.passage()), (returned + lost, 1, Passage::Stalled));
        assert_eq!(door.outstanding(), lost);
        let past = numbers(&mut b, ["gate.bypassed", "gate.dropped"]);
        assert_eq!(past, if reason.is_some() { [0, 300 - given] } else { [300 - given, 0] });
        assert_eq!(b.engine.drops(), reason.map(|r| (r, 300 - given)).into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn a_stall_is_noticed_without_another_packet_and_ends_when_packets_come_back() {
    let door = Door::of("slow");
    door.open();
    let config = |delay: &str| {
        format!(
            "s :: InfiniteSource(LIMIT 3) -> gate :: ExternalGate(slow) -> Queue -> DelayUnqueue({delay}) -> [1] gate;
             gate[1] -> out :: Discard; Script(wait 120ms, set s $(gate.state), wait 100ms, print $s $(gate.state));"
        )
    };
    let mut b = bench(32, &config("150ms"));
    finish(&mut b);
    assert_eq!(b.printed(sluice_dataplane::context::Stream::Out), "stalled up\n");
    assert_eq!(numbers(&mut b, ["gate.stalls", "out.count"]), [1, 3]);
    let mut b = bench(32, &config("90ms"));
    finish(&mut b);
    assert_eq!(b.printed(sluice_dataplane::context::Stream::Out), "up up\n");
    assert_eq!(numbers(&mut b, ["gate.stalls", "out.count"]), [0, 3]);
}

#[test]
fn a_program_whose_packets_were_lost_is_found_working_by_another_packet() {
    let door = Door::of("probed");
    let script = "Script(wait 50.5ms, write program.switch 1, wait 200ms, write program.switch 0);";
    for burst in [1, 32] {
        door.open();
        let mut b = bench(burst, &echo("probed", 2000, "", script));
        finish(&mut b);
        let [given, lost, dropped, stalls] =
            numbers(&mut b, ["gate.given", "lost.count", "gate.dropped", "gate.stalls"]);
        // It loses what comes within 100 ms, and gets nothing for a second.
        assert!((99..=102).contains(&lost) && (990..=1002).contains(&dropped), "{lost} {dropped}");
        assert_eq!((given + dropped, stalls, door.passage()), (2000, 1, Passage::Up));
    }
}

#[test]
fn packets_that_get_lost_on_the_way_are_no_stall() {
    let door = Door::of("lossy");
    door.open();
    let lossy =
        "s :: RatedSource(RATE 1000, LIMIT 400) -> gate :: ExternalGate(lossy) -> RandomSample(0.5) -> [1] gate;
                 gate[1] -> out :: Discard;";
    let mut b = bench(1, lossy);
    b.engine.run_simulated(100_000);
    let [given, stalls] = numbers(&mut b, ["gate.given", "gate.stalls"]);
    assert!(given == 400 && stalls <= 1, "at the end the last one may be lost: {stalls}");
}

#[test]
fn patience_without_end_knows_no_stall() {
    let door = Door::of("patient");
    door.open();
    let mut b = bench(1, &echo("patient", 500, ", STALL 0", "Script(write program.switch 1);"));
    finish(&mut b);
    assert_eq!(numbers(&mut b, ["gate.stalls", "lost.count"]), [0, 500]);
}

#[test]
fn a_new_graph_goes_on_counting_and_watching() {
    let door = Door::of("swapped");
    door.open();
    let config = echo("swapped", 10, "", "");
    let mut b = bench(1, &config);
    b.write("program.switch", "1").expect("written");
    b.engine.run_simulated(20);
    let given = number(&mut b, "gate.given");
    assert!(given > 0 && door.passage() == Passage::Up);
    b.load(&config.replace("LIMIT 10", "LIMIT 0"));
    finish(&mut b);
    assert_eq!((number(&mut b, "gate.given"), door.passage()), (given, Passage::Stalled));
}

#[test]
fn the_class_is_documented_and_its_mistakes_are_told() {
    for class in CLASSES {
        let mut b = Bench::empty(1, 64);
        b.builder = Builder::new(table());
        let errors = b.builder.load(class.info.example, "example", &[], None).map(drop);
        assert!(errors.is_ok(), "{}", render_native(&errors.unwrap_err()));
        assert!(!class.info.doc.is_empty() && !class.info.synopsis.is_empty());
        for other in class.info.see {
            assert!(table().find(other).is_some(), "{other}");
        }
    }
    assert!(CLASSES.is_sorted_by_key(|c| c.name));
    let mut builder = Builder::new(table());
    let wrong = "Idle -> ExternalGate(x, FAIL never) -> Discard;";
    let errors = builder.load(wrong, "x", &[], None).map(drop).expect_err("refused");
    let text = render_native(&errors);
    assert!(text.contains("FAIL must be") && text.contains("connect input 1"), "{text}");
}
