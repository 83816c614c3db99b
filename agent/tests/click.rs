//! `sluice click` does what Click's user-level driver is documented to do.
#![allow(clippy::unwrap_used)] // a test that cannot go on panics
#[allow(dead_code)]
mod program;
use program::{Folder, sluice, sluice_with, start};
use std::io::{BufRead as _, BufReader, Read as _};

const FIVE: &str = "s :: InfiniteSource(LIMIT 5, STOP true) -> c :: Counter -> Discard;";

#[test]
fn handlers_are_read_after_the_run() {
    let r = sluice(&["click", "-e", FIVE, "-h", "c.count"]);
    assert_eq!((r.out.as_str(), r.err.as_str(), r.status), ("5\n", "", 0));
    let r = sluice(&["click", "-e", FIVE, "-h", "c.count", "-hs.count"]);
    assert_eq!(r.out, "c.count:\n5\n\ns.count:\n5\n\n");
}

#[test]
fn handlers_are_found_by_pattern_and_by_class() {
    let two = "i :: InfiniteSource(LIMIT 3, STOP true) -> c1 :: Counter -> t :: Tee -> c2 :: Counter -> d :: Discard; t[1] -> Discard;";
    let both = "c1.count:\n3\n\nc2.count:\n3\n\n";
    assert_eq!(sluice(&["click", "-e", two, "-h", "c?.count"]).out, both);
    assert_eq!(sluice(&["click", "-e", two, "-h", "Counter.count"]).out, both);
    // Of several elements only those that have the handler.
    assert_eq!(sluice(&["click", "-e", two, "-h", "[cd]*.count"]).out.matches("c1.count:\n").count(), 1);
}

#[test]
fn a_handler_that_is_not_there_is_an_error_but_the_others_are_read() {
    let r = sluice(&[
        "click", "-e", FIVE, "-h", "c.nix", "-h", "x.count", "-h", "c.reset", "-h", "z*.y", "-h", "nix", "-h",
        "c.count",
    ]);
    let said = "no 'c.nix' handler\nno element 'x'\n'c.reset' is a write handler\nno element matching 'z*'\nno 'nix' handler\n";
    assert_eq!((r.err.as_str(), r.out.as_str(), r.status), (said, "c.count:\n5\n\n", 1));
}

#[test]
fn global_handlers_need_no_element() {
    let r = sluice(&["click", "-qe", FIVE, "-h", "list"]);
    assert_eq!(r.out, "3\ns\nc\nDiscard@3\n");
}

#[test]
fn quit_checks_and_runs_nothing() {
    let r = sluice(&["click", "-q", "-e", FIVE, "-h", "c.count"]);
    assert_eq!((r.out.as_str(), r.status), ("0\n", 0));
    let r = sluice(&["click", "-q", "-e", "Idle@3 -> Discard"]);
    assert_eq!(r.status, 1);
}

#[test]
fn the_exit_handler_gives_the_status() {
    assert_eq!(sluice(&["click", "-e", FIVE, "-x", "c.count"]).status, 5);
    assert_eq!(sluice(&["click", "-e", FIVE, "--exit-handler=s.active"]).status, 0, "true is success");
    let r = sluice(&["click", "-e", FIVE, "-x", "c.class"]);
    assert_eq!((r.err.as_str(), r.status), ("exit handler value should be integer\n", 255));
    let r = sluice(&["click", "-e", FIVE, "-x", "nix.count"]);
    assert_eq!((r.err.as_str(), r.status), ("no element named 'nix'\n", 255));
    let r = sluice(&["click", "-e", FIVE, "-x", "c.count", "-x", "c.count"]);
    assert_eq!(r.status, 1);
    assert!(r.err.starts_with("click: --exit-handler specified twice\nUsage: "), "{}", r.err);
}

#[test]
fn configurations_come_from_files_expressions_and_standard_input() {
    let dir = Folder::new("click-sources");
    let file = dir.file("a.click", FIVE);
    for args in [vec!["click", &file], vec!["click", "-f", &file], vec!["click", &format!("--file={file}")]] {
        let args = [args, vec!["-h", "c.count"]].concat();
        assert_eq!(sluice(&args).out, "5\n");
    }
    assert_eq!(sluice_with(&["click", "-h", "c.count"], FIVE).out, "5\n");
    assert_eq!(sluice_with(&["click", "-h", "c.count", "-"], FIVE).out, "5\n");
    let rest = dir.file("b.click", "c -> Discard;");
    let r = sluice(&[
        "click",
        "-e",
        "i :: InfiniteSource(LIMIT 4, STOP true) -> c :: Counter;",
        "-f",
        &rest,
        "-h",
        "c.count",
    ]);
    assert_eq!((r.out.as_str(), r.err.as_str()), ("4\n", ""));
    let r = sluice(&["click", "-e", "Idle -> Discard;", "-f", &dir.file("c.click", "\nx -> Discard;")]);
    assert!(r.err.contains("c.click:2: "), "places are those of each part: {}", r.err);
    let r = sluice(&["click", &file, &file]);
    assert!(r.err.starts_with("click: router configuration specified twice\n") && r.status == 1);
    let gone = dir.path("gone.click");
    let r = sluice(&["click", &gone]);
    assert_eq!((r.err, r.status), (format!("{gone}: No such file or directory\n"), 1));
}

#[test]
fn parameters_are_defined_on_the_command_line() {
    let text = "define($N 2, $M 9); InfiniteSource(LIMIT $N, STOP true) -> c :: Counter -> Discard;";
    assert_eq!(sluice(&["click", "N=7", "-e", text, "-h", "c.count"]).out, "7\n");
    assert_eq!(sluice(&["click", "-e", text, "-h", "c.count"]).out, "2\n");
    let r = sluice(&["click", "N=7", "N=8", "-e", text, "-h", "c.count"]);
    assert_eq!((r.out.as_str(), r.err.as_str()), ("7\n", "parameter 'N' multiply defined\n"));
    assert_eq!(r.status, 0, "as in Click");
}

#[test]
fn errors_are_clicks_and_nothing_runs() {
    let r = sluice(&["click", "-e", "InfiniteSource(LIMIT x) -> Discard;", "-h", "list"]);
    let lines: Vec<&str> = r.err.lines().collect();
    assert_eq!(lines[0], "config:1: While configuring 'InfiniteSource@1 :: InfiniteSource':");
    assert!(lines[1].starts_with("  "), "{}", r.err);
    assert_eq!(lines.last(), Some(&"Router could not be initialized!"));
    assert_eq!((r.status, r.out.as_str()), (1, ""));
    // Errors of the text end earlier.
    let r = sluice(&["click", "-e", "x :: Idel -> Discard;"]);
    assert_eq!((r.err.as_str(), r.status), ("config:1: unknown element class 'Idel'\n", 1));
}

#[test]
fn bad_options_say_how_to_get_help() {
    let r = sluice(&["click", "--nonsense"]);
    assert_eq!(r.status, 1);
    assert!(r.err.starts_with("click: unrecognized option '--nonsense'\nUsage: sluice click "), "{}", r.err);
    let r = sluice(&["click", "--help"]);
    assert!(r.status == 0 && r.out.contains("--exit-handler"));
    let r = sluice(&["click", "-v"]);
    assert!(r.status == 0 && r.out.starts_with("click (Sluice) "));
}

#[test]
fn the_flat_configuration_is_written() {
    let dir = Folder::new("click-output");
    let text =
        "elementclass P { input -> Counter -> output }; InfiniteSource(LIMIT 1, STOP true) -> p :: P -> Discard;";
    let flat = "InfiniteSource@1 :: InfiniteSource(LIMIT 1, STOP true);\nDiscard@3 :: Discard;\np/Counter@1 :: Counter;\n\nInfiniteSource@1 -> p/Counter@1\n    -> Discard@3;\n";
    assert_eq!(sluice(&["click", "-qo", "-", "-e", text]).out, flat);
    let file = dir.path("flat.click");
    assert_eq!(sluice(&["click", "-e", text, "--output", &file]).status, 0);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), flat);
    let bad = dir.path("no/flat.click");
    let r = sluice(&["click", "-e", text, "-o", &bad, "-h", "p/Counter@1.count"]);
    assert_eq!((r.err, r.status), (format!("{bad}: No such file or directory\n"), 1));
    assert_eq!(r.out, "1\n", "the run goes on");
}

#[test]
fn an_empty_configuration_exits_with_a_warning() {
    let r = sluice(&["click", "-e", "// nothing"]);
    assert_eq!((r.err.as_str(), r.status), ("warning: config: configuration has no elements, exiting\n", 0));
    assert_eq!(sluice(&["click", "-w", "-e", ""]).err, "");
    assert_eq!(sluice(&["click", "--no-warnings", "-e", ""]).err, "");
}

#[test]
fn simulated_time_ends_when_nothing_can_happen() {
    let r =
        sluice(&["click", "--simtime", "-e", "InfiniteSource(LIMIT 5) -> q :: Queue -> Discard;", "-h", "q.length"]);
    assert_eq!((r.out.as_str(), r.status), ("0\n", 0));
    let r = sluice(&["click", "--simtime", "-e", "FromDevice(lo) -> Discard"]);
    assert!(r.status == 1 && r.err.ends_with("Router could not be initialized!\n"), "{}", r.err);
}

#[test]
fn the_time_of_the_run_is_printed() {
    let r = sluice(&["click", "-te", FIVE]);
    let parts: Vec<&str> = r.out.trim_end().split(' ').collect();
    assert!(
        parts.len() == 3 && parts[0].ends_with('u') && parts[1].ends_with('s') && parts[2].starts_with("0:0"),
        "{}",
        r.out
    );
}

#[test]
fn an_interrupt_stops_the_driver_and_handlers_are_read() {
    let text = "InfiniteSource(LIMIT 5) -> c :: Counter -> Discard;";
    let mut run = start(&["click", "-o", "-", "-e", text, "-h", "c.count"]);
    let pid = run.pid();
    let child = run.0.as_mut().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("-> Discard@3") {
        assert!(out.read_line(&mut line).unwrap() > 0);
    }
    // The flat configuration is written before the driver starts.
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(child.try_wait().unwrap(), None, "it runs until it is stopped");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!((rest.as_str(), child.wait().unwrap().code()), ("5\n", Some(0)));
}

#[test]
fn libraries_are_found_along_the_click_path() {
    let dir = Folder::new("click-path");
    dir.file("five.click", "elementclass Five { InfiniteSource(LIMIT 5, STOP true) -> output };");
    let text = "require(library five); Five -> c :: Counter -> Discard;";
    let r = sluice(&["click", "-C", dir.0.to_str().unwrap(), "-e", text, "-h", "c.count"]);
    assert_eq!((r.out.as_str(), r.err.as_str()), ("5\n", ""));
}

#[test]
fn a_script_that_replaces_its_graph_and_ends_does_not_stop_the_next_one() {
    let next = "InfiniteSource(LIMIT 3, STOP true) -> c :: Counter -> Discard;";
    let config = format!("Idle -> Discard; DriverManager(writeq hotconfig \"{next}\");");
    let r = sluice(&["click", "-R", "-e", &config, "-h", "c.count"]);
    assert_eq!((r.out.as_str(), r.err.as_str(), r.status), ("3\n", "", 0));
}

#[test]
fn time_can_run_faster_or_not_wait_at_all() {
    let script =
        |speed: &str| format!("Script(write timewarp {speed}, print timewarp, wait 1h, write timewarp 1, stop)");
    for speed in ["100000", "nowait"] {
        let r = sluice(&["click", "-e", &script(speed)]);
        assert_eq!((r.out, r.err, r.status), (format!("{speed}\n"), String::new(), 0));
    }
    let r = sluice(&["click", "--simtime", "-e", &script("2")]);
    assert!(r.out == "simulation\n" && r.err.contains("no 'timewarp' write handler"), "{}{}", r.out, r.err);
}

#[test]
fn affinity_is_that_of_the_whole_process_and_one_thread_runs_the_elements() {
    let core = sluice_dataplane::io::affinity::allowed_cores().unwrap().pop().unwrap();
    let affinity = format!("--affinity={core}");
    let r = sluice(&["click", &affinity, "-e", "Script(print $(cat /proc/self/status), stop)"]);
    let line = r.out.lines().find(|l| l.starts_with("Cpus_allowed_list:")).unwrap_or_default();
    assert_eq!(line.rsplit('\t').next(), Some(&*core.to_string()), "{}", r.err);
    let r = sluice(&["click", "-j", "2", "-e", "Script(stop)"]);
    assert_eq!(r.err, "warning: built without multithread support, running single threaded\n");
}

#[test]
fn members_of_a_multicast_group_hear_each_other_but_not_themselves() {
    let group = "McastSocket(233.252.0.99, 43217, 127.0.0.1)";
    let text = format!(
        "InfiniteSource(LIMIT 3) -> a :: {group} -> Discard; b :: {group} -> c :: Counter -> Discard;
         Script(label again, wait 0.01s, goto again $(lt $(c.count) 3), print a.count, print b.count, print a.sent, stop);
         Script(wait 10s, stop);"
    );
    let r = sluice(&["click", "-e", &text]);
    assert_eq!((r.out.as_str(), r.err.as_str()), ("0\n3\n3\n", ""));
    let r = sluice(&["click", "-e", "McastSocket(233.252.0.99, 43217, 192.0.2.77) -> Discard"]);
    let why = "While initializing 'McastSocket@1 :: McastSocket':\n  bind: Cannot assign requested address\n";
    assert!(r.err.contains(why), "{}", r.err);
}
