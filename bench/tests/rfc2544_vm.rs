//! Virtual machines as devices, end to end: as root, with QEMU. What is not there is skipped by name.
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One after the other: emulated machines and testers share two cores.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether this file of Cargo's folder, QEMU and root are there.
fn have(file: &str, how: &str) -> bool {
    let program = Path::new(env!("CARGO_BIN_EXE_sluice-bench"));
    let target = program.parent().and_then(Path::parent).expect("Cargo's folder");
    let missing = if !rustix::process::geteuid().is_root() {
        "root"
    } else if Command::new("qemu-system-x86_64").arg("--version").output().is_err() {
        "qemu-system-x86_64"
    } else if !target.join(file).exists() {
        how
    } else {
        return true;
    };
    println!("skipped: needs {missing}");
    false
}

/// A folder of its own, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("sluice-bench-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Searches slowly for a rate without loss, with few trials.
fn run(device: &[&str], out: &Path) -> Output {
    let profile = out.with_extension("toml");
    let text = "tests = [\"throughput\"]\nframes = [128]\nline = \"10Mbps\"\n\
                [trial]\ntime = \"200ms\"\nlate = \"500ms\"\nsettle = \"0s\"\n\
                [throughput]\nsearch = \"verified\"\nattempts = 3\nlowest = \"0.1%\"\nwidth = \"50%\"\n";
    std::fs::write(&profile, text).expect("a profile");
    let mut command = Command::new("timeout");
    command.args(["240", env!("CARGO_BIN_EXE_sluice-bench"), "rfc2544", "--profile"]).arg(&profile);
    command.arg("--out").arg(out).arg("--device").args(device).output().expect("coreutils")
}

/// Every frame of every trial was received or is counted as lost; some were received. The report says where the device ran.
fn is_accounted_for(device: &[&str], out: &Path, system: &str) -> Value {
    let ended = run(device, out);
    assert!(ended.status.success(), "{device:?}: {}", String::from_utf8_lossy(&ended.stderr));
    let text = std::fs::read(out.with_extension("json")).expect("a report");
    let report: Value = serde_json::from_slice(&text).expect("JSON");
    let number = |value: &Value| value.as_u64().expect("a number");
    let mut received = 0;
    for trial in report["trials"].as_array().expect("trials") {
        for c in trial["outcome"]["counts"].as_array().expect("counts") {
            let all =
                |what: &str| c["phases"].as_array().expect("phases").iter().map(|p| number(&p[what])).sum::<u64>();
            assert_eq!(all("sent"), number(&c["received"]) + all("lost"), "{trial}");
            for other in ["duplicated", "corrupted", "returned"] {
                assert_eq!(number(&c[other]), 0, "{other}: {trial}");
            }
            received += number(&c["received"]);
        }
    }
    assert!(received > 0, "{}", report["results"]);
    let machine = &report["environment"]["machine"];
    assert!(machine["system"].as_str().is_some_and(|s| s.contains(system)), "{machine}");
    assert!(machine["qemu"].as_str().is_some_and(|q| q.contains("version")), "{machine}");
    let words = "nder emulation (TCG): rates say nothing about hardware";
    for page in ["md", "html"] {
        let text = std::fs::read_to_string(out.with_extension(page)).expect("a page");
        let first = text.split("<h1>").next().and_then(|t| t.lines().next()).expect("a line");
        assert_eq!(first.contains(words), machine["accelerator"] == "TCG", "{first}");
    }
    report
}

#[test]
fn an_image_in_a_virtual_machine_forwards_and_every_frame_is_accounted_for() {
    let _alone = alone();
    if !have("images/full/manifest.json", "the image ‘full’ (make image IMAGES=full)") {
        return;
    }
    let links = if cfg!(feature = "dpdk") { "links=vhost" } else { "links=tap" };
    let folder = Folder::new("vm-image");
    let report = is_accounted_for(&["kind=router", "image=full", links], &folder.0.join("r"), "image full");
    let digest = report["environment"]["machine"]["manifest_sha256"].as_str().map(str::len);
    assert_eq!(digest, Some(64));
    let device = report["tester"]["device"].as_str();
    assert_eq!(device, Some("Sluice in a virtual machine, router"));
}

#[test]
fn a_bridge_in_a_virtual_machine_forwards_and_every_frame_is_accounted_for() {
    let _alone = alone();
    // Tests fetch nothing.
    if !have("cloud-kernel/root/boot", "Debian's kernel for clouds (make bench ARGS=\"--only image\" fetches it)") {
        return;
    }
    let folder = Folder::new("vm-bridge");
    is_accounted_for(&["kind=bridge-vm", "links=tap"], &folder.0.join("r"), "Linux bridge");
}

#[test]
fn an_image_that_is_not_there_is_an_error_with_the_command_that_builds_it() {
    let folder = Folder::new("vm-none");
    let ended = run(&["kind=router", "image=none"], &folder.0.join("r"));
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success() && said.contains("make image IMAGES=none"), "{said}");
}
