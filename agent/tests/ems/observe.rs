//! What an engineer looks at: traces, taps, events, alarms, metrics.
use crate::client::Client;
use crate::common::{Layout, Net, Running, SLUICE, can_make_namespaces, must, run, wait};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A wire that denies pings whose time to live is 7 on the way from left to right.
const FIREWALL: &str = "q :: Queue -> ToDevice(right);
FromDevice(left, PROMISC true) -> c :: Classifier(12/0800, -);
c[0] -> Strip(14) -> CheckIPHeader -> fw :: IPFilter(deny icmp && ip ttl 7, allow all) -> Unstrip(14) -> q;
c[1] -> q;
FromDevice(right, PROMISC true) -> q2 :: Queue -> ToDevice(left);
";

fn start(name: &str) -> Option<(Net, Running, Client)> {
    if !can_make_namespaces(name) {
        return None;
    }
    let net = Net::new(Layout::OneNetwork, true);
    must(&format!("ip -n {} link set lo up", net.r));
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &net.r, SLUICE, "run", "-"]);
    let file = std::env::temp_dir().join(format!("sluice-test-{}-{name}.click", std::process::id()));
    std::fs::write(&file, FIREWALL).expect("write");
    let sluice = Running::start(command, Stdio::from(std::fs::File::open(&file).expect("open")));
    std::fs::remove_file(file).expect("remove");
    wait(Duration::from_secs(5), "the EMS", || sluice.told().contains("EMS: "));
    net.settle("10.0.1.3");
    let ems = Client::new(&net.r);
    Some((net, sluice, ems))
}

#[test]
fn a_trace_shows_the_way_of_a_packet() {
    let Some((net, _sluice, ems)) = start("trace") else { return };
    let request = r#"{"count":2,"port":"left","filter":"icmp type echo"}"#;
    let begun = ems.post("/v1/trace", request);
    assert!(matches!(begun.status, 200..=202), "{}", begun.body);
    let id = begun.json()["id"].as_u64().expect("an id");
    net.in_a("ping -c 1 -W 1 10.0.1.3");
    net.in_a("ping -c 1 -W 1 -t 7 10.0.1.3");
    let path = format!("/v1/trace/{id}");
    wait(Duration::from_secs(5), "two packets", || ems.get(&path).is(200).json()["left"] == 0);
    let trace = ems.get(&path).is(200).json();
    let ends = |n: usize| trace["packets"][n]["steps"].as_array().and_then(|s| s.last()).map(|s| s["end"].clone());
    assert_eq!(ends(0).as_ref().and_then(|e| e.as_str()), Some("transmitted"), "{trace}");
    assert_eq!(ends(1).as_ref().and_then(|e| e.as_str()), Some("dropped filtered"), "{trace}");
    ems.post("/v1/trace", r#"{"count":0}"#).is(422);
    ems.post("/v1/trace", r#"{"count":1,"filter":"icmpp"}"#).is(422);
    ems.get("/v1/trace/99").is(404);
}

#[test]
fn tshark_reads_a_tap_of_an_edge_and_of_drops() {
    let Some((net, _sluice, ems)) = start("tap") else { return };
    for (edge, ttl, told) in [("q%5B0%5D", 64, ""), ("drops", 7, "fw: filtered")] {
        let ping =
            format!("ip netns exec {} sh -c 'sleep 0.7; ping -c 2 -i 0.2 -W 1 -t {ttl} 10.0.1.3 >/dev/null'", net.a);
        let mut pings = Command::new("sh").args(["-c", &ping]).spawn().expect("ping");
        let path = format!("/v1/tap?edge={edge}&count=2&seconds=8");
        let seen = ems.pipe(&path, "tshark -r - -T fields -e ip.src -e icmp.type -e frame.comment 2>/dev/null");
        pings.wait().expect("ping");
        let lines: Vec<&str> = seen.lines().collect();
        assert_eq!(lines.len(), 2, "{edge}: {seen}");
        assert!(lines.iter().all(|l| l.starts_with("10.0.1.2\t8") && l.contains(told)), "{edge}: {seen}");
    }
    ems.get("/v1/tap?edge=nobody%5B0%5D").is(404);
    ems.get("/v1/tap?edge=q%5B7%5D").is(404);
}

#[test]
fn a_link_that_goes_is_an_alarm_and_an_event() {
    let Some((net, _sluice, ems)) = start("alarms") else { return };
    let mut command = Command::new("sh");
    command.args(["-c", &ems.curl("-N --max-time 20", "/v1/events").replace("--max-time 10", "")]);
    let events = Running::start(command, Stdio::null());
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(ems.get("/v1/alarms").is(200).json().as_array().map(Vec::len), Some(0));
    must(&format!("ip -n {} link set left down", net.r));
    let active = || ems.get("/v1/alarms").is(200).json();
    wait(Duration::from_secs(5), "an alarm", || active().as_array().is_some_and(|a| a.len() == 1));
    let alarm = active()[0].clone();
    assert_eq!(
        (alarm["object"].as_str(), alarm["cause"].as_str()),
        (Some("port/left"), Some("lossOfSignal")),
        "{alarm}"
    );
    must(&format!("ip -n {} link set left up", net.r));
    wait(Duration::from_secs(5), "its end", || active().as_array().is_some_and(Vec::is_empty));
    let history = ems.get("/v1/alarms/history").is(200).json();
    assert!(
        history.as_array().is_some_and(|h| h.iter().any(|a| a["object"] == "port/left" && a["cleared"].is_string()))
    );
    wait(Duration::from_secs(5), "events", || events.printed().contains("event: alarm-cleared"));
    let told = events.printed();
    assert!(told.contains("event: alarm-raised") && told.contains("event: link"), "{told}");
}

#[test]
fn metrics_count_what_ping_sends() {
    let Some((net, _sluice, ems)) = start("metrics") else { return };
    let value = |name: &str| -> f64 {
        let text = ems.get("/metrics").is(200).body;
        let line = text.lines().find(|l| l.starts_with(name)).unwrap_or_else(|| panic!("no {name} in:\n{text}"));
        line.rsplit(' ').next().and_then(|v| v.parse().ok()).unwrap_or_else(|| panic!("{line}"))
    };
    let name = "sluice_port_received_packets_total{port=\"left\"";
    let before = value(name);
    assert!(net.in_a("ping -c 5 -i 0.2 -W 1 10.0.1.3").status.success());
    wait(Duration::from_secs(5), "the counter", || value(name) >= before + 5.0);
    run(&format!("ip netns exec {} ping -c 3 -i 0.2 -W 1 -t 7 10.0.1.3", net.a));
    wait(Duration::from_secs(5), "the drops", || {
        let text = ems.get("/metrics").is(200).body;
        let drops = |l: &&str| l.starts_with("sluice_element_dropped_packets_total") && l.contains("filtered");
        text.lines().find(drops).is_some_and(|l| l.ends_with(" 3") || l.ends_with(" 3.0"))
    });
}
