//! Real programs as functions: what they get, what comes back, and what becomes of packets when they fail.
mod common;

use common::{
    ECHO, Folder, Graph, command, has, in_a_namespace, interfaces, program, python, running, signal, start, through,
    until, until_state,
};
use sluice_dataplane::reason::Reason;
use sluice_external::{Ended, State};
use std::fs;

/// Frames of a capture file in the classic format, little-endian.
fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut rest, mut all) = (bytes.get(24..).unwrap_or_default(), Vec::new());
    while let Some((head, more)) = rest.split_at_checked(16) {
        let length = u32::from_le_bytes([head[8], head[9], head[10], head[11]]) as usize;
        let Some((frame, after)) = more.split_at_checked(length) else { break };
        all.push(frame.to_vec());
        rest = after;
    }
    all
}

#[test]
fn tcpdump_as_a_monitor_writes_every_packet() {
    if !in_a_namespace("tcpdump") || !has("tcpdump", "tcpdump") {
        return;
    }
    let folder = Folder::new("tcpdump");
    let file = folder.0.join("all.pcap");
    let spec = format!(
        "command = ['tcpdump', '-i', 'eth0', '-w', '{}', '-U', '--immediate-mode', '-Z', 'root']\nreturns = false",
        file.display()
    );
    let monitor = start("monitor", &spec);
    running(&monitor);
    let graph = Graph::new(&through(&monitor, 1000));
    graph.go();
    let all = || frames(&fs::read(&file).unwrap_or_default());
    until("1000 frames", || all().len() >= 1000);
    assert_eq!(graph.number("as_was.count"), 1000, "the packets themselves go on");
    assert_eq!(graph.number("f/gate.given"), 1000);
    for frame in all() {
        assert_eq!((frame.len(), &frame[..6], &frame[12..14]), (114, &[2, 0, 0, 0, 0, 2][..], &[0x88, 0xb5][..]));
    }
    monitor.stop();
    until_state(&monitor, State::Stopped);
    let status = monitor.status();
    assert_eq!(status.ended, Some(Ended::Status(0)), "it had time to close its file: {status:?}");
    assert!(status.words.iter().any(|line| line.contains("1000 packets captured")), "{:?}", status.words);
    assert_eq!(all().len(), 1000);
    assert_eq!(graph.end(), []);
}

#[test]
fn a_script_on_one_interface_gives_packets_back() {
    if !in_a_namespace("echo") {
        return;
    }
    let echo = start("echo", &command(&python(&["eth0"], ECHO)));
    running(&echo);
    let graph = Graph::new(&through(&echo, 2000));
    graph.go();
    until("all packets", || graph.number("swapped.count") == 2000);
    assert_eq!((graph.number("f/gate.given"), graph.number("f/gate.returned")), (2000, 2000));
    assert_eq!((graph.number("f/gate.outstanding"), echo.status().outstanding), (0, 0));
    assert_eq!(graph.end(), []);
    assert_eq!(interfaces().len(), 1);
    drop(echo);
    assert_eq!(interfaces(), Vec::<String>::new(), "nothing is left");
}

#[test]
fn a_script_on_a_tap_gives_packets_back() {
    if !in_a_namespace("tap") {
        return;
    }
    let echo = start("tap", &format!("{}attach = 'tap'", command(&python(&["eth0"], ECHO))));
    until("a word", || echo.status().detail.contains("waits for the graph"));
    let graph = Graph::new(&through(&echo, 1000));
    running(&echo);
    assert_eq!(interfaces(), Vec::<String>::new(), "it is in the program's network");
    graph.go();
    until("all packets", || graph.number("swapped.count") == 1000);
    signal(program(&echo), "KILL");
    until("a new start", || echo.status().starts == 2);
    running(&echo);
    graph.write("src.limit", "2000");
    graph.go();
    until("all packets", || graph.number("swapped.count") == 2000);
    echo.stop();
    until_state(&echo, State::Stopped);
    echo.run();
    running(&echo);
    graph.write("src.limit", "3000");
    graph.go();
    until("all packets", || graph.number("swapped.count") == 3000);
    drop(echo);
    graph.end();
}

/// The same, but each frame takes its time; asked to end, it ends at once.
const SLOW: &str = "
while True:
    frame, address = eth0.recvfrom(65535)
    if address[2] != socket.PACKET_OUTGOING:
        time.sleep(0.0015)
        eth0.send(frame[6:12] + frame[:6] + frame[12:])
";

#[test]
fn a_function_that_is_stopped_first_gives_back_what_it_has() {
    if !in_a_namespace("stopped") {
        return;
    }
    let spec = format!("{}fail = 'open'", command(&python(&["eth0"], SLOW)));
    let slow = start("stopped", &spec);
    running(&slow);
    let graph = Graph::new(&through(&slow, -1));
    graph.go();
    for starts in 1..=3 {
        graph.grows("swapped.count", 20);
        slow.stop();
        until_state(&slow, State::Stopped);
        let status = slow.status();
        assert_eq!((status.starts, status.failures, status.ended), (starts, 0, Some(Ended::Signal(15))));
        assert_eq!((status.process, status.outstanding), (None, 0), "nothing was left in it");
        graph.grows("as_was.count", 20);
        slow.run();
        running(&slow);
    }
    let counts = ["f/gate.bypassed", "as_was.count"].map(|path| graph.number(path));
    assert!(counts[0] <= counts[1], "{counts:?}");
    assert_eq!(graph.end(), []);
}

#[test]
fn the_last_wish_counts_whatever_happens_at_the_moment() {
    if !in_a_namespace("wishes") {
        return;
    }
    let script = "trap \"\" TERM; while :; do sleep 0.02; done"; // it has to be killed
    let spec = format!("command = ['sh', '-c', '{script}']\nready = '0'\nstop_within = '50 ms'");
    let function = start("wishes", &spec);
    running(&function);
    function.run();
    function.stop();
    function.run();
    until("another start", || function.status().starts == 2);
    running(&function);
    function.restart();
    function.stop();
    until_state(&function, State::Stopped);
    function.stop();
    function.restart();
    running(&function);
    assert_eq!((function.status().starts, function.status().failures), (3, 0));
}

const BRIDGE: &str = "
while True:
    for s in select.select([left, right], [], [])[0]:
        frame, address = s.recvfrom(65535)
        if address[2] != socket.PACKET_OUTGOING:
            (right if s is left else left).send(frame)
";

#[test]
fn a_script_bridges_between_two_interfaces() {
    if !in_a_namespace("bridge") {
        return;
    }
    for attach in ["veth", "tap"] {
        let spec = format!(
            "{}interfaces = 2\nnames = ['left', 'right']\nattach = '{attach}'",
            command(&python(&["left", "right"], BRIDGE))
        );
        let bridge = start("bridge", &spec);
        if attach == "veth" {
            running(&bridge);
        }
        let graph = Graph::new(&through(&bridge, 1000));
        running(&bridge);
        graph.go();
        until("all packets", || graph.number("as_was.count") == 1000);
        assert_eq!(graph.number("f/gate.returned"), 1000, "{attach}");
        // Frames of the kernel's, from before the program had the interface.
        let early = |(reason, _): &(Reason, u64)| attach == "tap" && *reason == Reason::FunctionDown;
        let drops = graph.end();
        assert!(drops.iter().all(early), "{attach}: {drops:?}");
    }
}

#[test]
fn what_the_kernel_sends_for_a_program_has_right_checksums() {
    if !in_a_namespace("checksums") {
        return;
    }
    let script = python(
        &[],
        "
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
while True:
    s.sendto(b'x' * 999, ('10.9.0.255', 9))
    time.sleep(0.001)
",
    );
    let spec = format!("{}addresses = {{ eth0 = ['10.9.0.2/24'] }}\nready = '0'", command(&script));
    let sender = start("sums", &spec);
    running(&sender);
    let text = format!(
        "Idle -> f :: {} -> Classifier(12/0800) -> Strip(14) -> CheckIPHeader -> CheckUDPHeader -> ok :: Counter -> Discard;",
        sender.click()
    );
    let graph = Graph::new(&text);
    graph.grows("ok.count", 100);
    let drops = graph.end();
    assert!(!drops.iter().any(|(reason, _)| *reason == Reason::BadChecksum), "{drops:?}");
}

#[test]
fn when_the_program_is_killed_packets_go_past_and_it_is_started_again() {
    if !in_a_namespace("killed") {
        return;
    }
    let spec = format!("{}fail = 'open'\nready = 'socket'", command(&python(&["eth0"], ECHO)));
    let echo = start("killed", &spec);
    running(&echo);
    let graph = Graph::new(&through(&echo, -1));
    graph.go();
    graph.grows("swapped.count", 100);
    let before = graph.number("as_was.count");
    signal(program(&echo), "KILL");
    until("packets that go past", || graph.number("as_was.count") > before);
    until("a new start", || echo.status().starts == 2);
    running(&echo);
    graph.grows("swapped.count", 100);
    assert_eq!(echo.status().ended, Some(Ended::Signal(9)));
    assert_eq!(echo.status().failures + 1, echo.status().starts);
    assert_eq!(graph.number("f/gate.bypassed"), graph.number("as_was.count"));
    assert_eq!(graph.end(), []);
}

#[test]
fn when_the_program_is_killed_packets_are_dropped_if_it_fails_closed() {
    if !in_a_namespace("closed") {
        return;
    }
    let spec = format!("{}[restart]\nfirst = '1 h'\nlongest = '1 h'", command(&python(&["eth0"], ECHO)));
    let echo = start("closed", &spec);
    running(&echo);
    let graph = Graph::new(&through(&echo, -1));
    graph.go();
    for starts in 1..=2 {
        assert_eq!(echo.status().starts, starts);
        graph.grows("swapped.count", 50);
        signal(program(&echo), "KILL");
        if starts == 1 {
            until("a new start", || echo.status().starts == 2);
            running(&echo);
        }
    }
    until_state(&echo, State::BackingOff);
    graph.grows("f/gate.dropped", 50);
    assert_eq!(graph.number("as_was.count"), 0);
    echo.restart();
    running(&echo);
    graph.grows("swapped.count", 50);
    let dropped = graph.number("f/gate.dropped");
    assert_eq!(graph.end(), [(Reason::FunctionDown, dropped)]);
}

#[test]
fn a_program_that_is_stopped_has_stalled_and_is_started_again() {
    if !in_a_namespace("stalled") {
        return;
    }
    let spec = format!("{}fail = 'open'\n[restart]\nstalled = '300 ms'", command(&python(&["eth0"], ECHO)));
    let echo = start("stalled", &spec);
    running(&echo);
    let graph = Graph::new(&through(&echo, -1));
    graph.go();
    graph.grows("swapped.count", 50);
    signal(program(&echo), "STOP");
    until("a stall", || echo.status().stalled);
    assert_eq!(graph.read("f/gate.state"), "stalled");
    graph.grows("f/gate.bypassed", 50);
    until("a new start", || echo.status().starts == 2);
    running(&echo);
    graph.grows("swapped.count", 100);
    let status = echo.status();
    assert_eq!((status.stalls, status.stalled, status.ended), (1, false, Some(Ended::Signal(9))));
    assert_eq!(graph.end(), []);
}

#[test]
fn a_stalled_program_that_goes_on_gets_packets_again_without_a_new_start() {
    if !in_a_namespace("goes-on") {
        return;
    }
    let spec = format!("{}[restart]\nstalled = '1 h'", command(&python(&["eth0"], ECHO)));
    let echo = start("goes-on", &spec);
    running(&echo);
    let graph = Graph::new(&through(&echo, -1));
    graph.go();
    graph.grows("swapped.count", 50);
    let process = program(&echo);
    signal(process, "STOP");
    until("a stall", || echo.status().stalled);
    graph.grows("f/gate.dropped", 20);
    signal(process, "CONT");
    graph.grows("swapped.count", 200);
    assert!(!echo.status().stalled && echo.status().starts == 1);
}
