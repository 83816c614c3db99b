//! `sluice graph`: the flat graph as a picture and for tools.
#![allow(clippy::unwrap_used)] // a test that cannot go on panics
#[allow(dead_code)]
mod program;
use program::{sluice, sluice_with};
use serde_json::{Value, json};
use sluice_dataplane::time::now;
use std::collections::HashMap;

const ROUTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/graphs/router.click");
const SMALL: &str = "\
elementclass C { input -> Counter -> output };
InfiniteSource(LIMIT $N) -> c :: C -> q :: Queue -> n :: Null -> Discard; q [1] -> d :: Discard;";

fn draw(format: &str, text: &str) -> String {
    let r = sluice_with(&["graph", "-", "--format", format, "N=5"], text);
    assert_eq!((r.status, r.err.as_str()), (0, ""));
    r.out
}

#[test]
fn json_tells_elements_ports_and_connections() {
    let g: Value = serde_json::from_str(&draw("json", SMALL)).unwrap();
    let elements = g["elements"].as_array().unwrap();
    let names: Vec<&str> = elements.iter().map(|e| e["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["InfiniteSource@1", "q", "n", "Discard@5", "d", "c/Counter@1"]);
    assert_eq!(
        elements[1],
        json!({"name": "q", "class": "Queue", "config": "",
               "inputs": [{"flow": "push", "agnostic": false}],
               "outputs": [{"flow": "pull", "agnostic": false}, {"flow": "push", "agnostic": false}]})
    );
    assert_eq!(elements[0]["config"], "LIMIT 5", "parameters are replaced");
    assert_eq!(elements[2]["inputs"], json!([{"flow": "pull", "agnostic": true}]));
    let connections = g["connections"].as_array().unwrap();
    assert_eq!(connections.len(), 5);
    assert!(connections.contains(&json!({
        "from": {"element": "q", "port": 1}, "to": {"element": "d", "port": 0}, "flow": "push"
    })));
    assert!(connections.contains(&json!({
        "from": {"element": "n", "port": 0}, "to": {"element": "Discard@5", "port": 0}, "flow": "pull"
    })));
}

#[test]
fn dot_has_boxes_with_ports_clusters_and_dashed_pull_lines() {
    let d = draw("dot", SMALL);
    assert!(d.starts_with("digraph sluice {") && d.ends_with("}\n"));
    assert!(d.contains("e1 [label=\"{{<i0> 0}|q\\nQueue|{<o0> 0|<o1> 1}}\""), "{d}");
    assert!(d.contains("subgraph \"cluster_c/\" {") && d.contains("label=\"c\";"));
    assert_eq!(d.matches(" -> ").count(), 5);
    assert_eq!(d.matches("[style=dashed]").count(), 2, "into and out of n");
    let d = draw("dot", "InfiniteSource(DATA \"{a|b}<\\\"> x\") -> Discard;");
    assert!(d.contains(r#"InfiniteSource(DATA\ \"\{a\|b\}\<\\\"\>\ x\")"#), "{d}");
    if let Ok(checked) = dot_checks(&d) {
        assert!(checked, "Graphviz does not read it");
    }
}

/// Whether Graphviz reads it; an error where there is no Graphviz.
fn dot_checks(text: &str) -> std::io::Result<bool> {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let mut dot = Command::new("dot").args(["-Tplain"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    dot.stdin.take().map(|mut i| i.write_all(text.as_bytes())).transpose()?;
    Ok(dot.wait()?.success())
}

/// The start tags of an XML text with their attributes; panics where it is not well formed.
fn tags(text: &str) -> Vec<(String, HashMap<String, String>)> {
    let (mut open, mut found) = (Vec::new(), Vec::new());
    let mut pieces = text.split('<');
    assert_eq!(pieces.next(), Some(""));
    for piece in pieces {
        let (tag, text) = piece.split_once('>').unwrap();
        assert!(!text.contains('>'), "{piece}");
        for (i, _) in text.match_indices('&') {
            assert!(["&amp;", "&lt;", "&gt;", "&quot;"].iter().any(|e| text[i..].starts_with(e)), "{text}");
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
            continue;
        }
        let (tag, ends) = tag.strip_suffix('/').map_or((tag, false), |t| (t, true));
        let (name, rest) = tag.split_once(' ').unwrap_or((tag, ""));
        let mut attributes = HashMap::new();
        for pair in rest.split_terminator('"').collect::<Vec<_>>().chunks(2) {
            let name = pair[0].trim().strip_suffix('=').unwrap().to_string();
            assert!(attributes.insert(name, pair[1].to_string()).is_none());
        }
        if !ends {
            open.push(name.to_string());
        }
        found.push((name.to_string(), attributes));
    }
    assert!(open.is_empty(), "{open:?}");
    found
}

type Rect = [f64; 4];

fn rects(svg: &str, class: &str) -> Vec<Rect> {
    let of_class =
        |t: &&(String, HashMap<String, String>)| t.0 == "rect" && t.1.get("class").is_some_and(|c| c == class);
    let tags = tags(svg);
    let number = |t: &HashMap<String, String>, name: &str| t[name].parse::<f64>().unwrap();
    tags.iter().filter(of_class).map(|t| ["x", "y", "width", "height"].map(|n| number(&t.1, n))).collect()
}

fn overlap(a: &Rect, b: &Rect) -> bool {
    a[0] < b[0] + b[2] && b[0] < a[0] + a[2] && a[1] < b[1] + b[3] && b[1] < a[1] + a[3]
}

#[test]
fn svg_is_well_formed_and_no_box_lies_on_another() {
    let r = sluice(&["graph", ROUTER, "--format", "svg"]);
    assert_eq!((r.status, r.err.as_str()), (0, ""));
    let boxes = rects(&r.out, "box");
    assert_eq!(boxes.len(), 41);
    for (i, a) in boxes.iter().enumerate() {
        assert!(boxes[..i].iter().all(|b| !overlap(a, b)), "box {i}");
    }
    let paths = tags(&r.out).into_iter().filter(|t| t.1.get("class").is_some_and(|c| c.starts_with("line"))).count();
    let g: Value = serde_json::from_str(&sluice(&["graph", ROUTER, "--format", "json"]).out).unwrap();
    assert_eq!(paths, g["connections"].as_array().unwrap().len());
}

#[test]
fn packets_go_down_and_compounds_are_framed() {
    let svg = draw("svg", SMALL);
    let frames = rects(&svg, "frame");
    assert_eq!(frames.len(), 1);
    let inside = rects(&svg, "box").into_iter().filter(|b| overlap(b, &frames[0])).count();
    assert_eq!(inside, 1, "only the Counter");
    assert!(svg.contains(">c</text>") && svg.contains(">Counter@1</text>"));
    let rows: Vec<f64> = rects(&svg, "box").iter().map(|r| r[1]).collect();
    assert!(rows[0] < rows[5] && rows[5] < rows[1] && rows[1] < rows[2] && rows[2] < rows[3], "{rows:?}");
}

#[test]
fn text_of_users_stays_text() {
    let svg = draw("svg", "InfiniteSource(DATA \"<&>\u{7}\\\"x\") -> Discard;");
    tags(&svg);
    assert!(svg.contains("&lt;&amp;&gt;"));
}

#[test]
fn cycles_loops_and_empty_graphs_are_drawn() {
    tags(&draw("svg", ""));
    tags(&draw("svg", "n :: Null -> n;"));
    tags(&draw("svg", "a :: Null -> b :: Null -> a; i :: InfiniteSource -> t :: Tee -> a; t[1] -> t;"));
}

#[test]
fn large_graphs_take_no_long_time() {
    let mut text = String::from("t0 :: Tee; InfiniteSource -> t0;");
    for i in 0..400 {
        text += &format!("t{i}[1] -> t{0} :: Tee; t{i}[0] -> Counter -> t{0};", i + 1);
    }
    text += "t400 -> t0;";
    let start = now();
    tags(&draw("svg", &text));
    assert!(now() - start < 20_000_000_000, "{} ns", now() - start);
}

#[test]
fn errors_are_shown_and_nothing_is_drawn() {
    let r = sluice_with(&["graph", "-", "--format", "svg"], "x :: Quee;");
    assert_eq!((r.status, r.out.as_str()), (1, ""));
    assert!(r.err.contains("did you mean ‘Queue’?"));
}
