//! Profiles: the built-in ones, and what is said of bad ones.
use super::*;
use crate::rfc2544::progress::estimate;
use std::fs;

fn errors(name: &str, text: &str) -> Vec<String> {
    let file = std::env::temp_dir().join(format!("sluice-bench-{}-{name}.toml", std::process::id()));
    fs::write(&file, text).unwrap();
    let result = Profile::load(&file.display().to_string());
    fs::remove_file(&file).unwrap();
    let path = format!("{}:", file.display());
    let errors = result.unwrap_err().to_string();
    errors.lines().map(|l| l.strip_prefix(&path).expect("each has file:line").to_owned()).collect()
}

#[test]
fn the_full_profile_is_by_the_standard_and_the_quick_one_says_that_it_is_not() {
    assert_eq!(Profile::load("full").unwrap().departures(), Vec::<String>::new());
    let quick = Profile::load("quick").unwrap();
    assert_eq!(quick.frames.len(), 7);
    let departures = quick.departures().join("; ");
    assert!(departures.contains("trials of 1 s (standard: 60 s)"), "{departures}");
    let headline = run("wire", &quick).headline;
    assert!(headline.starts_with("NOT RFC 2544 conform: trials of 1 s (standard: 60 s); "), "{headline}");
    assert!(
        run("wire", &profile(&Test::ALL, &[64])).headline.starts_with("NOT RFC 2544 conform: "),
        "sizes are missing"
    );
}

#[test]
fn the_quick_profile_takes_less_than_five_minutes_of_any_device() {
    let quick = Profile::load("quick").unwrap();
    let estimates = quick.tests.iter().flat_map(|t| quick.frames.iter().map(|f| estimate(&quick, *t, f.line(10e9))));
    let estimated: Duration = estimates.sum();
    assert!(estimated < Duration::from_secs(300), "{estimated:?}");
    for name in ["frames", "stalls", "periodic-loss", "lossy", "not-monotonic", "wire", "drops-all"] {
        let mut s = simulation(name).unwrap();
        run_on(&mut s, &quick);
        assert!(s.now() < Duration::from_secs(300), "{name}: {:?}", s.now());
    }
}

#[test]
fn every_error_of_a_profile_is_told_with_its_line() {
    let found = errors(
        "values",
        "name = \"x\"\ntests = [\"latency\", \"speed\"]\nframes = [63, \"imix\", [[64, 7], [1518, 0]]]\nline = \"10\"\n\
         colour = 1\n[trial]\ntime = \"1h\"\nlearn = \"yes\"\n[throughput]\nsearch = \"fast\"\nwidth = \"90%\"\nloss-ratios = [0.1]\n\
         [traffic]\nflows = 0\nip = \"ipx\"\n[device]\na = 1\n",
    );
    let starts = [
        "2: \"throughput\" is missing; latency start from it",
        "2: tests must be a list of names of tests",
        "3: frames must be a list of sizes",
        "3: frames must be a list of sizes",
        "4: line must be a rate such as \"10Gbps\"",
        "5: no setting \"colour\"",
        "7: time must be a time such as",
        "8: learn must be true or false",
        "10: search must be one of \"binary\", \"verified\", \"mlr\"",
        "11: width must be a share",
        "12: the first loss ratio must be 0",
        "14: flows must be a number from 1 to 1000000",
        "15: ip must be one of \"ipv4\", \"ipv6\"",
        "17: device.a must be a text",
    ];
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for (found, start) in found.iter().zip(starts) {
        assert!(found.starts_with(start), "{found} is not {start}");
    }
}

#[test]
fn what_is_not_toml_is_told_with_its_line_too() {
    let found = errors("syntax", "name = \"x\"\n[trial\ntime = \"1s\"\n[throughput]\nwidth = = 1\nattempts = 99\n");
    let at = |line: &str| found.iter().any(|f| f.starts_with(line));
    assert!(at("2: ") && at("5: ") && at("6: "), "{found:#?}");
}

#[test]
fn a_profile_that_is_not_there_is_named_with_those_that_are() {
    let why = Profile::load("/nowhere/x.toml").unwrap_err().to_string();
    assert!(why.starts_with("/nowhere/x.toml: cannot be read") && why.contains("quick and full"), "{why}");
}

#[test]
fn whatever_a_profile_says_a_report_keeps() {
    let text = "name = \"mine\"\nframes = [64, \"imix\", [[64, 1], [9000, 3]], 9000]\ndirections = \"both\"\nline = \"2.5Gbps\"\n\
                [traffic]\nip = \"ipv6\"\nflows = 1_000_000\nnetworks = 256\nrandom = true\n[throughput]\nsearch = \"mlr\"\n\
                [device]\na = \"eth0\"\nb = \"eth1\"\n";
    let file = std::env::temp_dir().join(format!("sluice-bench-{}-kept.toml", std::process::id()));
    fs::write(&file, text).unwrap();
    let profile = Profile::load(&file.display().to_string()).unwrap();
    fs::remove_file(&file).unwrap();
    assert_eq!((profile.line, profile.frames.len(), profile.traffic.flows), (Some(2.5e9), 4, 1_000_000));
    assert_eq!(profile.device.get("b").map(String::as_str), Some("eth1"));
    let read: Profile = serde_json::from_str(&serde_json::to_string(&profile).unwrap()).unwrap();
    assert_eq!(read, profile);
}
