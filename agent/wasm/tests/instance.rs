//! What guests do, also bad ones, and what their host makes of it.
mod common;

use common::{FRAME, function, limits, module_with, packets, process, wat};
use sluice_dataplane::pool::Pool;
use sluice_wasm::abi::MAX_PACKETS;
use sluice_wasm::config::{Limits, Metering, Work};
use sluice_wasm::exchange::{DROPPED, Verdict};
use sluice_wasm::fault::Fault;
use sluice_wasm::instance::Instance;
use sluice_wasm::module::Module;
use std::sync::Arc;

fn start_with(bytes: &[u8], limits: Limits, config: &str) -> Result<Instance, Fault> {
    let module = Module::load(bytes, limits.work.metering())?;
    Instance::start(&module, limits, config, 7)
}

fn start(bytes: &[u8]) -> Instance {
    start_with(bytes, limits(), "").unwrap_or_else(|e| panic!("{e}"))
}

/// Three packets of 60 bytes through the guest, which has two outputs.
fn batch(instance: &mut Instance) -> Result<Vec<Verdict>, Fault> {
    let pool = Pool::new(8);
    let mut all = packets(&pool, &[60, 60, 60]);
    let mut verdicts = vec![0; 3];
    instance.process(&mut all, 2, &mut verdicts).map(|()| verdicts)
}

fn refused(bytes: &[u8]) -> String {
    match Module::load(bytes, Metering::Fuel) {
        Ok(_) => panic!("it was taken"),
        Err(why) => why.to_string(),
    }
}

/// Writes an output for packet number `n`.
fn output(n: u32, out: i32) -> String {
    format!("(i32.store16 (i32.add (local.get 0) (i32.const {})) (i32.const {out}))", n * 24 + 14)
}

const FOREVER: &str = "(loop (br 0))";

#[test]
fn an_empty_function_sends_everything_to_output_0() {
    let mut i = start(&process(""));
    assert_eq!(batch(&mut i), Ok(vec![0, 0, 0]));
    assert!(i.fuel() > 0);
}

#[test]
fn verdicts_and_changes_are_per_packet() {
    // Drops packet 0, sends packet 1 to output 1, and overwrites the first byte of packet 2.
    let body = format!(
        "{} {} (i32.store8 (i32.load offset=48 (local.get 0)) (i32.const 0x99)) (i32.store16 offset=64 (local.get 0) (i32.const 1))",
        output(0, 0xffff),
        output(1, 1)
    );
    let mut i = start(&process(&body));
    let pool = Pool::new(8);
    let mut all = packets(&pool, &[60, 60, 60]);
    let mut verdicts = vec![0; 3];
    assert_eq!(i.process(&mut all, 2, &mut verdicts), Ok(()));
    assert_eq!(verdicts, [DROPPED, 1, 0]);
    assert_eq!((all[2].data()[0], all[2].data()[1], all[1].data()[0]), (0x99, 1, 1));
}

#[test]
fn a_full_batch_of_long_packets_passes() {
    let mut i = start(&process(""));
    let pool = Pool::new(MAX_PACKETS);
    let mut all = packets(&pool, &[2000; MAX_PACKETS]);
    assert_eq!(i.process(&mut all, 1, &mut [0; MAX_PACKETS]), Ok(()));
}

#[test]
fn a_guest_that_loops_is_stopped_by_fuel_and_by_time() {
    let mut i = start(&process(FOREVER));
    assert_eq!(batch(&mut i), Err(Fault::Limit));
    assert_eq!(Work::Fuel(i.fuel()), limits().work, "it used all that it was given");
    let limits = Limits { work: Work::Time(5), memory: 1 << 20 };
    let mut i = start_with(&process(FOREVER), limits, "").expect("started");
    assert_eq!(batch(&mut i), Err(Fault::Limit));
    let mut i = start_with(&process(""), limits, "").expect("started");
    assert_eq!(batch(&mut i), Ok(vec![0, 0, 0]));
}

#[test]
fn a_guest_that_loops_before_its_first_batch_is_stopped_too() {
    let starts = format!("(func $s {FOREVER}) (start $s) {}", function(""));
    assert_eq!(start_with(&module_with("", &starts), limits(), "").err(), Some(Fault::Limit));
    let starts = format!("(func (export \"sluice_start\") {FOREVER}) {}", function(""));
    assert_eq!(start_with(&module_with("", &starts), limits(), "").err(), Some(Fault::Limit));
}

#[test]
fn bulk_operations_cost_what_they_move() {
    // 100 times 60,000 bytes: 100,000 instructions would be more than enough for the loop.
    let body = "(loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 60000))
        (br_if 0 (i32.lt_u (local.tee 3 (i32.add (local.get 3) (i32.const 1))) (i32.const 100))))";
    assert_eq!(batch(&mut start(&process(body))), Err(Fault::Limit));
}

#[test]
fn memory_grows_to_the_limit_and_not_beyond() {
    // Grows until it cannot, then traps if it never was refused.
    let body = "(loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))";
    let mut i = start(&process(body));
    assert_eq!(batch(&mut i), Ok(vec![0, 0, 0]));
    assert_eq!(i.memory(), limits().memory);
}

#[test]
fn who_wants_too_much_memory_does_not_start() {
    let huge = wat(&format!("(module (memory (export \"memory\") 1000) {FRAME} {})", function("")));
    assert!(matches!(start_with(&huge, limits(), ""), Err(Fault::Resources(_))));
    let table = module_with("", &format!("(table 1000000 funcref) {}", function("")));
    assert!(matches!(start_with(&table, limits(), ""), Err(Fault::Resources(_))));
    let tight = Limits { memory: 65_536, ..limits() };
    let why = start_with(&process(""), tight, "").err();
    assert!(matches!(why, Some(Fault::Invalid(_) | Fault::Resources(_))), "{why:?}");
}

#[test]
fn endless_recursion_ends_at_the_end_of_the_stack() {
    let body = format!("(func $f (call $f) (call $f)) {}", function("(call $f)"));
    let unlimited = Limits { work: Work::Fuel(u64::MAX), ..limits() };
    let mut i = start_with(&module_with("", &body), unlimited, "").expect("started");
    assert_eq!(batch(&mut i), Err(Fault::Resources("call stack exhausted".into())));
}

#[test]
fn a_trap_in_the_middle_of_a_batch_leaves_all_packets_as_they_were() {
    let body =
        "(i32.store8 (i32.load (local.get 0)) (i32.const 0x99)) (i32.store16 offset=16 (local.get 0) (i32.const 1))
        (drop (i32.div_u (i32.const 1) (i32.const 0)))";
    let mut i = start(&process(body));
    let pool = Pool::new(8);
    let mut all = packets(&pool, &[60, 60, 60]);
    let fault = i.process(&mut all, 2, &mut [0; 3]);
    assert!(matches!(&fault, Err(Fault::Trap(why)) if why.starts_with("integer divide by zero")), "{fault:?}");
    assert!(all.iter().enumerate().all(|(n, p)| p.data()[0] == n as u8));
}

#[test]
fn memory_out_of_bounds_is_a_trap() {
    let mut i = start(&process("(i32.store (i32.const -4) (i32.const 1))"));
    assert!(matches!(batch(&mut i), Err(Fault::Trap(why)) if why.contains("out of bounds")));
}

#[test]
fn lies_about_packets_are_found() {
    let invalid = |body: &str| match batch(&mut start(&process(body))) {
        Err(Fault::Invalid(why)) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(invalid(&output(1, 2)), "output 2 of 2");
    assert!(invalid("(i32.store offset=4 (local.get 0) (i32.const -1))").contains("does not end in its room"));
    assert!(invalid("(i32.store offset=24 (local.get 0) (i32.const 0))").contains("outside its room"));
    assert!(invalid("(i32.store offset=24 (local.get 0) (i32.const -1))").contains("outside its room"));
    assert!(invalid("(i32.store16 offset=16 (local.get 0) (i32.const 0x100))").contains("flags"));
    // All of the area is overwritten.
    invalid("(memory.fill (local.get 0) (i32.const 0xff) (i32.const 1536))");
}

#[test]
fn lies_about_the_area_are_found() {
    let area = |gives: &str| {
        let text = format!(
            "(module (memory (export \"memory\") 10) (func (export \"sluice_abi\") (result i32) (i32.const 1))
             (func (export \"sluice_area\") (param i32) (result i32) {gives}) {})",
            function("")
        );
        start_with(&wat(&text), limits(), "").err()
    };
    assert_eq!(area("(i32.const 64)"), None);
    assert!(matches!(area("(i32.const 0)"), Some(Fault::Resources(_))));
    assert!(matches!(area("(i32.const 65)"), Some(Fault::Invalid(_))), "not aligned");
    assert!(matches!(area("(i32.const 600000)"), Some(Fault::Invalid(_))), "it does not end in memory");
    assert!(matches!(area("(i32.const -16)"), Some(Fault::Invalid(_))));
}

#[test]
fn another_version_of_the_interface_is_refused() {
    let text = format!("(module (memory (export \"memory\") 1) {FRAME} {})", function(""));
    let two = wat(&text.replace("(result i32) (i32.const 1))", "(result i32) (i32.const 2))"));
    let why = start_with(&two, limits(), "").err().map(|e| e.to_string());
    assert_eq!(why.as_deref(), Some("invalid: speaks version 2 of the interface, not 1"));
}

#[test]
fn modules_that_lack_something_are_refused_by_name() {
    assert!(refused(&module_with("", "")).contains("exports no function ‘sluice_process’"));
    assert!(refused(&wat(&format!("(module (memory 1) {FRAME} {})", function("")))).contains("exports no ‘memory’"));
    let area = "(module (memory (export \"memory\") 1) (func (export \"sluice_abi\") (result i32) (i32.const 1)))";
    assert!(refused(&wat(area)).contains("‘sluice_area’"));
    assert!(refused(&module_with("", "(func (export \"sluice_process\") (param i32))")).contains("the type"));
    let odd = format!("(func (export \"sluice_statistics\") (result i32) (i32.const 0)) {}", function(""));
    assert!(refused(&module_with("", &odd)).contains("‘sluice_statistics’ does not have the type"));
    assert!(
        refused(&module_with("", &format!("(global (export \"sluice_stop\") i32 (i32.const 1)) {}", function(""))))
            .contains("‘sluice_stop’ is no function")
    );
    let wasi = "(import \"wasi_snapshot_preview1\" \"fd_write\" (func (param i32 i32 i32 i32) (result i32)))";
    assert!(refused(&module_with(wasi, &function(""))).contains("imports ‘wasi_snapshot_preview1.fd_write’"));
    let typed = "(import \"sluice\" \"clock\" (func (result i32)))";
    refused(&module_with(typed, &function("")));
    refused(&wat(&format!("(module (memory (export \"memory\") i64 1) {FRAME} {})", function(""))));
    refused(b"\0asm");
    refused(b"");
    refused(&vec![0; sluice_wasm::module::MAX_BYTES + 1]);
}

#[test]
fn mutated_modules_do_no_harm() {
    let whole = process("(memory.fill (local.get 0) (i32.const 0xff) (i32.const 15))");
    let mut seed = 5u64;
    let mut random = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    let (mut loaded, mut ran) = (0, 0);
    for _ in 0..400 {
        let mut bytes = whole.clone();
        for _ in 0..1 + random() % 2 {
            let at = random() % bytes.len();
            bytes[at] ^= 1 << (random() % 8);
        }
        let Ok(module) = Module::load(&bytes, Metering::Fuel) else { continue };
        loaded += 1;
        if let Ok(mut i) = Instance::start(&module, limits(), "", 0) {
            ran += 1;
            let _ = batch(&mut i);
        }
    }
    assert!(loaded > 0 && ran > 0, "{loaded} {ran}");
}

#[test]
fn the_same_bytes_are_compiled_once() {
    let (a, b) = (process("(nop)"), process("(nop) (nop)"));
    let load = |bytes: &[u8], metering| Module::load(bytes, metering).expect("a module");
    let first = load(&a, Metering::Fuel);
    assert!(Arc::ptr_eq(&first, &load(&a, Metering::Fuel)));
    assert!(!Arc::ptr_eq(&first, &load(&b, Metering::Fuel)));
    assert!(!Arc::ptr_eq(&first, &load(&a, Metering::Time)));
}

#[test]
fn the_clock_is_that_of_the_batch() {
    // Statistics: eight bytes of the clock.
    let imports = "(import \"sluice\" \"clock\" (func $clock (result i64)))";
    let parts = "(func (export \"sluice_statistics\") (result i64)
        (i64.store (i32.const 0) (call $clock)) (i64.const 8))";
    let module = module_with(imports, &format!("{parts} {}", function("")));
    let mut i = start(&module);
    assert!(i.module().uses_clock() && !start(&process("")).module().uses_clock());
    assert_eq!(i.statistics(), Ok(Some(String::new())), "7 ns, and control characters are taken out");
    i.set_time(u64::from_le_bytes(*b"12345678"));
    assert_eq!(i.statistics(), Ok(Some("12345678".into())));
}

const LOG: &str = "(import \"sluice\" \"log\" (func $log (param i32 i32 i32)))";

#[test]
fn a_guest_may_talk_all_day_but_not_about_memory_that_it_does_not_have() {
    let flood = "(loop (call $log (i32.const 2) (i32.const 0) (i32.const 60000))
        (br_if 0 (i32.lt_u (local.tee 3 (i32.add (local.get 3) (i32.const 1))) (i32.const 1000))))";
    assert_eq!(batch(&mut start(&module_with(LOG, &function(flood)))), Ok(vec![0, 0, 0]));
    let beyond = "(call $log (i32.const 2) (i32.const 65000) (i32.const -1))";
    let said = batch(&mut start(&module_with(LOG, &function(beyond))));
    assert_eq!(said, Err(Fault::Invalid("log: text outside of memory".into())));
}

#[test]
fn statistics_come_from_the_guests_memory_only() {
    let gives = |value: &str| {
        let f = format!(
            "(data (i32.const 16) \"a=1\\nb=2\\n\\1b\") (func (export \"sluice_statistics\") (result i64) {value})"
        );
        start(&module_with("", &format!("{f} {}", function("")))).statistics()
    };
    assert_eq!(gives("(i64.const 0x1000000009)"), Ok(Some("a=1\nb=2\n".into())));
    assert_eq!(gives("(i64.const 0)"), Ok(Some(String::new())));
    assert!(matches!(gives("(i64.const -1)"), Err(Fault::Invalid(_))));
    assert!(matches!(gives("(i64.const 0x1000f0000)"), Err(Fault::Invalid(_))));
    assert!(matches!(gives("(unreachable)"), Err(Fault::Trap(_))));
    assert_eq!(start(&process("")).statistics(), Ok(None));
}

#[test]
fn a_configuration_is_handed_over_or_refused_with_the_guests_own_words() {
    // Takes texts of 3 bytes, and repeats them as statistics.
    let parts = "(data (i32.const 8) \"three bytes, please\") (global $at (mut i64) (i64.const 0))
        (func (export \"sluice_configure\") (param i32 i32) (result i32)
          (if (i32.ne (local.get 1) (i32.const 3)) (then
            (call $log (i32.const 0) (i32.const 8) (i32.const 19)) (return (i32.const 1))))
          (i32.store (i32.const 64) (i32.load (local.get 0)))
          (global.set $at (i64.const 0x4000000003)) (i32.const 0))
        (func (export \"sluice_statistics\") (result i64) (global.get $at))";
    let module = module_with(LOG, &format!("{parts} {}", function("")));
    let mut i = start_with(&module, limits(), "abc").expect("started");
    assert_eq!(i.statistics(), Ok(Some("abc".into())));
    let refusal = Fault::Refused("its configuration: three bytes, please".into());
    assert_eq!(i.reconfigure("four"), Err(refusal.clone()));
    assert_eq!(i.statistics(), Ok(Some("abc".into())), "it goes on with what it had");
    assert_eq!(start_with(&module, limits(), "four").err(), Some(refusal));
    assert!(matches!(i.reconfigure(&"x".repeat(100_000)), Err(Fault::Refused(_))));
    assert!(matches!(start_with(&process(""), limits(), "abc"), Err(Fault::Refused(_))));
}

#[test]
fn a_state_moves_from_one_module_to_another_however_long_it_is() {
    let old = "(func (export \"sluice_snapshot\") (result i64)
        (memory.grow (i32.const 8)) (drop)
        (memory.fill (i32.const 0) (i32.const 0x61) (i32.const 200000)) (i64.const 200000))";
    let new = "(global $n (mut i64) (i64.const 0))
        (func (export \"sluice_restore\") (param i32 i32) (result i32)
          (i32.store (i32.const 0) (i32.load (i32.add (local.get 0) (i32.sub (local.get 1) (i32.const 4)))))
          (global.set $n (i64.extend_i32_u (local.get 1))) (i32.const 0))
        (func (export \"sluice_statistics\") (result i64)
          (if (result i64) (i64.eq (global.get $n) (i64.const 200000)) (then (i64.const 4)) (else (i64.const 0))))";
    let memory = Limits { work: Work::Fuel(1_000_000), memory: 2 << 20 };
    let mut old = start_with(&module_with("", &format!("{old} {}", function(""))), memory, "").expect("old");
    let mut new = start_with(&module_with("", &format!("{new} {}", function(""))), memory, "").expect("new");
    let state = old.snapshot().expect("a snapshot").expect("a state");
    assert_eq!((state.len(), new.restores(), old.restores()), (200_000, true, false));
    assert_eq!(new.restore(&state), Ok(()));
    assert_eq!(new.statistics(), Ok(Some("aaaa".into())));
    assert_eq!(batch(&mut new), Ok(vec![0, 0, 0]), "with the area where it is now");
    assert!(matches!(old.restore(&state), Err(Fault::Refused(_))));
}

#[test]
fn starting_and_stopping_are_told_to_the_guest_in_order() {
    let parts = "(data (i32.const 8) \"_initialize\") (data (i32.const 32) \"start\") (data (i32.const 48) \"stop\")
        (func (export \"_initialize\") (call $log (i32.const 2) (i32.const 8) (i32.const 11)))
        (func (export \"sluice_start\") (i32.store8 (i32.const 100) (i32.const 1)))
        (func (export \"sluice_stop\") (if (i32.load8_u (i32.const 100)) (then (unreachable))))";
    let i = start(&module_with(LOG, &format!("{parts} {}", function(""))));
    assert!(matches!(i.stop(), Err(Fault::Trap(_))), "it was started, and was told to stop");
    assert_eq!(start(&process("")).stop(), Ok(()));
}
