//! Sample functions on two cores, between two hosts: ping and iperf3, twenty changes of the graph under load with
//! nothing lost, and counters of all workers that add up exactly.
mod common;

use common::{Folder, Layout, Net, SLUICE, balance, can_make_namespaces, function, number, wait};
use std::time::Duration;

/// Runs iperf3 from host a to host b while `meanwhile` goes on; the client's JSON.
fn iperf(net: &Net, to: &str, extra: &[&str], meanwhile: impl FnOnce()) -> String {
    let server = net.spawn(&net.b, "iperf3", &["-s", "-1"]);
    let listening = || common::run(&format!("ip netns exec {} ss -ltn", net.b));
    wait(Duration::from_secs(5), "iperf3", || String::from_utf8_lossy(&listening().stdout).contains(":5201"));
    let client = net.spawn(&net.a, "iperf3", &[&["-J", "-c", to], extra].concat());
    meanwhile();
    let (ok, json, _) = client.wait();
    assert!(ok, "iperf3 {extra:?}: {json}");
    drop(server);
    json
}

/// Ping, TCP in several flows both ways, and UDP under twenty swaps, through `name` on cores 0 and 1.
fn carry(name: &str, layout: Layout, parameters: &[&str]) {
    if !can_make_namespaces(&format!("{name} on two cores")) {
        return;
    }
    let net = Net::new(layout, true);
    let to = if layout == Layout::OneNetwork { "10.0.1.3" } else { "10.0.2.2" };
    let folder = Folder::new(&format!("cores-{name}"));
    let config = folder.file(name);
    let plain = std::fs::read_to_string(function(name)).expect("function");
    let longer = format!("{plain}\nnothing :: Idle -> nowhere :: Discard;\n");
    std::fs::write(&config, &plain).expect("write");
    let mut args = vec!["run", "--cores", "0,1", config.to_str().expect("path"), "A=left", "B=right"];
    args.extend(parameters);
    let sluice = net.spawn(&net.r, SLUICE, &args);
    net.settle(to);
    let ping = net.in_a(&format!("ping -c 20 -i 0.05 {to}"));
    assert!(String::from_utf8_lossy(&ping.stdout).contains("20 received"), "{ping:?}");
    // Several flows: the kernel shares them out between the workers.
    let tcp = iperf(&net, to, &["-t", "2", "-P", "8", "--bidir"], || ());
    assert!(number(&tcp, &["end", "sum_received", "bytes"]) > 1e5, "{name}: TCP got stuck: {tcp}");
    let dropped = |sluice: &common::Running| sluice.told().matches("cannot receive").count();
    assert_eq!(dropped(&sluice), 0);

    let said = |what: &str| sluice.told().matches(what).count();
    let udp = iperf(&net, to, &["-u", "-b", "2M", "-l", "500", "-P", "8", "-t", "6"], || {
        std::thread::sleep(Duration::from_millis(500));
        for i in 1..=20 {
            std::fs::write(&config, if i % 2 == 1 { &longer } else { &plain }).expect("write");
            sluice.signal("HUP");
            wait(Duration::from_secs(10), "a swap", || said("is running now (paused ") == i);
        }
    });
    assert!(number(&udp, &["end", "sum", "packets"]) > 10_000.0, "{udp}");
    let overrun = common::udp_overruns(&net.b);
    assert_eq!(number(&udp, &["end", "sum", "lost_packets"]), overrun, "{udp}");
    let streams: serde_json::Value = serde_json::from_str(&udp).expect("json");
    for stream in streams["end"]["streams"].as_array().expect("streams") {
        assert_eq!(stream["udp"]["out_of_order"].as_f64(), Some(0.0), "each flow keeps its order: {udp}");
    }

    sluice.signal("INT");
    let (ok, _, report) = sluice.wait();
    assert!(ok, "{report}");
    let [received, created, transmitted, consumed, dropped, held] = balance(&report);
    assert!(received > 10_000 && transmitted > 10_000, "{report}");
    assert_eq!(received + created, transmitted + consumed + dropped + held, "{report}");
    assert!(!report.contains("swap_overflow"), "{report}");
    for worker in ["worker 0: ", "worker 1: "] {
        let line = report.lines().find(|l| l.starts_with(worker)).unwrap_or_else(|| panic!("{report}"));
        assert!(!line.contains("received 0,"), "both have work: {report}");
    }
}

#[test]
fn forward() {
    carry("forward.click", Layout::OneNetwork, &[]);
}

#[test]
fn router() {
    carry("router.click", Layout::TwoNetworks, &["A_ADDR=10.0.1.1/24", "B_ADDR=10.0.2.1/24"]);
}

#[test]
fn bridge() {
    carry("bridge.click", Layout::OneNetwork, &[]);
}
