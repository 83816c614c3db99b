//! What is broken, missing, forbidden, full or malformed: said clearly, counted, survived.
mod common;

use common::{Folder, Layout, Net, Running, SLUICE, balance, can_make_namespaces, function, must, run, wait};
use std::path::Path;
use std::process::Output;
use std::time::Duration;

fn sluice(args: &[&str]) -> Output {
    std::process::Command::new(SLUICE).args(args).output().expect("sluice")
}

fn stderr(o: &Output) -> String {
    String::from_utf8_lossy(&o.stderr).into_owned()
}

/// Many mistakes of many kinds in one file; what is there to make is a dump file.
fn broken(dump: &Path) -> String {
    format!(
        "src :: FromDevce(eth0);
q :: Queue(CAPACTY 10);
c :: Counter -> Discard;
src -> q;
Idle -> [2] c;
Idle -> Strip(banana) -> Discard;
FromDevice(lo) -> Unqueue -> Discard;
nowhere -> q;
f :: IPFilter(allow tcp dst prt 80);
Idle -> f -> Discard;
td :: ToDump({});
Idle -> td;
",
        dump.display()
    )
}

#[test]
fn every_error_is_said_with_its_place_and_nothing_is_started() {
    let folder = Folder::new("broken");
    let (config, dump) = (folder.file("broken.click"), folder.file("made.pcap"));
    std::fs::write(&config, broken(&dump)).expect("write");
    let config = config.to_str().expect("path");
    for command in ["run", "check", "trace", "graph"] {
        let o = sluice(&[command, config]);
        let said = stderr(&o);
        assert_eq!(o.status.code(), Some(1), "{command}: {said}");
        for (place, what) in [
            ("1:8", "unknown element class ‘FromDevce’\n  hint: did you mean ‘FromDevice’?\n"),
            ("2:1", "q :: Queue: CAPACTY: unknown argument\n  hint: did you mean ‘CAPACITY’?\n"),
            ("5:6", "‘c :: Counter’ has no input 2\n  hint: Counter has one input: 0\n"),
            ("6:9", "Strip@7 :: Strip: LENGTH: invalid number\n"),
            (
                "7:16",
                "‘FromDevice@9 :: FromDevice’ push output 0 connected to ‘Unqueue@10 :: Unqueue’ pull input 0\n  \
                 hint: put a Queue",
            ),
            ("8:1", "undeclared element ‘nowhere’\n"),
            ("9:1", "f :: IPFilter: pattern 0: empty term near ‘prt’\n"),
        ] {
            assert!(
                said.contains(&format!("{config}:{place}: error: {what}")),
                "{command}: {place} {what} in:\n{said}"
            );
        }
        assert_eq!(said.matches(": error: ").count(), 7, "{command}: {said}");
        assert!(!dump.exists(), "{command}");
    }
}

#[test]
fn click_stops_where_click_stops_and_says_it_in_its_words() {
    let folder = Folder::new("broken-click");
    let (config, dump) = (folder.file("broken.click"), folder.file("made.pcap"));
    let text = broken(&dump);
    std::fs::write(&config, &text).expect("write");
    let file = config.to_str().expect("path");
    let o = sluice(&["click", file]);
    let wanted = format!("{file}:1: unknown element class 'FromDevce'\n{file}:8: undeclared element 'nowhere'\n");
    assert_eq!((o.status.code(), stderr(&o)), (Some(1), wanted));
    let rest: Vec<&str> = text.lines().filter(|l| !l.contains("src") && !l.contains("nowhere")).collect();
    std::fs::write(&config, rest.join("\n")).expect("write");
    let o = sluice(&["click", file]);
    let said = stderr(&o);
    assert_eq!(o.status.code(), Some(1), "{said}");
    for wanted in [
        ":2: 'c :: Counter' has no input 2\n",
        ":1: While configuring 'q :: Queue':\n  CAPACTY: unknown argument\n",
        ":4: While configuring 'Strip@6 :: Strip':\n  LENGTH: invalid number\n",
        "push output 0 connected to 'Unqueue@9 :: Unqueue' pull input 0\n",
        "Router could not be initialized!\n",
    ] {
        assert!(said.contains(wanted), "{wanted} in:\n{said}");
    }
    assert!(!said.contains("hint") && !dump.exists(), "{said}");
}

#[test]
fn a_missing_device_names_those_that_exist_and_leaves_no_file() {
    let folder = Folder::new("missing");
    let (config, dump) = (folder.file("a.click"), folder.file("made.pcap"));
    let old = folder.file("old.pcap");
    std::fs::write(&old, "kept").expect("write");
    let text = "FromDevice(loo) -> t :: Tee -> ToDump(DUMP); t[1] -> ToDump(OLD); FromDump(/no/such) -> Discard;";
    let text = text.replace("DUMP", dump.to_str().expect("path")).replace("OLD", old.to_str().expect("path"));
    std::fs::write(&config, text).expect("write");
    let file = config.to_str().expect("path");
    for command in ["run", "trace", "click"] {
        let o = sluice(&[command, file]);
        let said = stderr(&o);
        assert_eq!(o.status.code(), Some(1), "{said}");
        assert!(said.contains("no interface \"loo\", did you mean \"lo\"? (there are: lo"), "{said}");
        assert!(said.contains("/no/such: No such file or directory"), "{said}");
        assert!(!dump.exists(), "{command}: a graph that did not start leaves no file");
        assert_eq!(std::fs::read(&old).expect("read"), b"kept", "{command}");
    }
    assert!(sluice(&["check", file]).status.success(), "a check needs no device");
}

#[test]
fn a_forbidden_device_says_what_is_needed() {
    if !can_make_namespaces("a forbidden device") {
        return;
    }
    // Where the user nobody may read it, wherever the build is. Another process copies it: a child
    // that another test starts meanwhile would hold the file open for writing, and it could not run.
    let folder = Folder::new("forbidden");
    let program = folder.file("sluice");
    must(&format!("cp {SLUICE} {}", program.display()));
    let (program, config) = (program.display(), folder.file("a.click"));
    for text in ["FromDevice(lo) -> Discard;", "InfiniteSource -> ToDevice(lo);"] {
        std::fs::write(&config, text).expect("write");
        for command in ["run", "trace", "click"] {
            let nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups";
            let o = run(&format!("{nobody} {program} {command} {}", config.display()));
            let wanted = "lo: needs CAP_NET_RAW (run as root or setcap cap_net_raw,cap_net_admin+ep)";
            assert!(o.status.code() == Some(1) && stderr(&o).contains(wanted), "{command} {text}: {}", stderr(&o));
        }
    }
}

#[test]
fn a_device_that_is_down_says_how_to_bring_it_up() {
    if !can_make_namespaces("a device that is down") {
        return;
    }
    let net = Net::new(Layout::OneNetwork, true);
    must(&format!("ip -n {} link set left down", net.r));
    for text in ["FromDevice(left) -> Discard;", "InfiniteSource(LIMIT 1) -> ToDevice(left);"] {
        for command in ["run /dev/stdin", "click"] {
            let o = run(&format!("echo '{text}' | timeout 5 ip netns exec {} {SLUICE} {command}", net.r));
            let wanted = "left: the interface is down (ip link set left up)";
            assert!(o.status.code() == Some(1) && stderr(&o).contains(wanted), "{text}: {}", stderr(&o));
        }
    }
}

#[test]
fn what_is_no_configuration_is_refused_or_ends() {
    let folder = Folder::new("files");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.file(name);
        std::fs::write(&path, bytes).expect("write");
        path.to_str().expect("path").to_string()
    };
    let mut random = Random(7);
    let garbage = file("garbage", &(0..200_000).map(|_| random.byte()).collect::<Vec<u8>>());
    let (empty, missing) = (file("empty", b""), folder.file("missing").display().to_string());
    let directory = folder.0.display().to_string();
    for command in ["run", "check", "trace", "graph", "click"] {
        for (path, wanted) in [(&missing, "No such file or directory"), (&directory, "Is a directory")] {
            let o = sluice(&[command, path]);
            assert_eq!(o.status.code(), Some(1), "{command} {path}");
            assert!(stderr(&o).contains(&format!("{path}: {wanted}")), "{command}: {}", stderr(&o));
        }
        let o = sluice(&[command, &garbage]);
        assert!(o.status.code() == Some(1) && stderr(&o).contains("syntax error near"), "{command}: {}", stderr(&o));
        let o = sluice(&[command, &empty]);
        assert_eq!(o.status.success(), command != "trace", "{command}: {}", stderr(&o));
        if matches!(command, "run" | "trace" | "click") {
            assert!(stderr(&o).contains("no elements"), "{command}: {}", stderr(&o));
        }
    }
}

#[test]
fn five_megabytes_of_configuration_are_checked() {
    let folder = Folder::new("large");
    let path = folder.file("large.click");
    let deep = |open: &str| open.repeat(5_000_000 / open.len());
    for (text, wanted) in [
        ("Idle -> Discard;\n".repeat(60_000) + &"// nothing\n".repeat(370_000), None),
        (format!("Idle{} -> Discard;", " -> Null".repeat(60_000)), None),
        (deep("{ "), Some("error")),
        (deep("("), Some("error")),
        (deep("elementclass A { "), Some("error")),
        (format!("Idle(\"{}", deep("x")), Some("unterminated string")),
        (format!("Idle -> IPFilter(allow {}", deep("(")), Some("unterminated parenthesis")),
        (format!("Idle -> IPFilter(allow {} tcp) -> Discard;", deep("not ")), Some("words in a pattern")),
    ] {
        std::fs::write(&path, &text).expect("write");
        let o = sluice(&["check", path.to_str().expect("path")]);
        let said = stderr(&o);
        let tail = &said[said.char_indices().rev().nth(300).map_or(0, |c| c.0)..];
        assert_eq!(o.status.code(), Some(i32::from(wanted.is_some())), "{}: {tail}", &text[..40]);
        assert!(said.contains(wanted.unwrap_or_default()), "{}: {tail}", &text[..40]);
    }
}

// --- in namespaces ---

/// Runs a function in the middle between the interfaces `left` and `right`.
fn start(net: &Net, name: &str, more: &[&str]) -> Running {
    let file = function(name);
    let mut args = vec!["run", file.to_str().expect("path"), "A=left", "B=right"];
    args.extend(more);
    net.spawn(&net.r, SLUICE, &args)
}

/// Runs a text in the middle.
fn start_text(net: &Net, folder: &Folder, text: &str, more: &[&str]) -> Running {
    let file = folder.file("middle.click");
    std::fs::write(&file, text).expect("write");
    let mut args = vec!["run", file.to_str().expect("path")];
    args.extend(more);
    net.spawn(&net.r, SLUICE, &args)
}

/// Stops it; the report, whose numbers add up.
fn stop(process: Running) -> String {
    process.signal("INT");
    let (ok, _, report) = process.wait();
    assert!(ok, "{report}");
    let [received, created, transmitted, consumed, dropped, held] = balance(&report);
    assert_eq!(received + created, transmitted + consumed + dropped + held, "{report}");
    assert!(!report.contains("panicked"), "{report}");
    report
}

/// Drops for one reason, from the report.
fn drops(report: &str, reason: &str) -> u64 {
    let line = report.lines().find(|l| l.starts_with("  ") && l.split_whitespace().next() == Some(reason));
    line.and_then(|l| l.split_whitespace().nth(1)).map_or(0, |n| n.replace(',', "").parse().expect("a number"))
}

fn has_ended(process: &Running) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap_or_default();
    stat.rsplit_once(')').is_none_or(|s| s.1.trim_start().starts_with('Z'))
}

const ROUTER: [&str; 2] = ["A_ADDR=10.0.1.1/24", "B_ADDR=10.0.2.1/24"];

#[test]
fn an_interface_that_goes_away_under_load_is_told_once_and_comes_back() {
    if !can_make_namespaces("an interface that goes away") {
        return;
    }
    let net = Net::new(Layout::OneNetwork, true);
    let (a, r) = (&net.a, &net.r);
    let mac = must(&format!("ip netns exec {a} cat /sys/class/net/eth0/address"));
    let middle = start(&net, "forward.click", &[]);
    net.settle("10.0.1.3");
    // The other port never rests: as many frames as go.
    let flood = "InfiniteSource(LENGTH 60) -> Queue(64) -> ToDevice(eth0);";
    let load = net.spawn(&net.b, SLUICE, &["click", "-e", flood]);
    let told = |what: &str| middle.told().matches(what).count();
    for time in 1..=2 {
        if time == 1 {
            must(&format!("ip -n {r} link del left"));
        } else {
            must(&format!("ip -n {r} link set left down"));
        }
        let limit = Duration::from_secs(5);
        wait(limit, "the loss", || told("left: cannot receive") == time && told("left: cannot send") == time);
        std::thread::sleep(Duration::from_millis(700)); // a few tries
        assert_eq!((told("left: receiving again"), told("left: sending again")), (time - 1, time - 1));
        if time == 1 {
            must(&format!("ip -n {r} link add left type veth peer name eth0 address {} netns {a}", mac.trim()));
            must(&format!("ip -n {a} addr add 10.0.1.2/24 dev eth0; ip -n {a} link set eth0 up"));
        }
        must(&format!("ip -n {r} link set left up"));
        wait(limit, "the return", || told("left: receiving again") == time && told("left: sending again") == time);
        if time == 2 {
            load.signal("INT");
        }
    }
    net.settle("10.0.1.3");
    assert_eq!((told("left: cannot receive"), told("left: cannot send"), told("right: ")), (2, 2, 0));
    let report = stop(middle);
    assert!(drops(&report, "port_down") > 0, "{report}");
}

#[test]
fn frames_that_the_link_does_not_take_are_oversize() {
    if !can_make_namespaces("a small MTU") {
        return;
    }
    let net = Net::new(Layout::OneNetwork, true);
    let middle = start(&net, "forward.click", &[]);
    net.settle("10.0.1.3");
    must(&format!("ip -n {} link set right mtu 1000", net.r));
    assert!(!net.in_a("ping -c 5 -i 0.1 -W 1 -s 1400 10.0.1.3").status.success());
    net.settle("10.0.1.3");
    let report = stop(middle);
    assert_eq!((drops(&report, "oversize"), balance(&report)[4]), (5, 5), "{report}");
}

#[test]
fn full_queues_and_empty_pools_drop_count_and_recover() {
    if !can_make_namespaces("full queues") {
        return;
    }
    let folder = Folder::new("full");
    for (capacity, buffers, reason) in [(50, "65536", "queue_full"), (1000, "100", "no_buffer")] {
        let net = Net::new(Layout::OneNetwork, true);
        let text = format!(
            "FromDevice(left, PROMISC true) -> Queue({capacity}) -> Shaper(200) -> ToDevice(right);
             FromDevice(right, PROMISC true) -> Queue -> ToDevice(left);"
        );
        let middle = start_text(&net, &folder, &text, &["--buffers", buffers]);
        net.settle("10.0.1.3");
        let load = "RatedSource(LENGTH 100, RATE 3000, LIMIT 3000, STOP true) -> ToDevice(eth0);";
        must(&format!("ip netns exec {} {SLUICE} click -e '{load}'", net.a));
        net.settle("10.0.1.3");
        let ping = net.in_a("ping -c 5 -i 0.2 10.0.1.3");
        assert!(String::from_utf8_lossy(&ping.stdout).contains("5 received"), "{ping:?}");
        let report = stop(middle);
        assert!(drops(&report, reason) > 100, "{report}");
        assert_eq!(drops(&report, reason), balance(&report)[4], "only so: {report}");
    }
    assert_eq!(sluice(&["run", "x", "--buffers", "0"]).status.code(), Some(2));
}

/// xorshift64*: the same frames in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
    fn byte(&mut self) -> u8 {
        (self.next() >> 56) as u8
    }
    fn below(&mut self, n: usize) -> usize {
        (self.next() >> 33) as usize % n
    }
}

/// The Internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let words = bytes.chunks(2).map(|c| u32::from(c[0]) << 8 | u32::from(c.get(1).copied().unwrap_or(0)));
    let sum = words.fold(0u64, |s, w| s + u64::from(w));
    let sum = (sum & 0xffff) + (sum >> 16);
    (!((sum & 0xffff) + (sum >> 16)) as u16).to_be_bytes()
}

/// A good ARP request, or IPv4 with ICMP, TCP, UDP, some other protocol or options, to a host
/// behind the router or to the router. Sent by nobody that exists, so that no host's address is learned wrong.
fn good(random: &mut Random, mac: [u8; 6]) -> Vec<u8> {
    let mut f = mac.to_vec();
    f.extend([2, 0, 0, 0, 0, 77]);
    let kind = random.below(8);
    if kind == 0 {
        f.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1 + random.below(2) as u8, 2, 0, 0, 0, 0, 77, 10, 0, 1, 77]);
        f.extend([0, 0, 0, 0, 0, 0, 10, 0, 1, 1]);
        return f;
    }
    let options = if kind == 1 { 4 * random.below(11) } else { 0 };
    let payload = random.below(1500 - 20 - options - 20);
    let protocol = [1, 1, 6, 17, 1, 6, 17, 47][kind];
    let mut body: Vec<u8> = (0..20 + payload).map(|_| random.byte()).collect();
    if protocol == 1 {
        body[..4].copy_from_slice(&[[8, 0, 3, 11][random.below(4)], 0, 0, 0]);
        let sum = checksum(&body);
        body[2..4].copy_from_slice(&sum);
    } else if protocol == 6 {
        body[12] = 0x50;
    } else {
        let len = (body.len() as u16).to_be_bytes();
        body[4..8].copy_from_slice(&[len[0], len[1], 0, 0]);
    }
    let total = ((20 + options + body.len()) as u16).to_be_bytes();
    let fragment = if kind == 6 { [0x20 * random.below(2) as u8, random.byte()] } else { [0, 0] };
    let to = [[10, 0, 2, 2], [10, 0, 1, 1], [10, 0, 2, 1], [10, 9, 9, 9]][random.below(4)];
    let mut ip = vec![0x45 + (options / 4) as u8, 0, total[0], total[1], random.byte(), 1, fragment[0], fragment[1]];
    ip.extend([1 + random.below(3) as u8, protocol, 0, 0, 10, 0, 1, 77]);
    ip.extend(to);
    let codes = [0u8, 1, 7, 68, 131, 137, 148, 255];
    ip.extend((0..options).map(|i| if i % 4 == 0 { codes[random.below(8)] } else { random.byte() % 12 }));
    let sum = checksum(&ip);
    ip[10..12].copy_from_slice(&sum);
    f.extend([8, 0]);
    f.extend(ip);
    f.extend(body);
    f
}

/// A capture file with `n` frames: random ones, good ones, and good ones with a few bytes changed or the end cut off.
fn capture(n: usize, mac: [u8; 6]) -> Vec<u8> {
    let mut random = Random(0x5eed);
    let mut out = Vec::new();
    for v in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 1u32] {
        out.extend(v.to_le_bytes());
    }
    for i in 0..n {
        let mut f = if i % 4 == 0 {
            let len = 14 + random.below(1501);
            let mut f: Vec<u8> = (0..len).map(|_| random.byte()).collect();
            if random.below(2) == 0 {
                f[12..14].copy_from_slice(&[8, [0, 6][random.below(2)]]);
            }
            f
        } else {
            good(&mut random, mac)
        };
        if i % 4 >= 2 {
            for _ in 0..=random.below(4) {
                let at = if random.below(4) > 0 { random.below(f.len().min(60)) } else { random.below(f.len()) };
                f[at] = random.byte();
            }
            if random.below(3) == 0 {
                f.truncate(14 + random.below(f.len() - 13));
            }
        }
        f.truncate(1514);
        for v in [i as u32 / 1000, 0, f.len() as u32, f.len() as u32] {
            out.extend(v.to_le_bytes());
        }
        out.extend(f);
    }
    out
}

#[test]
fn random_and_mutated_frames_do_no_harm() {
    const FRAMES: usize = 50_000;
    if !can_make_namespaces("random frames") {
        return;
    }
    let net = Net::new(Layout::TwoNetworks, true);
    let folder = Folder::new("random");
    let pcap = folder.file("random.pcap");
    let mac = must(&format!("ip netns exec {} cat /sys/class/net/left/address", net.r));
    let mac: Vec<u8> = mac.trim().split(':').map(|b| u8::from_str_radix(b, 16).expect("hex")).collect();
    std::fs::write(&pcap, capture(FRAMES, mac.try_into().expect("six"))).expect("write");
    let middle = start(&net, "router.click", &ROUTER);
    net.settle("10.0.2.2");
    let text = format!("d :: FromDump({}, STOP true) -> Shaper(15000) -> t :: ToDevice(eth0);", pcap.display());
    let sent = net.in_a(&format!("{SLUICE} click -e '{text}' -h t.count"));
    let sent = String::from_utf8_lossy(&sent.stdout).into_owned() + &stderr(&sent);
    assert_eq!(sent.trim(), FRAMES.to_string());
    net.settle("10.0.2.2");
    let report = stop(middle);
    let line = report.lines().find(|l| l.starts_with("port left") && l.contains("received")).expect("left");
    let numbers: Vec<usize> = line.split_whitespace().filter_map(|w| w.replace(',', "").parse().ok()).collect();
    assert!(numbers[0] + numbers[2] >= FRAMES, "{report}");
    for reason in ["bad_ip", "no_route", "ttl_expired"] {
        println!("{reason}: {}", drops(&report, reason));
    }
    assert!(drops(&report, "bad_ip") > 1000, "{report}");
}

#[test]
fn an_idle_function_rests_and_signals_are_obeyed() {
    if !can_make_namespaces("an idle function") {
        return;
    }
    let net = Net::new(Layout::OneNetwork, true);
    let folder = Folder::new("idle");
    let plain = std::fs::read_to_string(function("forward.click")).expect("read");
    let middle = start_text(&net, &folder, &plain, &["A=left", "B=right"]);
    net.settle("10.0.1.3");
    let ticks = || -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", middle.id())).expect("stat");
        let fields: Vec<&str> = stat.rsplit_once(')').expect("name").1.split_whitespace().collect();
        fields[11..13].iter().map(|f| f.parse::<u64>().expect("ticks")).sum() // proc(5): utime and stime
    };
    let before = ticks();
    std::thread::sleep(Duration::from_secs(3));
    let used = ticks() - before;
    assert!(used <= 3, "{used} hundredths of a second in 3 s");
    assert!(net.in_a("ping -c 1 -W 1 10.0.1.3").status.success());

    std::fs::write(folder.file("middle.click"), plain.replace("Queue(", "Quue(")).expect("write");
    middle.signal("HUP");
    wait(Duration::from_secs(5), "a refusal", || middle.told().contains("the running graph goes on"));
    assert!(middle.told().contains("did you mean ‘Queue’?"), "{}", middle.told());
    std::fs::remove_file(folder.file("middle.click")).expect("remove");
    middle.signal("HUP");
    wait(Duration::from_secs(5), "a refusal", || middle.told().matches("the running graph goes on").count() == 2);
    assert!(net.in_a("ping -c 1 -W 1 10.0.1.3").status.success());

    middle.signal("INT");
    wait(Duration::from_secs(1), "the end", || has_ended(&middle));
    let (ok, _, report) = middle.wait();
    assert!(ok && balance(&report)[0] > 0, "{report}");

    // Twice, while it is on its way out.
    for pause in [0, 5, 30] {
        let middle = start(&net, "forward.click", &[]);
        net.settle("10.0.1.3");
        middle.signal("INT");
        std::thread::sleep(Duration::from_millis(pause));
        if !has_ended(&middle) {
            middle.signal("INT");
        }
        wait(Duration::from_secs(1), "the end", || has_ended(&middle));
        assert!(!middle.told().contains("panicked"), "{}", middle.told());
    }
}

#[test]
fn two_processes_share_an_interface() {
    if !can_make_namespaces("two processes") {
        return;
    }
    let net = Net::new(Layout::OneNetwork, true);
    let folder = Folder::new("two");
    let middle = start(&net, "forward.click", &[]);
    let other = start_text(&net, &folder, "FromDevice(left, PROMISC true) -> Counter -> Discard;", &[]);
    net.settle("10.0.1.3");
    wait(Duration::from_secs(5), "both", || {
        let o = run(&format!("ip netns exec {} cat /proc/net/packet", net.r));
        String::from_utf8_lossy(&o.stdout).lines().count() == 1 + 5 // two ports that receive and send each, and one more
    });
    let ping = net.in_a("ping -c 10 -i 0.1 10.0.1.3");
    let said = String::from_utf8_lossy(&ping.stdout).into_owned();
    assert!(said.contains("10 received") && !said.contains("DUP"), "{said}");
    assert!(balance(&stop(other))[0] >= 10);
    assert!(balance(&stop(middle))[2] >= 20);
}

/// Packet sockets of a namespace that are bound to an interface and take frames: before that they are there, but
/// nothing comes in yet (column `R` of /proc/net/packet).
fn receiving_sockets(namespace: &str) -> usize {
    let table = must(&format!("ip netns exec {namespace} cat /proc/net/packet"));
    let row = |l: &str| l.split_whitespace().map(String::from).collect::<Vec<_>>();
    table
        .lines()
        .skip(1)
        .map(row)
        .filter(|r| r.get(4).is_some_and(|i| i != "0") && r.get(5).is_some_and(|r| r == "1"))
        .count()
}

#[test]
fn tagged_frames_pass_with_their_tags() {
    if !can_make_namespaces("VLAN") {
        return;
    }
    for offloads in [true, false] {
        let net = Net::new(Layout::OneNetwork, offloads);
        let middle = start(&net, "forward.click", &[]);
        net.settle("10.0.1.3");
        // Made without a VLAN interface, which not every kernel has.
        let end = "c :: Classifier(12/8100a007 16/88b5, -); c[0] -> n :: Counter -> Discard; c[1] -> Discard;";
        let end = net.spawn(&net.b, SLUICE, &["click", "-e", &format!("FromDevice(eth0) -> {end}"), "-h", "n.count"]);
        wait(Duration::from_secs(5), "the receiver", || receiving_sockets(&net.b) == 1);
        let frames = "RatedSource(LENGTH 1496, RATE 1000, LIMIT 200, STOP true)";
        let frames = format!("{frames} -> EtherEncap(0x88b5, 2:0:0:0:0:1, ff:ff:ff:ff:ff:ff)");
        let frames = format!("{frames} -> VLANEncap(7, VLAN_PCP 5) -> ToDevice(eth0);");
        must(&format!("ip netns exec {} {SLUICE} click -e '{frames}'", net.a));
        std::thread::sleep(Duration::from_millis(300));
        end.signal("INT");
        let (_, count, said) = end.wait();
        assert!(count.contains("200"), "{count}{said}");
        let can = format!("ip -n {} link add link eth0 name eth0.7 type vlan id 7", net.a);
        if !run(&can).status.success() {
            println!("skipped: ping through VLAN interfaces: this kernel has none");
            assert_eq!(balance(&stop(middle))[4], 0);
            continue;
        }
        must(&format!("ip -n {} link del eth0.7", net.a));
        for (host, address) in [(&net.a, "10.7.0.2/24"), (&net.b, "10.7.0.3/24")] {
            must(&format!("ip -n {host} link add link eth0 name eth0.7 type vlan id 7"));
            must(&format!("ip -n {host} addr add {address} dev eth0.7; ip -n {host} link set eth0.7 up"));
        }
        net.settle("10.7.0.3");
        let ping = net.in_a("ping -c 5 -i 0.1 -s 1472 -M do 10.7.0.3");
        assert!(String::from_utf8_lossy(&ping.stdout).contains("5 received"), "{ping:?}");
        assert_eq!(balance(&stop(middle))[4], 0);
    }
}
