//! A service chain of three VNFs, each in a network namespace of its own: a classifier, a forwarder with functions, and the
//! proxy of a program that knows nothing of NSH. Between them frames have NSH, in Ethernet.
use crate::client::Client;
use crate::common::{Folder, Running, SLUICE, balance, can_make_namespaces, must, number, run, udp_overruns, wait};
use crate::rig::ECHO;
use serde_json::{Value, json};
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The hosts and VNFs, in the order of their links.
const PLACES: [&str; 5] = ["a", "classifier", "forwarder", "proxy", "b"];

const COUNT: &str = "input -> c :: Counter -> output;\n";

/// Host a -- classifier -- forwarder -- proxy -- host b. In each place `left` and `right` lead to its neighbours.
struct Chain {
    id: String,
    folder: Folder,
}

impl Chain {
    fn new(name: &str) -> Option<Chain> {
        if !can_make_namespaces(name) {
            return None;
        }
        let chain = Chain { id: format!("slt-{}", std::process::id()), folder: Folder::new(name) };
        let at = |n: usize| chain.namespace(PLACES[n]);
        for n in 0..PLACES.len() {
            let ns = at(n);
            must(&format!("ip netns add {ns} && ip netns exec {ns} sysctl -qw net.ipv6.conf.all.disable_ipv6=1"));
            must(&format!("ip -n {ns} link set lo up"));
        }
        for n in 0..4 {
            must(&format!("ip -n {} link add right type veth peer name left netns {}", at(n), at(n + 1)));
            for (ns, link, mac) in [(at(n), "right", n * 2), (at(n + 1), "left", n * 2 + 1)] {
                // NSH and a second Ethernet header need room between the VNFs.
                let mtu = if n == 0 || n == 3 { 1500 } else { 1600 };
                must(&format!("ip -n {ns} link set dev {link} address 02:00:00:00:00:1{mac} mtu {mtu} up"));
            }
        }
        must(&format!("ip -n {} addr add 10.0.1.2/24 dev right", at(0)));
        must(&format!("ip -n {} addr add 10.0.1.3/24 dev left", at(4)));
        Some(chain)
    }

    fn namespace(&self, place: &str) -> String {
        format!("{}-{place}", self.id)
    }

    fn spawn(&self, place: &str, program: &str, args: &[&str]) -> Running {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace(place), program]).args(args);
        Running::start(command, Stdio::null())
    }

    fn ems(&self, place: &str) -> Client {
        Client::new(&self.namespace(place))
    }

    /// Starts a VNF whose description is this, and waits until it is ready.
    fn vnf(&self, place: &str, more: &str) -> Running {
        let folder = self.folder.file(place);
        fs::create_dir_all(&folder).expect("folder");
        fs::write(folder.join("count.click"), COUNT).expect("write");
        let id = PLACES.iter().position(|p| *p == place).expect("a place");
        let description = format!(
            "[vnf]\nid = '5f0a7d0e-9c40-4d5e-8a3e-0d8f3c1b2a1{id}'\nname = '{place}'\n\
             [[port]]\nname = 'L'\ndevice = 'left'\n[[port]]\nname = 'R'\ndevice = 'right'\n{more}"
        );
        let file = folder.join("vnf.toml");
        fs::write(&file, description).expect("write");
        let sluice = self.spawn(place, SLUICE, &["run", file.to_str().expect("path")]);
        wait(Duration::from_secs(10), "readiness", || self.ems(place).get("/readyz").status == 200);
        sluice
    }

    fn in_a(&self, command: &str) -> std::process::Output {
        run(&format!("ip netns exec {} {command}", self.namespace("a")))
    }

    fn iperf_server(&self) -> Running {
        let server = self.spawn("b", "iperf3", &["-s", "-1"]);
        let listening = || run(&format!("ip netns exec {} ss -ltn", self.namespace("b")));
        wait(Duration::from_secs(5), "iperf3", || String::from_utf8_lossy(&listening().stdout).contains(":5201"));
        server
    }

    /// Frames that the program of the proxy got and did not send back: what its socket had no room for.
    fn kept_by_program(&self) -> i64 {
        let ports = self.ems("proxy").get("/v1/ports").is(200).json();
        let count = |way: &str| ports[2][way]["packets"].as_i64().expect("a count");
        count("sent") - count("received")
    }

    /// Captures what passes on the right of a VNF.
    fn capture(&self, place: &str) -> Running {
        let file = self.folder.file(&format!("{place}.pcap"));
        let args =
            ["-i", "right", "-w", file.to_str().expect("path"), "-U", "--immediate-mode", "-B", "16384", "-Z", "root"];
        let tcpdump = self.spawn(place, "tcpdump", &args);
        wait(Duration::from_secs(5), "tcpdump", || tcpdump.told().contains("listening on"));
        tcpdump
    }

    /// Ends a capture; gives the kinds of headers: path, index, time to live, next protocol and MD type.
    fn headers(&self, place: &str, capture: Running) -> Vec<String> {
        std::thread::sleep(Duration::from_secs(1)); // it would not read what is left
        capture.signal("INT");
        assert!(capture.wait().0, "tcpdump");
        let file = self.folder.file(&format!("{place}.pcap"));
        let file = file.display();
        let broken = must(&format!(
            "tshark -r {file} -o tcp.desegment_tcp_streams:FALSE -Y '_ws.malformed or not nsh' 2>/dev/null"
        ));
        assert_eq!(broken, "", "frames that tshark does not read as NSH");
        let fields = "-e nsh.spi -e nsh.si -e nsh.ttl -e nsh.nextproto -e nsh.mdtype";
        let lines = must(&format!("tshark -r {file} -T fields {fields} 2>/dev/null | sort -u"));
        lines.lines().map(|l| l.replace('\t', " ")).collect()
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        for place in PLACES {
            run(&format!("ip netns del {}", self.namespace(place)));
        }
    }
}

const CLASSIFIER: &str = "
[agent]
[[agent.rules]]
name = 'there'
from = 'L'
path = 10
[[agent.paths]]
id = 10
hops = [{ port = 'R', mac = '02:00:00:00:00:13' }]
[[agent.paths]]
id = 11
index = 254
hops = []
to = { port = 'L' }
";

const FORWARDER: &str = "
[[functions]]
name = 'first'
file = 'count.click'
[[functions]]
name = 'second'
file = 'count.click'
[agent]
[[agent.paths]]
id = 10
hops = [{ function = 'first' }, { port = 'R', mac = '02:00:00:00:00:15' }]
[[agent.paths]]
id = 11
hops = [{ function = 'first' }, { port = 'L', mac = '02:00:00:00:00:12' }]
";

const PROXY: &str = "
[agent]
[[agent.rules]]
name = 'back'
from = 'R'
path = 11
[[agent.rules]]
name = 'out'
from = 'legacy'
path = 10
index = 253
[[agent.paths]]
id = 10
index = 254
hops = [{ function = 'legacy' }]
to = { port = 'R' }
[[agent.paths]]
id = 11
hops = [{ port = 'L', mac = '02:00:00:00:00:14' }]
";

#[test]
fn a_chain_of_three_vnfs_gets_a_third_hop_while_packets_flow() {
    let Some(chain) = Chain::new("chain") else { return };
    let legacy = format!(
        "[[functions]]\nname = 'legacy'\nframework = 'external'\nfail = 'open'\n[functions.program]\n\
         command = ['/usr/bin/python3', '-c', '''{ECHO}''']\n{PROXY}"
    );
    let vnfs = [("classifier", CLASSIFIER), ("forwarder", FORWARDER), ("proxy", &legacy)]
        .map(|(place, more)| (place, chain.vnf(place, more)));
    let ping = || chain.in_a("ping -c 1 -W 1 10.0.1.3").status.success();
    wait(Duration::from_secs(20), "a ping", ping);
    let captures = ["classifier", "forwarder"].map(|place| (place, chain.capture(place)));

    // TCP, super-frames of the hosts included.
    let server = chain.iperf_server();
    let o = chain.in_a("iperf3 -J -c 10.0.1.3 -t 2");
    let json = String::from_utf8_lossy(&o.stdout);
    assert!(o.status.success() && number(&json, &["end", "sum_received", "bytes"]) > 1e6, "{json}");
    drop(server);

    // Numbered datagrams, while the path changes.
    let server = chain.iperf_server();
    let (overruns, kept) = (udp_overruns(&chain.namespace("b")), chain.kept_by_program());
    let mut client = chain.spawn("a", "iperf3", &["-J", "-c", "10.0.1.3", "-u", "-b", "1M", "-l", "200", "-t", "5"]);
    std::thread::sleep(Duration::from_millis(500));
    // The new path is made from its end to its beginning, then taken, and the old one is removed from its beginning to its end.
    let put = |place: &str, what: &str, body: Value| {
        chain.ems(place).put_json(&format!("/v1/agent/{what}"), &body.to_string()).is(200);
    };
    let function = |name: &str| json!({ "function": name });
    let remote = |port: &str, mac: u8| json!({ "port": port, "mac": format!("02:00:00:00:00:{mac}") });
    let end = |port: &str| json!({ "port": port });
    let path = |id: u32, index: u8, hops: &[Value]| json!({ "id": id, "index": index, "hops": hops });
    let ends = |id: u32, index: u8, hops: &[Value], port: &str| json!({ "id": id, "index": index, "hops": hops, "to": end(port) });
    let there = |id: u32| json!([{ "name": "there", "from": "L", "path": id }]);
    let out = |id: u32, index: u8| json!([{ "name": "back", "from": "R", "path": 11 }, { "name": "out", "from": "legacy", "path": id, "index": index }]);
    let long = [function("first"), function("second"), remote("R", 15)];
    let (back3, back2) = (path(11, 255, &[remote("L", 14)]), path(11, 255, &[function("first"), remote("L", 12)]));
    let back1 = ends(11, 254, &[], "L");
    let legacy3 = |id, index| ends(id, index, &[function("legacy")], "R");
    put("proxy", "paths", json!([legacy3(10, 254), legacy3(20, 253), back3]));
    put(
        "forwarder",
        "paths",
        json!([path(10, 255, &[function("first"), remote("R", 15)]), path(20, 255, &long), back2]),
    );
    put("classifier", "paths", json!([path(10, 255, &[remote("R", 13)]), path(20, 255, &[remote("R", 13)]), back1]));
    put("classifier", "rules", there(20));
    std::thread::sleep(Duration::from_millis(500));
    put("classifier", "paths", json!([path(20, 255, &[remote("R", 13)]), back1]));
    put("forwarder", "paths", json!([path(20, 255, &long), back2]));
    put("proxy", "rules", out(20, 252));
    put("proxy", "paths", json!([legacy3(20, 253), back3]));
    assert!(!client.ended(), "the changes took longer than the traffic");
    let (ok, json, _) = client.wait();
    assert!(ok, "{json}");
    drop(server);
    let lost = number(&json, &["end", "sum", "lost_packets"]);
    let overruns = udp_overruns(&chain.namespace("b")) - overruns;
    assert_eq!(
        lost,
        overruns + (chain.kept_by_program() - kept) as f64,
        "{json}, {}",
        chain.ems("proxy").get("/v1/stats").body
    );
    assert!(number(&json, &["end", "sum", "packets"]) > 2000.0, "{json}");
    assert!(ping());

    // What tshark sees: MD type 1, an Ethernet frame inside; the index goes down with each function, the time to live with each forwarder.
    let [classifier, forwarder] = captures.map(|(place, capture)| chain.headers(place, capture));
    assert_eq!(classifier, ["10 255 0x003f 3 1", "11 254 0x003d 3 1", "20 255 0x003f 3 1"]);
    assert_eq!(forwarder, ["10 254 0x003d 3 1", "11 255 0x003f 3 1", "20 253 0x003c 3 1"]);
    // Each hop of the new path has seen the same packets.
    let all = |place: &str, path: usize| {
        let paths = chain.ems(place).get("/v1/agent/paths").is(200).json();
        paths[path]["packets"].as_array().expect("counts").iter().filter_map(Value::as_u64).collect::<Vec<_>>()
    };
    let new = all("classifier", 0)[0];
    assert_eq!((all("forwarder", 0), all("proxy", 0)[0]), (vec![new; 3], new));
    let second = chain.ems("forwarder").get("/v1/elements/c/handlers/count?function=second").is(200).body;
    assert_eq!(second.trim().parse(), Ok(new));

    for (place, sluice) in vnfs {
        chain.ems(place).post("/v1/system/shutdown", "").is(202);
        let (ok, _, report) = sluice.wait();
        assert!(ok, "{report}");
        assert_eq!(balance(&report)[4], 0, "{place}: {report}");
    }
}
