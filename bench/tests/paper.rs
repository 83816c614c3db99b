//! The experiment of `sluice-bench paper` without virtual machines, as short as it can be. As root.
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Whether it can be made here; a line says why not.
fn possible() -> bool {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: needs root");
        return false;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = |tool: &str| std::env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    let missing: Vec<&str> = ["iperf3", "ITGSend", "ITGRecv", "ITGDec", "ethtool", "ping", "setpriv"]
        .into_iter()
        .filter(|t| !there(t))
        .collect();
    if !missing.is_empty() {
        println!("skipped: needs {missing:?}");
        return false;
    }
    let sluice = Path::new(env!("CARGO_BIN_EXE_sluice-bench")).with_file_name("sluice");
    if !sluice.is_file() {
        println!("skipped: needs {} (cargo build)", sluice.display());
    }
    sluice.is_file()
}

#[test]
fn streams_and_flows_pass_the_process_and_the_kernels_bridge() {
    if !possible() {
        return;
    }
    let folder = std::env::temp_dir().join(format!("sluice-bench-paper-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let out = folder.join("paper");
    let mut command = Command::new("timeout");
    command.args(["300", env!("CARGO_BIN_EXE_sluice-bench"), "paper", "--only", "host", "--runs", "2"]);
    let ran = command.args(["--seconds", "1", "--sizes", "64,1500", "--out"]).arg(&out).output().expect("coreutils");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    let read = |ending: &str| std::fs::read_to_string(out.with_extension(ending)).expect(ending);
    let (json, text, page) = (read("json"), read("md"), read("html"));
    std::fs::remove_dir_all(&folder).expect("the folder");

    let report: Value = serde_json::from_str(&json).expect("JSON");
    assert!(text.starts_with("2 devices, 2 runs of 1 s for each workload; none under emulation."), "{text}");
    assert_eq!(page.matches("<svg ").count(), 2);
    let devices = report["devices"].as_array().expect("devices");
    let names: Vec<String> = devices.iter().map(|d| d["subject"]["function"].to_string()).collect();
    assert_eq!(names, ["\"socket\"", "\"bridge\""], "{said}");
    for device in devices {
        // Two sizes and three flows.
        assert_eq!(device["runs"].as_array().expect("runs").len(), 2 * 5, "{said}");
        for result in device["results"].as_array().expect("results") {
            assert!(result["estimate"]["mean"].as_f64().is_some_and(|mean| mean > 0.0), "{result}: {said}");
        }
    }
}

#[test]
fn a_device_that_is_not_known_is_refused_with_those_that_are() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice-bench"));
    let out = command.args(["paper", "--only", "kvm"]).output().expect("runs");
    assert!(!out.status.success());
    assert!(String::from_utf8_lossy(&out.stderr).contains("there are host-socket, host-bridge, qemu-full"));
}
