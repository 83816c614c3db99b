//! What scripts do outside the graph: files, signals, and the state that a swap carries over.
mod common;

use common::Bench;
use sluice_dataplane::context::Stream;
use sluice_dataplane::lang::render_native;

#[test]
fn scripts_write_and_read_files() {
    let folder = std::env::temp_dir().join(format!("script-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("folder");
    let f = folder.join("a file").to_string_lossy().into_owned();
    let mut b = Bench::new(
        &format!(
            "c :: Script(TYPE PASSIVE, return 5);
             s :: Script(print >\"{f}\" \"one\", print >>\"{f}\" c.run, append c.run \"{f}\", printn >> \"{f}\" \"x\",
                 print $(cat \"{f}\"), print $(catq \"{f}\"), save c.run -, print > {0}/no/x y, print $(cat {0}/none), kill x);",
            folder.display()
        )
        .replace(", kill x", ", print $(kill NONE 1), print, print $(kill 0 $$), stop"),
        1,
    );
    b.engine.run_simulated(1000);
    assert_eq!(std::fs::read_to_string(&f).expect("the file"), "one\n5\n5\nx");
    // What fails prints nothing and no line end.
    assert_eq!(b.printed(Stream::Out), "one\n5\n5\nx\n\"one\\n5\\n5\\nx\"\n5\n\n\n");
    let errors = b.printed(Stream::Err);
    let folder_name = folder.display();
    for line in [
        format!("  {folder_name}/no/x: No such file or directory\n"),
        format!("  {folder_name}/none: No such file or directory\n"),
        "  bad SIGNO\n".into(),
    ] {
        assert!(errors.contains(&line), "{line}{errors}");
    }
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn handlers_that_reach_outside_are_for_the_script_itself() {
    let mut b = Bench::new("s :: Script(TYPE PASSIVE);", 1);
    for handler in ["cat", "catq", "kill"] {
        assert!(b.read(&format!("s.{handler} /etc/hostname")).is_err());
    }
    assert!(!b.read("s.handlers").expect("handlers").contains("cat"));
}

#[test]
fn signals_are_asked_for_where_somebody_delivers_them() {
    let config = "elementclass C { s :: Script(TYPE SIGNAL HUP 10, print caught); } c :: C;";
    let mut b = Bench::empty(1, 8);
    let errors = render_native(&b.plan(config).err().expect("nobody delivers signals"));
    assert!(errors.contains("signals cannot be delivered here"), "{errors}");
    b.builder.signals = true;
    let plan = b.plan(config).unwrap_or_else(|e| panic!("{}", render_native(&e)));
    let wanted: Vec<(i32, &str)> = plan.services.signals.iter().map(|s| (s.number, &*s.handler)).collect();
    assert_eq!(wanted, [(1, "c/s.run"), (10, "c/s.run")]);
    drop(b.engine.swap(plan));
    b.engine.run_simulated(10);
    assert_eq!(b.printed(Stream::Out), "");
    let _ = b.write("c/s.run", ""); // `caught` names no handler: an error for the caller
    assert_eq!(b.printed(Stream::Out), "");
}

#[test]
fn a_script_starts_anew_with_the_next_graph_and_loses_no_packet() {
    let config = "InfiniteSource(LIMIT 10) -> Queue -> p :: Script(init n 0, set n $(add $n 1), write c.run, return 0)
        -> Unqueue(LIMIT 4) -> Discard; c :: Script(TYPE PASSIVE);";
    let mut b = Bench::new(config, 4);
    b.engine.run_simulated(20);
    assert!(b.read("p.get n").expect("n").parse::<u32>().expect("a number") >= 4);
    b.load(config);
    assert_eq!(b.read("p.get n").expect("n"), "0");
    b.engine.run_simulated(1000);
    b.engine.check(0).expect("counters add up");
    assert_eq!(b.engine.drops(), []);
}

#[test]
fn scripts_of_any_text_do_no_harm() {
    let words = [
        "set",
        "x",
        "$x",
        "$(",
        ")",
        "\"",
        "'",
        "goto",
        "a",
        "label",
        "print",
        "$(add 1",
        "${",
        "}",
        "return",
        "run",
        "write",
        "s.run",
        "s.goto a",
        "s.step",
        "wait",
        "0",
        "pause",
        "loop",
        "$(s.run",
        "read",
        "\\",
        "//",
        "/*",
        "init",
        "é",
        "$#",
        "$1",
        "error",
        "export",
        "$(shift)",
        "s.set y $y$y",
    ];
    let mut seed = 7u64;
    let mut next = |n: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % n
    };
    let mut ran = 0;
    for _ in 0..1500 {
        let mut config = "s :: Script(label a".to_string();
        for _ in 0..next(8) {
            config += ", ";
            for _ in 0..1 + next(5) {
                config += words[next(words.len())];
                config += " ";
            }
        }
        config += ");";
        let mut b = Bench::empty(1, 8);
        if let Ok(plan) = b.plan(&config) {
            drop(b.engine.swap(plan));
            b.engine.run_simulated(50);
            let _ = b.read("s.run 1 2");
            let _ = b.write("s.step", "3");
            b.engine.check(0).expect("counters add up");
            ran += 1;
        }
    }
    assert!(ran > 50, "only {ran} were scripts");
}
