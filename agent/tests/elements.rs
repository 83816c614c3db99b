//! `sluice elements`: the manual from the elements themselves.
#![allow(clippy::unwrap_used)] // a test that cannot go on panics
#[allow(dead_code)]
mod program;
use program::sluice;
use serde_json::Value;

#[test]
fn all_classes_are_listed_by_family() {
    let r = sluice(&["elements"]);
    assert_eq!((r.status, r.err.as_str()), (0, ""));
    let lines: Vec<&str> = r.out.lines().collect();
    let at = |what: &str| lines.iter().position(|l| *l == what).unwrap();
    let queue = lines.iter().position(|l| l.split_whitespace().next() == Some("Queue")).unwrap();
    assert!(at("monitoring") < at("queues") && at("queues") < queue && queue < at("sources"), "{}", r.out);
    assert!(lines[queue].ends_with("holds packets until they are pulled"));
    assert!(lines.iter().all(|l| l.chars().count() <= 80));
}

#[test]
fn a_page_tells_all_about_a_class() {
    let r = sluice(&["elements", "Queue"]);
    let start = "NAME\n    Queue - holds packets until they are pulled\n\nSYNOPSIS\n    Queue([CAPACITY])\n\nPORTS\n    \
                 1 input, push\n    1 to 2 outputs: 0 pull, 1 push\n\nARGUMENTS\n    CAPACITY  packets, default 1000\n";
    assert!(r.out.starts_with(start), "{}", r.out);
    assert!(r.out.contains("\n    capacity (read/write)\n"));
    assert!(r.out.lines().all(|l| l.chars().count() <= 80));
}

#[test]
fn every_page_is_complete() {
    let all: Value = serde_json::from_str(&sluice(&["elements", "--json"]).out).unwrap();
    let elements = all["elements"].as_array().unwrap();
    assert!(elements.len() >= 10);
    for e in elements {
        let class = e["class"].as_str().unwrap();
        let page = sluice(&["elements", class]).out;
        for title in ["NAME", "SYNOPSIS", "PORTS", "HANDLERS", "DESCRIPTION", "EXAMPLE"] {
            assert!(page.lines().any(|l| l == title), "{class}: no {title}");
        }
    }
}

#[test]
fn json_has_stable_names() {
    let r = sluice(&["elements", "Queue", "--json"]);
    let q: Value = serde_json::from_str(&r.out).unwrap();
    assert_eq!((&q["class"], &q["family"]), (&"Queue".into(), &"queues".into()));
    assert_eq!(
        q["outputs"],
        serde_json::json!({"min": 1, "max": 2, "more_than_inputs": null, "flow": ["pull", "push"]})
    );
    assert_eq!(
        q["arguments"][0],
        serde_json::json!({"name": "CAPACITY", "given": "optional", "type": "packets", "default": "1000",
                           "description": "packets it can hold"})
    );
    let handlers = q["handlers"].as_array().unwrap();
    assert!(handlers.iter().any(|h| h["name"] == "capacity" && h["access"] == "read/write"));
    let names: Vec<&str> = q.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = vec![
        "class",
        "family",
        "synopsis",
        "inputs",
        "outputs",
        "port_code",
        "flow_code",
        "paths",
        "arguments",
        "handlers",
        "description",
        "example",
        "see_also",
        "state",
        "task",
        "notifies",
        "live",
    ];
    expected.sort_unstable();
    let mut names = names;
    names.sort_unstable();
    assert_eq!(names, expected);
}

#[test]
fn a_misspelt_class_gets_a_hint() {
    let r = sluice(&["elements", "Quee"]);
    assert_eq!((r.status, r.out.as_str()), (1, ""));
    assert!(r.err.contains("no element class ‘Quee’") && r.err.contains("did you mean ‘Queue’?"), "{}", r.err);
}

#[test]
fn the_manual_in_the_tree_is_what_the_command_prints() {
    let printed = sluice(&["elements", "--manual"]).out;
    let kept = include_str!("../../elements/MANUAL.md");
    assert!(printed == kept, "elements/MANUAL.md is out of date: run `make manual`");
    // Every source that it names is there, and defines the class.
    let crate_dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../elements");
    let mut class = "";
    let mut sources = 0;
    for line in kept.lines() {
        class = line.strip_prefix("### ").unwrap_or(class);
        let Some((_, link)) = line.split_once("Source: [`") else { continue };
        let file = link.split('`').next().unwrap();
        let text = std::fs::read_to_string(crate_dir.join(file)).unwrap_or_else(|e| panic!("{class}: {file}: {e}"));
        assert!(text.contains(&format!("\"{class}\"")), "{file} does not define {class}");
        sources += 1;
    }
    assert_eq!(sources, kept.lines().filter(|l| l.starts_with("### ")).count());
}
