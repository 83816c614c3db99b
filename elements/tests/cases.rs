//! Runs every file of `cases/`: a configuration in simulated time, packets in, packets out.
//!
//! A case is text in sections, each begun by a line `-- WORDS`:
//! - before the first section: what the case shows;
//! - `-- config`: the configuration;
//! - `-- in NAME`: packets (see `common/frames.rs`) that the element `NAME` sends, a line each;
//! - `-- out NAME`: packets that must arrive at the element `NAME`, in order; annotations are
//!   compared only where a line names them;
//! - `-- receive DEVICE`, `-- transmit DEVICE`: the same for devices, which are ports in memory;
//! - `-- stdout`, `-- stderr`: what must be printed, exactly;
//! - `-- said`: warnings and messages of the configuration, exactly;
//! - `-- read`: `element.handler = value` (`\n` for line ends) after the run;
//! - `-- write`: `element.handler value`, before the run;
//! - `-- drops`: `reason packets`; reasons that are not named must not have happened;
//! - `-- error`: the configuration must be refused, with these lines among the errors;
//! - `-- burst N`: runs at this burst only. Otherwise a case runs at burst 1 and at burst 32, and
//!   both must give the same.
mod common;

use common::{Bench, frames};
use sluice_dataplane::context::Stream;
use sluice_dataplane::lang::render_native;
use std::path::Path;

/// Most rounds that a case may take.
const ROUNDS: u64 = 1_000_000;

struct Section<'a> {
    kind: &'a str,
    name: &'a str,
    body: String,
}

impl Section<'_> {
    fn lines(&self) -> impl Iterator<Item = &str> {
        self.body.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'))
    }
}

fn sections(text: &str) -> Vec<Section<'_>> {
    let mut all: Vec<Section<'_>> = Vec::new();
    for line in text.lines() {
        if let Some(head) = line.strip_prefix("-- ") {
            let (kind, name) = head.trim().split_once(' ').unwrap_or((head.trim(), ""));
            all.push(Section { kind, name, body: String::new() });
        } else if let Some(s) = all.last_mut() {
            s.body.push_str(line);
            s.body.push('\n');
        }
    }
    all
}

fn run(file: &Path, text: &str) {
    let all = sections(text);
    let has = |kind: &str| all.iter().any(|s| s.kind == kind);
    for s in &all {
        let known = [
            "config", "in", "out", "receive", "transmit", "stdout", "stderr", "said", "read", "write", "drops",
            "error", "burst",
        ];
        assert!(known.contains(&s.kind), "unknown section `-- {}`", s.kind);
    }
    assert!(
        ["out", "transmit", "stdout", "stderr", "said", "read", "drops", "error"].iter().any(|k| has(k)),
        "{}: a case must expect something",
        file.display()
    );
    let mut config = String::new();
    for s in all.iter().filter(|s| s.kind == "in") {
        config += &format!("{} :: TestIn({});\n", s.name, s.lines().collect::<Vec<_>>().join(", "));
    }
    for s in all.iter().filter(|s| s.kind == "out") {
        config += &format!("{} :: TestOut;\n", s.name);
    }
    let lines = config.lines().count();
    let body = &all.iter().find(|s| s.kind == "config").expect("a section `-- config`").body;
    config += &format!("#line 1 \"config\"\n{body}");
    assert!(lines < 1000);
    if let Some(expected) = all.iter().find(|s| s.kind == "error") {
        let errors = match Bench::empty(1, 64).plan(&config) {
            Ok(_) => panic!("the configuration was accepted"),
            Err(errors) => render_native(&errors),
        };
        expected.lines().for_each(|l| assert!(errors.contains(l), "expected: {l}\nerrors:\n{errors}"));
        return;
    }
    let fixed = all.iter().find(|s| s.kind == "burst").map(|s| s.name.parse().expect("a burst"));
    for burst in fixed.map_or(vec![1, 32], |b| vec![b]) {
        let mut b = Bench::empty(burst, 4096);
        for s in all.iter().filter(|s| s.kind == "receive") {
            b.arriving.insert(s.name.into(), s.lines().map(|l| frames::parse(l).bytes).collect());
        }
        b.load(&config);
        for line in all.iter().filter(|s| s.kind == "write").flat_map(Section::lines) {
            let (path, value) = line.split_once(' ').unwrap_or((line, ""));
            b.write(path, value).unwrap_or_else(|e| panic!("write {line}: {e}"));
        }
        b.engine.run_simulated(ROUNDS);
        b.engine.check(0).unwrap_or_else(|e| panic!("counters do not add up: {e}"));
        all.iter().for_each(|s| expect(&mut b, s, burst));
        if !has("drops") {
            assert_eq!(b.engine.drops(), [], "drops, but no section `-- drops` (burst {burst})");
        }
    }
}

fn expect(b: &mut Bench, s: &Section<'_>, burst: usize) {
    match s.kind {
        "out" => {
            let seen = b.read(&format!("{}.seen", s.name)).expect("seen");
            let seen: Vec<&str> = seen.lines().collect();
            let want: Vec<_> = s.lines().collect();
            for (i, line) in want.iter().enumerate() {
                let w = frames::parse(line);
                let got =
                    seen.get(i).unwrap_or_else(|| panic!("{}: packet {i} missing (burst {burst}): {line}", s.name));
                let (bytes, annotations) = got.split_once(' ').unwrap_or((got, ""));
                let hex: String = w.bytes.iter().map(|b| format!("{b:02x}")).collect();
                assert_eq!(bytes, hex, "{}: packet {i} (burst {burst}): {line}", s.name);
                for (name, value) in &w.annotations {
                    let want = format!("{name}={value}");
                    let same = annotations.split(' ').any(|a| a == want);
                    assert!(same, "{}: packet {i} (burst {burst}): {want} wanted, is {annotations}", s.name);
                }
            }
            assert_eq!(seen.len(), want.len(), "{}: more packets than expected (burst {burst}): {seen:#?}", s.name);
        }
        "transmit" => {
            let sent = b.sent.get(s.name).unwrap_or_else(|| panic!("nothing sends through {}", s.name));
            let want: Vec<Vec<u8>> = s.lines().map(|l| frames::parse(l).bytes).collect();
            assert_eq!(*sent.lock().expect("frames"), want, "{} (burst {burst})", s.name);
        }
        "stdout" => assert_eq!(b.printed(Stream::Out), s.body, "standard output (burst {burst})"),
        "stderr" => assert_eq!(b.printed(Stream::Err), s.body, "standard error (burst {burst})"),
        "said" => assert_eq!(b.said, s.body, "what the configuration says (burst {burst})"),
        "read" => {
            for line in s.lines() {
                let (path, value) = line.split_once(" = ").unwrap_or((line.trim_end_matches(" ="), ""));
                let got = b.read(path).unwrap_or_else(|e| panic!("read {path}: {e}"));
                assert_eq!(got.trim_end(), value.replace("\\n", "\n"), "{path} (burst {burst})");
            }
        }
        "drops" => {
            let got: Vec<String> = b.engine.drops().iter().map(|(r, n)| format!("{} {n}", r.name())).collect();
            let mut want: Vec<&str> = s.lines().collect();
            let mut got: Vec<&str> = got.iter().map(String::as_str).collect();
            want.sort_unstable();
            got.sort_unstable();
            assert_eq!(got, want, "drops (burst {burst})");
        }
        _ => {}
    }
}

#[test]
fn every_case_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let only = std::env::var("CASE").ok();
    let mut failed = Vec::new();
    let mut ran = 0;
    let mut files: Vec<_> = std::fs::read_dir(&folder).expect("cases").map(|f| f.expect("file").path()).collect();
    files.sort();
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "case")) {
        let name = file.file_stem().expect("name").to_string_lossy().into_owned();
        if only.as_ref().is_some_and(|o| !name.starts_with(o)) {
            continue;
        }
        let text = std::fs::read_to_string(file).expect("text");
        ran += 1;
        if std::panic::catch_unwind(|| run(file, &text)).is_err() {
            failed.push(name);
        }
    }
    assert!(ran > 0, "no case of that name");
    assert!(failed.is_empty(), "{} of {ran} cases failed: {}", failed.len(), failed.join(", "));
}

#[test]
fn every_class_has_a_case_and_a_good_example() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut wrong = Vec::new();
    for info in sluice_elements::TABLE.classes() {
        if !folder.join(format!("{}-01.case", info.class)).exists() {
            wrong.push(format!("{}: no case", info.class));
        }
        if info.example.is_empty() {
            wrong.push(format!("{}: no example", info.class));
        } else if let Err(e) = Bench::empty(1, 8).builder.load(info.example, info.class, &[], None) {
            wrong.push(format!("{}: {}", info.class, render_native(&e)));
        }
        if info.doc.is_empty() || info.synopsis.is_empty() {
            wrong.push(format!("{}: no documentation", info.class));
        }
        for other in info.see {
            if sluice_elements::TABLE.find(other).is_none() {
                wrong.push(format!("{}: see also {other}: no such class", info.class));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_is_sorted() {
    let names: Vec<&str> = sluice_elements::TABLE.0.iter().map(|c| c.name).collect();
    assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
}
