//! AF_XDP between two hosts: ping, TCP and UDP by iperf3, with the hosts' offloads and without, and counters that add up
//! exactly; nothing is left on the interfaces.
#![cfg(feature = "xdp")]
mod common;

use common::{Folder, Layout, Net, SLUICE, balance, can_make_namespaces, function, must, number, run, wait};
use std::time::Duration;

/// forward.click with its ports on AF_XDP.
fn config(folder: &Folder, arguments: &str) -> String {
    let plain = std::fs::read_to_string(function("forward.click")).expect("forward.click");
    let text = plain
        .replace("FromDevice($A, PROMISC true)", &format!("from_a :: FromXDP($A, PROMISC true{arguments})"))
        .replace("FromDevice($B, PROMISC true)", &format!("FromXDP($B, PROMISC true{arguments})"))
        .replace("ToDevice", "ToXDP");
    assert!(text.matches("XDP(").count() == 4, "{text}");
    let file = folder.file("forward.click");
    std::fs::write(&file, text).expect("write");
    file.to_str().expect("path").into()
}

/// One transfer; the client's JSON.
fn iperf(net: &Net, extra: &str) -> String {
    let server = net.spawn(&net.b, "iperf3", &["-s", "-1"]);
    let listening = || run(&format!("ip netns exec {} ss -ltn", net.b));
    wait(Duration::from_secs(5), "iperf3", || String::from_utf8_lossy(&listening().stdout).contains(":5201"));
    let o = net.in_a(&format!("iperf3 -J -c 10.0.1.3 -t 2 {extra}"));
    let json = String::from_utf8_lossy(&o.stdout).into_owned();
    assert!(o.status.success(), "iperf3 {extra}: {json}");
    drop(server);
    json
}

fn carry(offloads: bool, arguments: &str, mode: &str) {
    let net = Net::new(Layout::OneNetwork, offloads);
    let folder = Folder::new(&format!("xdp-{offloads}-{}", mode.len()));
    let file = config(&folder, arguments);
    let sluice = net.spawn(&net.r, SLUICE, &["run", &file, "A=left", "B=right"]);
    net.settle("10.0.1.3");
    let ping = net.in_a("ping -c 5 -i 0.2 10.0.1.3");
    assert!(String::from_utf8_lossy(&ping.stdout).contains("5 received"), "{ping:?}");
    let tcp = iperf(&net, "");
    assert!(number(&tcp, &["end", "sum_received", "bytes"]) > 1e6, "TCP got stuck: {tcp}");
    let udp = iperf(&net, "-u -b 20M");
    assert!(number(&udp, &["end", "sum", "packets"]) > 100.0, "{udp}");
    for name in ["left", "right"] {
        assert!(sluice.told().contains(&format!("{name}: AF_XDP, {mode}")), "{}", sluice.told());
        assert!(must(&format!("ip -n {} link show {name}", net.r)).contains(" xdp"));
    }
    sluice.signal("INT");
    let (ok, _, report) = sluice.wait();
    assert!(ok, "{report}");
    let [received, created, transmitted, consumed, dropped, held] = balance(&report);
    assert!(received > 1000 && transmitted > 1000, "{report}");
    assert_eq!(received + created, transmitted + consumed + dropped + held, "{report}");
    for name in ["left", "right"] {
        assert!(!must(&format!("ip -n {} link show {name}", net.r)).contains(" xdp"), "left behind");
    }
}

#[test]
fn native() {
    if can_make_namespaces("AF_XDP in the driver") {
        carry(true, "", "native, copy");
        carry(false, "", "native, copy");
    }
}

#[test]
fn generic() {
    if can_make_namespaces("AF_XDP before the stack") {
        // Super-frames do not fit a frame of AF_XDP, and in generic mode nothing keeps the hosts from sending them.
        carry(false, ", MODE generic", "generic, copy");
    }
}

#[test]
fn a_process_that_is_killed_leaves_no_program_behind() {
    if !can_make_namespaces("a killed process") {
        return;
    }
    let net = Net::new(Layout::OneNetwork, true);
    let folder = Folder::new("xdp-killed");
    let file = config(&folder, "");
    let sluice = net.spawn(&net.r, SLUICE, &["run", &file, "A=left", "B=right"]);
    net.settle("10.0.1.3");
    sluice.signal("KILL");
    drop(sluice);
    let clean = || !must(&format!("ip -n {} link show", net.r)).contains(" xdp");
    wait(Duration::from_secs(5), "the kernel to take the programs off", clean);
    // And the next one starts at once.
    let sluice = net.spawn(&net.r, SLUICE, &["run", &file, "A=left", "B=right"]);
    net.settle("10.0.1.3");
    sluice.signal("INT");
    assert!(sluice.wait().0);
}

#[test]
fn what_is_in_the_way_is_said() {
    if !can_make_namespaces("AF_XDP that is in the way") {
        return;
    }
    let net = Net::new(Layout::OneNetwork, true);
    let folder = Folder::new("xdp-way");
    let file = config(&folder, "");
    let first = net.spawn(&net.r, SLUICE, &["run", &file, "A=left", "B=right"]);
    net.settle("10.0.1.3");
    let (program, text) = (folder.file("sluice"), folder.file("a.click"));
    must(&format!("cp {SLUICE} {} && chmod 755 {}", program.display(), folder.0.display()));
    std::fs::write(&text, "FromXDP(left) -> Discard; Idle -> ToXDP(right);").expect("write");
    let nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups";
    for (prefix, wanted) in [
        ("", ["left: queue 0 is in use by another AF_XDP socket", "right: queue 0 is in use"]),
        (nobody, ["left: AF_XDP needs CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF (run as root)", "right: AF_XDP needs"]),
    ] {
        let o = run(&format!("ip netns exec {} {prefix} {} run {}", net.r, program.display(), text.display()));
        let said = String::from_utf8_lossy(&o.stderr);
        assert_eq!(o.status.code(), Some(1), "{said}");
        assert!(wanted.iter().all(|w| said.contains(w)), "{said}");
    }
    first.signal("INT");
    let (ok, _, report) = first.wait();
    assert!(ok, "{report}");
}
