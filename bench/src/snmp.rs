//! SNMPClassifier on SNMP messages, against IPClassifier with as many patterns on the same packets; and what it costs other traffic, with one
//! pattern and with many.
use crate::harness::{Bench, Cost, Goal, Line, Subject, Table};
use crate::ring::{self, Traffic};

/// Numbers of patterns; the last one takes all that the others do not.
const SIZES: [usize; 3] = [4, 16, 100];

/// An encoded value with contents of fewer than 128 octets.
fn value(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let contents = contents.concat();
    [&[tag, contents.len() as u8], &contents[..]].concat()
}

/// A GetRequest for one object, as net-snmp sends it.
fn get() -> Vec<u8> {
    let object = value(0x30, &[&[6, 8, 0x2b, 6, 1, 2, 1, 1, 1, 0], &[5, 0]]);
    value(0xa0, &[&[2, 4, 0x46, 0x1b, 0x27, 0x0a, 2, 1, 0, 2, 1, 0], &value(0x30, &[&object])])
}

/// A message of version 2c.
fn v2c(i: usize) -> Vec<u8> {
    value(0x30, &[&[2, 1, 1], &value(4, &[format!("community-{i}").as_bytes()]), &get()])
}

/// A message of version 3 with authentication; its security parameters are as long as with SHA-256.
fn v3(i: usize) -> Vec<u8> {
    let engine = value(4, &[b"\x80\x00\x1f\x88\x80\x97\x26\x91\x02\x15\x6a\x09\x6b\x00\x00\x00\x00"]);
    let head = value(0x30, &[&[2, 4, 0x29, 0x35, 0xda, 0x11, 2, 3, 0, 0xff, 0xe3, 4, 1, 5, 2, 1, 3]]);
    let user = value(4, &[format!("user-{i}").as_bytes()]);
    let usm = value(0x30, &[&engine, &[2, 1, 1, 2, 2, 3, 0xe8], &user, &value(4, &[&[7; 24]]), &[4, 0]]);
    let scoped = value(0x30, &[&engine, &[4, 0], &get()]);
    let inside = [&[2, 1, 3], &head[..], &value(4, &[&usm]), &scoped].concat();
    [&[0x30, 0x81, inside.len() as u8], &inside[..]].concat()
}

/// A frame with a UDP datagram.
fn frame(i: usize, port: u16, datagram: &[u8]) -> Vec<u8> {
    let mut f = ring::udp_frame([10, 0, 0, 1], (i as u32 | 0x0b00_0000).to_be_bytes(), 1000, port)[..42].to_vec();
    f.extend(datagram);
    let (packet, udp) = ((f.len() - 14) as u16, (8 + datagram.len()) as u16);
    f[16..18].copy_from_slice(&packet.to_be_bytes()); // nobody looks at the header's sum
    f[38..40].copy_from_slice(&udp.to_be_bytes());
    f
}

/// From ring to ring through a classifier with so many patterns, all outputs to the ring.
fn config(class: &str, n: usize, pattern: impl Fn(usize) -> String) -> String {
    let patterns: String = (0..n - 1).map(|i| pattern(i) + ", ").collect();
    let outputs: String = (1..n).map(|i| format!("c [{i}] -> sink; ")).collect();
    format!("sink :: RingSink; RingSource -> MarkIPHeader(14) -> c :: {class}({patterns}-) -> sink; {outputs}")
}

fn engine(config: String) -> impl FnMut() {
    let mut e = ring::engine(&config, 32);
    move || {
        e.round();
    }
}

pub(crate) fn run(bench: &mut Bench) -> anyhow::Result<()> {
    type Kind = (&'static str, fn(usize) -> Vec<u8>, &'static str);
    let kinds: [Kind; 2] = [("v2c", v2c, "community community-"), ("v3", v3, "user user-")];
    let without = || Subject::new("without", 32, || engine("RingSource -> MarkIPHeader(14) -> RingSink;".into()));
    for (name, message, pattern) in kinds {
        for all_to_one in [true, false] {
            let mut lines = Vec::new();
            for n in SIZES {
                // The last name, or each as often as the others; the traffic of IPClassifier differs in the port alone.
                let which = move |i: usize| if all_to_one { n - 2 } else { i % (n - 1) };
                let traffic = |port: fn(usize) -> u16| {
                    let traffic = Traffic::of("warm", |i| frame(i, port(which(i)), &message(which(i))));
                    Traffic { name, ..traffic }
                };
                let key = format!("snmp {n} {all_to_one}");
                let by_name = config("SNMPClassifier", n, |i| format!("{pattern}{i}"));
                let (messages, datagrams) = (traffic(|_| 161), traffic(|n| 2000 + n as u16));
                let of_snmp =
                    bench.compare(&messages, vec![without(), Subject::new(key.clone(), 32, || engine(by_name))]);
                let by_port = config("IPClassifier", n, |i| format!("udp dst port {}", 2000 + i));
                let other = format!("ip {n} {all_to_one}");
                let of_ip = bench.compare(&datagrams, vec![without(), Subject::new(other, 32, || engine(by_port))]);
                let ([base, snmp], [ip_base, ip]) = (&of_snmp[..], &of_ip[..]) else { continue };
                let name = format!("{n} patterns");
                let line = Line::new(name, snmp.beyond(*base), "IPClassifier", ip.beyond(*ip_base));
                lines.push(line.goal(Goal::AtMost(15.0)).instructions(bench.instructions(&messages, &key)));
            }
            let title = format!("SNMPClassifier, {name}, {}", if all_to_one { "the last name" } else { "all outputs" });
            bench.tables.push(Table { title, unit: "ns/packet".into(), lines });
        }
    }
    others(bench);
    Ok(())
}

/// Rules for SNMP before one for all UDP, with traffic that is not SNMP; the bare rule is the baseline.
fn others(bench: &mut Bench) {
    let traffic = Traffic {
        name: "other",
        ..Traffic::new("warm", |i| ring::udp_frame([10, 0, 0, 1], (i as u32 | 0x0b00_0000).to_be_bytes(), 1000, 2000))
    };
    let agent = |n: usize| {
        let rules: String =
            (0..n).map(|i| format!("RULE r{i} FROM A TO 1/255 SNMP community community-{i}, ")).collect();
        format!(
            "sink :: RingSink; RingSource -> a :: StructuralAgent(PORT A, FUNCTION f, PATH 1/255 FUNCTION f, PATH 1/254 END A, {rules} \
             RULE all FROM A TO 1/255 MATCH udp); a -> sink; a [1] -> sink; Idle -> [1] a;"
        )
    };
    let subjects = [0, 1, 100].map(|n| Subject::new(format!("agent, {n} rules"), 32, move || engine(agent(n))));
    let costs = bench.compare(&traffic, subjects.into());
    let [none, one, many] = costs[..] else { return };
    let title = "Structural agent, a rule for UDP, traffic that is not SNMP: beyond no rules for SNMP".into();
    let mut line = |name: &str, cost: Cost, n: usize| {
        let line = Line::new(name, cost.beyond(none), "without", none).goal(Goal::AtMost(2.0));
        line.instructions(bench.instructions(&traffic, &format!("agent, {n} rules")))
    };
    let lines =
        vec![line("without", none, 0), line("one rule for SNMP", one, 1), line("100 rules for SNMP", many, 100)];
    bench.tables.push(Table { title, unit: "ns/packet".into(), lines });
}
