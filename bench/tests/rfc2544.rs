//! `sluice-bench rfc2544` as a person runs it, with simulated devices.
#![allow(clippy::unwrap_used)] // it is all test
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder of its own, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("sluice-bench-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn bench(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sluice-bench")).args(args).output().unwrap()
}

fn simulate(device: &str, out: &Path) -> Output {
    bench(&["rfc2544", "--simulate", device, "--out", out.to_str().unwrap()])
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_simulated_device_has_a_report_in_every_form_that_can_be_rechecked_and_compared() {
    let folder = Folder::new("forms");
    let (a, b) = (folder.0.join("a"), folder.0.join("b"));
    let run = simulate("frames", &a);
    assert!(run.status.success(), "{}", text(&run.stderr));
    assert!(text(&run.stdout).starts_with("NOT RFC 2544 conform: "), "{}", text(&run.stdout));
    assert!(simulate("bits", &b).status.success());
    let mut files: Vec<String> =
        std::fs::read_dir(&folder.0).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    let all = ["csv", "html", "json", "md", "trials.csv"];
    let expected: Vec<String> = ["a", "b"].iter().flat_map(|n| all.map(|e| format!("{n}.{e}"))).collect();
    assert_eq!(files, expected);
    let json = |p: &Path| p.with_extension("json").display().to_string();
    assert!(bench(&["recheck", &json(&a)]).status.success());
    let table = text(&bench(&["report", &json(&a), &json(&b)]).stdout);
    assert!(table.contains("| throughput, frames/s | 64 | 2,4") && table.contains(" x) |"), "{table}");
}

#[test]
fn a_report_whose_verdict_was_changed_fails_the_recheck() {
    let folder = Folder::new("changed");
    let out = folder.0.join("x");
    assert!(simulate("wire", &out).status.success());
    let file = out.with_extension("json");
    let json = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, json.replacen("\"mark\":\"none\"", "\"mark\":\"near-ceiling\"", 1)).unwrap();
    let recheck = bench(&["recheck", file.to_str().unwrap()]);
    assert_eq!(recheck.status.code(), Some(1));
    assert!(text(&recheck.stdout).contains("results[0].throughput.mark"), "{}", text(&recheck.stdout));
}

#[test]
fn a_device_that_dies_ends_with_an_error_and_a_partial_report() {
    let folder = Folder::new("dies");
    let out = folder.0.join("x");
    let run = simulate("dies", &out);
    assert_eq!(run.status.code(), Some(1));
    assert!(text(&run.stderr).contains("the device died"), "{}", text(&run.stderr));
    assert!(std::fs::read_to_string(out.with_extension("html")).unwrap().contains("PARTIAL, the device died"));
}

#[test]
fn an_interrupt_ends_the_run_with_a_partial_report() {
    let folder = Folder::new("interrupt");
    let out = folder.0.join("x");
    let args = ["rfc2544", "--simulate", "stalls", "--profile", "full", "--out", out.to_str().unwrap()];
    let mut run = Command::new(env!("CARGO_BIN_EXE_sluice-bench"))
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(run.stderr.take().unwrap());
    let mut line = String::new();
    told.read_line(&mut line).unwrap();
    assert!(line.starts_with("throughput, frames of 64: done"), "{line}");
    let process = rustix::process::Pid::from_child(&run);
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    let status = run.wait().unwrap();
    told.read_to_string(&mut line).unwrap();
    assert_eq!(status.code(), Some(1), "{line}");
    assert!(line.contains("interrupted; the report is partial"), "{line}");
    assert!(std::fs::read_to_string(out.with_extension("md")).unwrap().starts_with("PARTIAL, interrupted. "));
    assert!(bench(&["recheck", out.with_extension("json").to_str().unwrap()]).status.success());
}

#[test]
fn names_that_are_none_are_refused_with_those_that_are() {
    let run = simulate("nonsense", Path::new("/nowhere/x"));
    assert!(!run.status.success() && text(&run.stderr).contains("--simulate list"), "{}", text(&run.stderr));
    let list = text(&bench(&["rfc2544", "--simulate", "list"]).stdout);
    assert!(list.lines().count() >= 12 && list.contains("not-monotonic"), "{list}");
    let run = bench(&["rfc2544", "--simulate", "wire", "--profile", "/nowhere/p.toml"]);
    assert!(!run.status.success() && text(&run.stderr).contains("/nowhere/p.toml: cannot be read"));
}

#[test]
fn conditions_have_runs_of_their_own_beside_one_without() {
    let folder = Folder::new("modifiers");
    let out = folder.0.join("x");
    let run = bench(&["rfc2544", "--simulate", "wire", "--modifier", "all", "--out", out.to_str().unwrap()]);
    let (said, table) = (text(&run.stderr), text(&run.stdout));
    assert!(run.status.success(), "{said}");
    assert!(said.contains("left out: filters-25: only Sluice"), "{said}");
    for (n, name) in ["none", "broadcast", "management", "networks-256"].iter().enumerate() {
        let json = std::fs::read(folder.0.join(format!("x-{name}.json"))).unwrap();
        let report: serde_json::Value = serde_json::from_slice(&json).unwrap();
        let traffic = &report["profile"]["traffic"];
        assert_eq!(traffic["broadcast"], *name == "broadcast");
        assert_eq!(traffic["management"], *name == "management");
        assert_eq!(traffic["networks"], if *name == "networks-256" { 256 } else { 1 });
        assert!(table.contains(&format!("{}. {name}: ", n + 1)), "{table}");
    }
    let one = bench(&["rfc2544", "--simulate", "wire", "--modifier", "rain"]);
    assert!(!one.status.success() && text(&one.stderr).contains("no modifier rain: broadcast, management"));
}
