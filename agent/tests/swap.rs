//! A hundred changes of the running graph while real traffic flows: no packet lost, none reordered.
mod common;

use common::{Folder, Layout, Net, SLUICE, balance, can_make_namespaces, function, number, wait};
use std::time::Duration;

#[test]
fn a_hundred_swaps_under_load_lose_nothing() {
    if !can_make_namespaces("swaps under load") {
        return;
    }
    let net = Net::new(Layout::TwoNetworks, true);
    let folder = Folder::new("swap");
    let config = folder.file("router.click");
    let plain = std::fs::read_to_string(function("router.click")).expect("router");
    // The other variant has one element more on the way of every packet.
    let longer = plain.replace("filter -> routes;", "filter -> counted :: Counter -> routes;");
    assert_ne!(plain, longer);
    std::fs::write(&config, &plain).expect("write");
    let mut args = vec!["run", config.to_str().expect("path"), "A=left", "B=right"];
    args.extend(["A_ADDR=10.0.1.1/24", "B_ADDR=10.0.2.1/24"]);
    let sluice = net.spawn(&net.r, SLUICE, &args);
    net.settle("10.0.2.2");

    let server = net.spawn(&net.b, "iperf3", &["-s", "-1"]);
    wait(Duration::from_secs(5), "iperf3", || {
        let o = common::run(&format!("ip netns exec {} ss -ltn", net.b));
        String::from_utf8_lossy(&o.stdout).contains(":5201")
    });
    let client = net.spawn(&net.a, "iperf3", &["-J", "-c", "10.0.2.2", "-u", "-b", "20M", "-t", "12"]);
    std::thread::sleep(Duration::from_millis(500));
    let said = |what: &str| sluice.told().matches(what).count();
    for i in 1..=100 {
        std::fs::write(&config, if i % 2 == 1 { &longer } else { &plain }).expect("write");
        sluice.signal("HUP");
        wait(Duration::from_secs(10), "a swap", || said("is running now") == i);
        if i == 50 {
            std::fs::write(&config, plain.replace("-> routes;", "-> rutes;")).expect("write");
            sluice.signal("HUP");
            wait(Duration::from_secs(10), "a refusal", || said("the running graph goes on") == 1);
        }
    }
    let (ok, json, _) = client.wait();
    assert!(ok, "{json}");
    drop(server);
    assert!(number(&json, &["end", "sum", "packets"]) > 10_000.0, "{json}");
    // What the receiving host had no room for, as its process got no turn in time, did arrive.
    let overrun = common::udp_overruns(&net.b);
    assert_eq!(number(&json, &["end", "sum", "lost_packets"]), overrun, "{json}");
    let streams: serde_json::Value = serde_json::from_str(&json).expect("json");
    assert_eq!(streams["end"]["streams"][0]["udp"]["out_of_order"].as_f64(), Some(0.0), "{json}");

    sluice.signal("INT");
    let (ok, _, report) = sluice.wait();
    assert!(ok, "{report}");
    let [received, _, transmitted, _, dropped, held] = balance(&report);
    assert!(received > 10_000 && transmitted > 10_000, "{report}");
    assert_eq!((dropped, held), (0, 0), "{report}");
    // The counters of the filter span all graphs: it saw every packet of the transfer.
    let filter = report.lines().find(|l| l.starts_with("filter ")).unwrap_or_else(|| panic!("{report}"));
    let seen: f64 = filter.split_whitespace().nth(3).and_then(|n| n.replace(',', "").parse().ok()).expect("a number");
    assert!(seen >= number(&json, &["end", "sum", "packets"]), "{filter}");
}
