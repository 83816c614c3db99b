//! A program of DPDK's as a function behind the structural agent, attached by memif.
use crate::common::{balance, must, wait};
use crate::rig::{LONG, testpmd, unique};
use crate::vnf::Rig;
use serde_json::json;

const FILTER: &str = "input -> MarkIPHeader(14) -> f :: IPFilter(allow all) -> output;\n";

/// One that sends back what it receives. Without a number of seconds it would end when it finds nobody to type.
const TESTPMD: &str = "command = ['dpdk-testpmd', '--no-huge', '--no-shconf', '-m', '96', '--no-pci', '--no-telemetry', \
    '--vdev', 'net_memif0,role=client,id=0,socket={memif0},socket-abstract=no', 'PREFIX', \
    '--', '--total-num-mbufs=4096', '--disable-link-check', '--no-flush-rx', '--stats-period=3600']\n";

/// `prefix`: an argument of the program.
fn description(prefix: &str) -> String {
    let program = TESTPMD.replace("PREFIX", prefix);
    format!(
        "[run]
dpdk = '--no-huge -m 128'
buffers = 8192
[[functions]]
name = 'filter'
file = 'filter.click'
[[functions]]
name = 'foreign'
framework = 'external'
[functions.program]
attach = 'memif'
{program}[functions.program.restart]
tries = 1
[agent]
[[agent.rules]]
name = 'there'
from = 'A'
path = 10
[[agent.rules]]
name = 'back'
from = 'B'
path = 11
[[agent.paths]]
id = 10
hops = [{{ function = 'filter' }}, {{ function = 'foreign' }}]
to = {{ port = 'B' }}
[[agent.paths]]
id = 11
hops = []
to = {{ port = 'A' }}
"
    )
}

/// The process that has this argument.
fn process(argument: &str) -> u32 {
    let all = std::fs::read_dir("/proc").expect("/proc").flatten();
    let mut numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let has = |n: &u32| {
        let words = std::fs::read(format!("/proc/{n}/cmdline")).unwrap_or_default();
        words.split(|b| *b == 0).any(|w| w == argument.as_bytes())
    };
    numbers.find(has).expect("a process")
}

#[test]
fn testpmd_is_a_function_by_memif_and_comes_back_after_it_was_stopped_or_killed() {
    if !testpmd("testpmd as a function") {
        return;
    }
    let prefix = format!("slt-{}", unique());
    let argument = format!("--file-prefix={prefix}");
    let Some(rig) = Rig::with("memif-function", &[("filter.click", FILTER)], &description(&argument)) else { return };
    let sluice = rig.start();
    let foreign = || rig.ems.get("/v1/functions").is(200).json()[2].clone();
    let becomes = |state: &str| {
        let mut last = foreign();
        wait(LONG, state, || {
            last = foreign();
            last["state"] == state || last["state"] == "failed" && state == "running" && panic!("{last}")
        });
    };
    let set = |state: &str| {
        rig.ems.put_json("/v1/functions/foreign/state", &json!({ "state": state }).to_string()).is(200);
    };
    let count = |handler: &str| -> u64 {
        let said = rig.ems.get(&format!("/v1/elements/gate/handlers/{handler}?function=foreign")).is(200).body;
        said.trim().parse().expect("a number")
    };
    let passes = || {
        becomes("running");
        let before = count("returned");
        rig.net.settle("10.0.1.3");
        assert!(count("returned") > before);
    };
    passes();
    let ports = rig.ems.get("/v1/ports").is(200).json();
    assert!(ports.to_string().contains("net_memif_foreign_0"), "{ports}");

    set("stopped");
    assert!(!rig.net.in_a("ping -c 1 -W 1 10.0.1.3").status.success(), "it fails closed");
    wait(LONG, "its end", || foreign()["detail"].is_null());
    set("running");
    passes();

    must(&format!("kill -KILL {}", process(&argument)));
    becomes("failed");
    assert!(!rig.net.in_a("ping -c 1 -W 1 10.0.1.3").status.success(), "it fails closed");
    set("running");
    passes();

    let id = sluice.id();
    rig.ems.post("/v1/system/shutdown", "").is(202);
    let (ok, _, report) = sluice.wait();
    assert!(ok && report.contains("buffers: 0 of "), "{report}");
    assert!(balance(&report)[4] > 0, "what was meant for it while it was down: {report}");
    let left = std::fs::read_dir("/run/sluice").into_iter().flatten().flatten();
    let left: Vec<_> = left.filter(|e| e.file_name().to_string_lossy().contains(&format!(".{id}."))).collect();
    assert!(left.is_empty(), "{left:?}");
    let _ = std::fs::remove_dir_all(format!("/var/run/dpdk/{prefix}")); // the program makes it, and leaves it
}
