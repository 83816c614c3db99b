//! Functions in graphs: where packets go, what a failure costs, and what a hot swap keeps.
mod common;

use common::{Folder, Rig, function, module_with, process};
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use sluice_dataplane::clock::Clock;
use sluice_dataplane::confine::Confinement;
use sluice_dataplane::engine::{Engine, Options};
use sluice_dataplane::graph::plan::Builder;
use sluice_dataplane::handler::Call;
use sluice_dataplane::pool::Pool;
use sluice_dataplane::worker::crew::engines;

/// Counts packets in a global; statistics give it, snapshot and restore carry it, byte by byte as ASCII digits would be
/// too long: one byte, `A` for none, and text in front that `label` gives.
fn counter(label: &str, more: &str) -> Vec<u8> {
    let len = label.len();
    let parts = format!(
        "(data (i32.const 16) \"{label}\") (global $n (mut i32) (i32.const 65))
         (func (export \"sluice_statistics\") (result i64)
           (i32.store8 (i32.const {at}) (global.get $n)) (i64.const {gives}))
         (func (export \"sluice_configure\") (param i32 i32) (result i32)
           (i32.sub (local.get 1) (i32.const 1))) {more} {}",
        function("(global.set $n (i32.add (global.get $n) (local.get 1)))"),
        at = 16 + len,
        gives = (16u64 << 32) | (len as u64 + 1),
    );
    module_with("", &parts)
}

const SNAPSHOT: &str = "(func (export \"sluice_snapshot\") (result i64)
    (i32.store8 (i32.const 8) (global.get $n)) (i64.const 0x800000001))";
const RESTORE: &str = "(func (export \"sluice_restore\") (param i32 i32) (result i32)
    (global.set $n (i32.load8_u (local.get 0))) (i32.const 0))";

/// Traps on the packet whose first byte is 0xff, else does nothing.
const FRAGILE: &str = "(if (i32.eq (i32.load8_u (i32.load (local.get 0))) (i32.const 255)) (then (unreachable)))";

fn source(n: u32, first: &str) -> String {
    // A name of its own: a source that a later graph has again would go on where it was.
    static NAMES: AtomicU32 = AtomicU32::new(0);
    let name = NAMES.fetch_add(1, Relaxed);
    format!("s{name} :: InfiniteSource(DATA \\<{first} 00 01 02 03 04 05 06>, LIMIT {n}, BURST 64)")
}

#[test]
fn packets_go_to_the_output_that_the_guest_names_or_are_dropped_by_it() {
    // Output 1 for every other packet, and the third of each batch is dropped.
    let body =
        "(i32.store16 offset=38 (local.get 0) (i32.const 1)) (i32.store16 offset=62 (local.get 0) (i32.const 0xffff))";
    let folder = Folder::new("outputs");
    let file = folder.put("m.wasm", &process(body));
    let mut r = Rig::new(4);
    r.load(&format!(
        "{} -> f :: WasmFunction({file}) -> a :: Counter -> Discard; f[1] -> b :: Counter -> Discard",
        source(8, "00")
    ));
    r.rounds(20);
    assert_eq!((r.number("a.count"), r.number("b.count")), (4, 2));
    r.only_dropped(&[("guest_dropped", 2)]);
    assert_eq!((r.number("f.batches"), r.number("f.packets"), r.number("f.traps")), (2, 8, 0));
    assert_eq!(
        (r.read("f.state"), r.read("f.exit_code"), r.number("f.down")),
        ("executing".into(), "noError".into(), 0)
    );
    assert!(r.number("f.fuel") > 0 && r.number("f.memory") >= 65_536);
    assert_eq!(
        r.read("f.module").len(),
        64 + 1 + std::fs::metadata(&file).expect("it is there").len().to_string().len()
    );
}

#[test]
fn a_failure_costs_its_batch_and_the_function_comes_back_while_others_lose_nothing() {
    let folder = Folder::new("failure");
    let file = folder.put("m.wasm", &process(FRAGILE));
    for (fail, passed) in [("closed", 0), ("open", 4)] {
        let mut r = Rig::new(4);
        let bad = source(4, "ff");
        let good = source(100, "00");
        r.load(&format!(
            "{bad} -> f :: WasmFunction({file}, FAIL {fail}) -> a :: Counter -> Discard;
             {good} -> g :: WasmFunction({file}) -> b :: Counter -> Discard;
             TimedSource(INTERVAL 5ms, LIMIT 4, DATA 12345678) -> f;"
        ));
        // Four packets come between 5 ms and 20 ms; the first finds no instance, those from 10 ms on do.
        r.rounds(400);
        assert_eq!((r.number("f.traps"), r.number("f.restarts"), r.read("f.state")), (1, 1, "executing".into()));
        assert_eq!(r.number("b.count"), 100);
        let down = r.number("f.passed") + r.dropped("guest_down");
        assert!((1..4).contains(&down), "{down}");
        assert_eq!((r.number("f.passed") > 0, r.dropped("guest_down") > 0), (passed > 0, passed == 0));
        assert_eq!(r.number("a.count") + r.dropped("guest_down"), 4);
        assert_eq!(r.dropped("guest_trap"), 4);
        assert!(r.engine.totals().add_up());
        assert!(r.read("f.last_error").contains("unreachable"));
        assert_eq!(r.read("f.exit_code"), "runtimeError");
        assert!(r.printed().contains("f: failed: "), "{}", r.printed());
        assert_eq!((r.number("g.traps"), r.read("g.state")), (0, "executing".into()));
    }
}

#[test]
fn who_runs_too_long_or_lies_is_told_apart() {
    let folder = Folder::new("reasons");
    let slow = folder.put("slow.wasm", &process("(loop (br 0))"));
    let liar = folder.put("liar.wasm", &process("(i32.store16 offset=14 (local.get 0) (i32.const 9))"));
    let mut r = Rig::new(8);
    r.load(&format!(
        "{} -> f :: WasmFunction({slow}, FUEL 1000) -> Discard; {} -> g :: WasmFunction({liar}) -> Discard",
        source(8, "00"),
        source(8, "00")
    ));
    r.rounds(1);
    r.only_dropped(&[("guest_invalid", 8), ("guest_limit", 8)]);
    assert_eq!(r.read("f.exit_code"), "lifeTimeExceeded");
    assert_eq!(r.read("g.exit_code"), "securityViolation");
    assert_eq!(r.read("g.last_error"), "invalid: output 9 of 1");
    assert_eq!((r.read("f.state"), r.number("f.down")), ("suspended".into(), 1));
    let asked = r.engine.call(Call::read("f.statistics", "")).expect_err("there is nobody to ask");
    assert!(asked.to_string().contains("no instance"), "{asked}");
    // Nobody has to send a packet for it to come back.
    r.rounds(50);
    assert_eq!((r.read("f.state"), r.number("f.restarts")), ("executing".into(), 1));
}

#[test]
fn a_guest_that_always_fails_is_started_less_and_less_often() {
    let folder = Folder::new("backoff");
    let file = folder.put("m.wasm", &process("(unreachable)"));
    let mut r = Rig::new(1);
    r.load(&format!("TimedSource(INTERVAL 1ms, LIMIT 2000) -> f :: WasmFunction({file}) -> Discard"));
    r.rounds(20_000);
    // In 2 s: after 10, 20, 40 ... 640, 1280 ms.
    let traps = r.number("f.traps");
    assert!((7..=9).contains(&traps), "{traps}");
    assert_eq!(r.dropped("guest_trap") + r.dropped("guest_down"), 2000);
    assert_eq!(r.dropped("guest_trap"), traps);
}

#[test]
fn an_instance_goes_on_across_a_swap_and_hears_of_its_new_configuration() {
    let folder = Folder::new("same");
    let file = folder.put("m.wasm", &counter("n=", ""));
    let again = folder.put("other-name.wasm", &counter("n=", ""));
    let mut r = Rig::new(1);
    r.load(&format!("{} -> f :: WasmFunction({file}) -> Discard", source(3, "00")));
    r.rounds(20);
    assert_eq!(r.read("f.statistics"), "n=D");
    r.load(&format!("{} -> f :: WasmFunction({again}, MEMORY 32) -> Discard", source(3, "00")));
    r.rounds(20);
    assert_eq!((r.read("f.statistics"), r.number("f.packets")), ("n=G".into(), 6));
    // It takes texts of one byte only.
    r.load(&format!("Idle -> f :: WasmFunction({file}, CONFIG x) -> Discard"));
    assert_eq!((r.read("f.statistics"), r.read("f.configuration")), ("n=G".into(), "x".into()));
    assert!(r.try_load(&format!("Idle -> f :: WasmFunction({file}, CONFIG xy) -> Discard")).is_err());
    assert_eq!(r.read("f.statistics"), "n=G", "what was refused changed nothing");
    assert!(r.write("f.configuration", "xyz").is_err());
    assert_eq!(r.read("f.configuration"), "x");
    r.write("f.configuration", "z").expect("one byte");
    assert_eq!((r.read("f.configuration"), r.number("f.traps")), ("z".into(), 0));
}

#[test]
fn another_module_gets_the_state_if_both_can() {
    let folder = Folder::new("state");
    let old = folder.put("old.wasm", &counter("old=", SNAPSHOT));
    let new = folder.put("new.wasm", &counter("new=", RESTORE));
    let neither = folder.put("neither.wasm", &counter("neither=", ""));
    let broken = folder.put(
        "broken.wasm",
        &counter("b=", "(func (export \"sluice_restore\") (param i32 i32) (result i32) (unreachable))"),
    );
    let mut r = Rig::new(1);
    let with = |file: &str| format!("{} -> f :: WasmFunction({file}) -> Discard", source(1, "00"));
    for (file, said) in [(&old, "old=B"), (&new, "new=C"), (&neither, "neither=B"), (&old, "old=B")] {
        r.load(&with(file));
        r.rounds(20);
        assert_eq!(r.read("f.statistics"), said);
    }
    assert_eq!((r.number("f.packets"), r.number("f.traps")), (4, 0));
    // Who fails over it starts afresh.
    r.load(&with(&broken));
    r.rounds(20);
    assert_eq!((r.read("f.state"), r.number("f.traps")), ("executing".into(), 1));
    assert!(r.engine.totals().add_up());
}

#[test]
fn restart_forgets_what_the_guest_knew() {
    let folder = Folder::new("restart");
    let file = folder.put("m.wasm", &counter("n=", ""));
    let mut r = Rig::new(1);
    r.load(&format!("{} -> f :: WasmFunction({file}) -> Discard", source(3, "00")));
    r.rounds(20);
    r.write("f.restart", "").expect("restarted");
    assert_eq!((r.read("f.statistics"), r.number("f.restarts"), r.number("f.traps")), ("n=A".into(), 1, 0));
}

#[test]
fn what_the_guest_logs_is_printed_and_kept() {
    let folder = Folder::new("log");
    let import = "(import \"sluice\" \"log\" (func $log (param i32 i32 i32)))";
    let says =
        format!("(data (i32.const 8) \"seen\") {}", function("(call $log (i32.const 1) (i32.const 8) (i32.const 4))"));
    let file = folder.put("m.wasm", &module_with(import, &says));
    let mut r = Rig::new(1);
    r.load(&format!("{} -> f :: WasmFunction({file}) -> Discard", source(25, "00")));
    r.rounds(60);
    assert_eq!(r.printed(), "f: warning: seen\n".repeat(10), "no more in a second");
    assert_eq!((r.read("f.log").lines().count(), r.number("f.log_lost")), (25, 15));
}

#[test]
fn what_is_wrong_with_a_configuration_or_a_module_is_said_before_it_runs() {
    let folder = Folder::new("wrong");
    let file = folder.put("m.wasm", &process(""));
    let broken = folder.put("broken.wasm", b"no module");
    let mut r = Rig::new(1);
    let mut wrong = |args: &str| r.try_load(&format!("Idle -> WasmFunction({args}) -> Discard")).expect_err(args);
    assert!(wrong("").contains("FILE"));
    assert!(wrong("/nowhere.wasm").contains("/nowhere.wasm: No such file or directory"));
    assert!(wrong(&broken).contains("broken.wasm: invalid: "));
    assert!(wrong(&format!("{file}, FUEL 5, EPOCH 5ms")).contains("mutually exclusive"));
    assert!(wrong(&format!("{file}, FUEL 0")).contains("must be 1 to 1000000000"));
    assert!(wrong(&format!("{file}, FUEL 1000000001")).contains("must be 1 to 1000000000"));
    assert!(wrong(&format!("{file}, EPOCH 2s")).contains("must be 1 ms to 1 s"));
    assert!(wrong(&format!("{file}, MEMORY 0")).contains("must be 1 to 1024"));
    assert!(wrong(&format!("{file}, FAIL maybe")).contains("must be ‘open’ or ‘closed’"));
    assert!(wrong(&format!("{file}, CONFIG x")).contains("takes no configuration"));
    r.load(&format!("Idle -> WasmFunction({file}, EPOCH 50ms, MEMORY 2, FAIL open) -> Discard"));
}

#[test]
fn confined_functions_load_modules_beneath_their_folder_only() {
    let folder = Folder::new("confined");
    folder.put("m.wasm", &process(""));
    let outside = Folder::new("outside");
    let file = outside.put("m.wasm", &process(""));
    let mut r = Rig::new(1);
    r.builder.confinement = Confinement::beneath(folder.path()).expect("a folder");
    r.load("Idle -> WasmFunction(m.wasm) -> Discard");
    assert!(r.try_load(&format!("Idle -> WasmFunction({file}) -> Discard")).is_err());
    std::os::unix::fs::symlink(&file, folder.path().join("link.wasm")).expect("a link");
    assert!(r.try_load("Idle -> WasmFunction(link.wasm) -> Discard").is_err());
}

#[test]
fn every_worker_has_an_instance_and_readings_become_one() {
    let folder = Folder::new("workers");
    let file = folder.put("m.wasm", &counter("n=", ""));
    let pool = Pool::new(4096);
    let mut engines = engines(2, |_| Engine::new(&pool, Options { clock: Clock::simulated(), ..Options::default() }));
    let mut builder = Builder::new(common::table());
    builder.workers = 2;
    builder.simulated = true;
    let config = format!(
        "StaticThreadSched(a 0, b 1); a :: InfiniteSource(LIMIT 3) -> f :: WasmFunction({file}) -> Discard;
         b :: InfiniteSource(LIMIT 4) -> f;"
    );
    let checked = builder.load(&config, "config", &[], None).expect("good");
    let (plans, _) = builder.prepare_all(checked, &mut |_, _| Err("no ports".into())).expect("set up");
    engines.iter_mut().zip(plans).for_each(|(e, plan)| drop(e.swap(plan)));
    for e in &mut engines {
        e.run_simulated(20);
    }
    let mut all = |path: &str| {
        let answers: Vec<String> =
            engines.iter_mut().map(|e| e.call(Call::read(path, "")).expect("an answer")).collect();
        let info = common::table().find("WasmFunction").expect("the class").info;
        let handler = path.rsplit('.').next().expect("a name");
        let merge = info.handlers.iter().find(|h| h.name == handler).expect("a handler").merge;
        (merge, answers)
    };
    assert_eq!(all("f.packets").1, ["3", "4"]);
    let (merge, answers) = all("f.statistics");
    assert_eq!(answers, ["n=D", "n=E"]);
    assert_eq!(merge.join(&["a=1\nb=x\n".into(), "a=41\nb=x\n".into()]), "a=42\nb=x\n");
    let (merge, answers) = all("f.state");
    assert_eq!(merge.join(&answers), "executing\nexecuting\n");
}

#[test]
fn the_class_is_documented_and_its_example_passes_the_checker() {
    let mut builder = Builder::new(common::table());
    for class in sluice_wasm::CLASSES {
        let info = class.info;
        assert!(!info.doc.is_empty() && info.args.iter().all(|a| !a.doc.is_empty()));
        assert!(builder.load(info.example, "example", &[], None).is_ok());
        let known = |name: &&str| common::table().find(name).is_some();
        assert!(info.see.iter().all(known));
    }
    assert!(sluice_wasm::CLASSES.is_sorted_by_key(|c| c.name));
}
