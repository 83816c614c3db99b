//! Every sample function between two hosts: ping, TCP and UDP by iperf3, with the hosts' offloads
//! and without, and counters that add up exactly. `SLUICE_SECONDS` says how long each transfer lasts.
mod common;

use common::{Layout, Net, SLUICE, balance, can_make_namespaces, function, iperf, number};

fn seconds() -> String {
    std::env::var("SLUICE_SECONDS").unwrap_or_else(|_| "2".into())
}

/// Runs `name` in the middle; ping and iperf3 through it; what its report said.
fn carry(name: &str, layout: Layout, offloads: bool, parameters: &[&str]) -> String {
    let net = Net::new(layout, offloads);
    let to = if layout == Layout::OneNetwork { "10.0.1.3" } else { "10.0.2.2" };
    let file = function(name);
    let mut args = vec!["run", file.to_str().expect("path"), "A=left", "B=right"];
    args.extend(parameters);
    let sluice = net.spawn(&net.r, SLUICE, &args);
    net.settle(to);
    let ping = net.in_a(&format!("ping -c 5 -i 0.2 {to}"));
    assert!(String::from_utf8_lossy(&ping.stdout).contains("5 received"), "{ping:?}");
    let tcp = iperf(&net, to, &seconds(), "");
    assert!(number(&tcp, &["end", "sum_received", "bytes"]) > 1e5, "{name}: TCP got stuck: {tcp}");
    let udp = iperf(&net, to, &seconds(), "-u -b 20M");
    assert!(number(&udp, &["end", "sum", "packets"]) > 100.0, "{name}: {udp}");
    sluice.signal("INT");
    let (ok, _, report) = sluice.wait();
    assert!(ok, "{report}");
    let [received, created, transmitted, consumed, dropped, held] = balance(&report);
    assert!(received > 1000 && transmitted > 1000, "{report}");
    assert_eq!(received + created, transmitted + consumed + dropped + held, "{report}");
    report
}

fn both(name: &str, layout: Layout, parameters: &[&str]) {
    if !can_make_namespaces(name) {
        return;
    }
    for offloads in [true, false] {
        carry(name, layout, offloads, parameters);
    }
}

#[test]
fn forward() {
    both("forward.click", Layout::OneNetwork, &[]);
}

#[test]
fn print() {
    both("print.click", Layout::OneNetwork, &[]);
}

#[test]
fn rate_limiter() {
    both("rate-limiter.click", Layout::OneNetwork, &["RATE=50Mbps"]);
}

#[test]
fn bridge() {
    both("bridge.click", Layout::OneNetwork, &[]);
}

#[test]
fn firewall() {
    let rules = "IN=allow icmp, allow tcp ack, allow src udp port 5201, deny all";
    both("firewall.click", Layout::OneNetwork, &["OUT=deny tcp dst port 23, allow all", rules]);
}

const ROUTER: [&str; 2] = ["A_ADDR=10.0.1.1/24", "B_ADDR=10.0.2.1/24"];

#[test]
fn router() {
    both("router.click", Layout::TwoNetworks, &ROUTER);
}

#[test]
fn a_filter_says_which_rule_dropped_what() {
    if !can_make_namespaces("a filter in the router") {
        return;
    }
    let net = Net::new(Layout::TwoNetworks, true);
    let file = function("router.click");
    let mut args = vec!["run", file.to_str().expect("path"), "A=left", "B=right"];
    args.extend(ROUTER);
    args.push("RULES=deny tcp dst port 23, allow all");
    let sluice = net.spawn(&net.r, SLUICE, &args);
    net.settle("10.0.2.2");
    let telnet = net.in_a("timeout 1 bash -c 'exec 3<>/dev/tcp/10.0.2.2/23'");
    assert!(!telnet.status.success());
    sluice.signal("INT");
    let (_, _, report) = sluice.wait();
    let rule = report.lines().find(|l| l.contains("deny tcp dst port 23")).unwrap_or_else(|| panic!("{report}"));
    let packets: u64 = rule.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{rule}"));
    assert!(packets >= 1, "{report}");
    assert_eq!(balance(&report)[4], packets, "only the rule dropped: {report}");
}
