//! Trials over memif, each in a process of its own: DPDK is started once in one. As root, with DPDK.
use serde_json::Value;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One after the other: testers and devices look for frames all the time, and there may be two cores.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a slow trial over memif printed; `None` where it cannot be made, with a line that says so.
fn trial(words: &[&str]) -> Option<Value> {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: needs root");
        return None;
    }
    let mut command = Command::new("timeout");
    command.args(["60", env!("CARGO_BIN_EXE_sluice-bench"), "trial", "links=memif"]).args(words);
    let out = command.args(["--rate", "3000", "--late", "0.2", "--size", "128"]).output().expect("coreutils");
    let said = String::from_utf8_lossy(&out.stderr);
    for missing in ["built without DPDK", "huge pages of 2 MB", "there is no ", "dpdk-testpmd’: No such file"] {
        if said.contains(missing) {
            println!("skipped: {}", said.trim());
            return None;
        }
    }
    assert!(out.status.success(), "{words:?}: {said}");
    Some(serde_json::from_slice(&out.stdout).expect("JSON"))
}

fn all_came_through(words: &[&str]) {
    let Some(result) = trial(words) else { return };
    came_through(&result, words);
}

fn came_through(result: &Value, words: &[&str]) {
    let counts = result["outcome"]["counts"].as_array().expect("counts");
    assert_eq!(counts.len(), 2);
    for c in counts {
        let number = |value: &Value| value.as_u64().expect("a number");
        let (sent, lost) = (number(&c["phases"][0]["sent"]), number(&c["phases"][0]["lost"]));
        assert!(sent + number(&result["not_offered"]) >= 3000, "{words:?}: {sent}");
        assert_eq!((lost, number(&c["received"])), (0, sent), "{words:?}");
        for other in ["duplicated", "corrupted", "returned", "foreign"] {
            assert_eq!(number(&c[other]), 0, "{words:?}: {other}");
        }
    }
    assert!(result["ceiling"].as_f64().is_some_and(|c| c > 3000.0), "{}", result["ceiling"]);
    assert!(result["tester"]["floor"].as_f64().is_some_and(|f| f > 50.0));
}

#[test]
fn testpmd_passes_every_frame() {
    let _alone = alone();
    all_came_through(&["kind=testpmd"]);
    all_came_through(&["kind=testpmd", "--ipv6", "--flows", "100000"]);
}

#[test]
fn sluice_passes_every_frame_in_each_of_its_functions() {
    let _alone = alone();
    all_came_through(&["kind=forward"]);
    all_came_through(&["kind=firewall", "rules=25"]);
    all_came_through(&["kind=sff", "--nsh"]);
    all_came_through(&["kind=router", "--networks", "256"]);
}

#[test]
fn the_ems_is_asked_for_statistics_while_frames_pass() {
    let _alone = alone();
    for kind in ["kind=forward", "kind=router"] {
        let words = [kind, "--management"];
        let Some(result) = trial(&words) else { return };
        came_through(&result, &words);
        let queries = &result["outcome"]["queries"];
        let [asked, answered] = ["asked", "answered"].map(|n| queries[n].as_u64().expect("a number"));
        assert!(asked > 1 && answered == asked, "{queries}");
    }
}

/// What a shortened test of throughput and reset found, over memif.
fn reset(device: &[&str]) -> Option<Value> {
    // Whether it can be made here.
    trial(device)?;
    let folder = std::env::temp_dir().join(format!("sluice-bench-{}-{}", std::process::id(), device.concat()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let (profile, out) = (folder.join("p.toml"), folder.join("r"));
    let text = "tests = [\"throughput\", \"reset\"]\nframes = [128]\n\
                [trial]\ntime = \"100ms\"\nlate = \"500ms\"\nsettle = \"0s\"\n\
                [throughput]\nsearch = \"verified\"\nattempts = 5\nlowest = \"0.001%\"\nwidth = \"50%\"\n[reset]\nat = \"500ms\"\ntime = \"5s\"\nrepetitions = 2\n";
    std::fs::write(&profile, text).expect("a profile");
    let mut command = Command::new("timeout");
    command.args(["120", env!("CARGO_BIN_EXE_sluice-bench"), "rfc2544", "--profile"]).arg(&profile);
    let run = command.arg("--out").arg(&out).args(["--device", "links=memif"]).args(device).output();
    let run = run.expect("coreutils");
    assert!(run.status.success(), "{device:?}: {}", String::from_utf8_lossy(&run.stderr));
    let report = std::fs::read(out.with_extension("json")).expect("a report");
    std::fs::remove_dir_all(&folder).expect("the folder");
    Some(serde_json::from_slice(&report).expect("JSON"))
}

#[test]
fn devices_over_memif_come_back_after_they_were_killed() {
    let _alone = alone();
    for kind in ["kind=testpmd", "kind=router"] {
        let Some(report) = reset(&[kind]) else { return };
        let resets = report["results"][0]["reset"]["resets"].as_array().expect("resets");
        assert_eq!(resets.len(), 2, "{kind}");
        for one in resets {
            assert!(one["back"] == true && one["lost"].as_u64() > Some(0), "{kind}: {one}");
        }
        let facts = report["tester"]["facts"].to_string();
        assert!(facts.contains("kill of the process (SIGKILL)"), "{facts}");
    }
}

#[test]
fn a_device_that_cannot_be_is_an_error_that_says_why() {
    let out = Command::new(env!("CARGO_BIN_EXE_sluice-bench")).args(["trial", "kind=hub"]).output().expect("runs");
    assert!(!out.status.success());
    assert!(String::from_utf8_lossy(&out.stderr).contains("device: kind: hub: forward, router"));
}
