//! A service function forwarder, against the router of six elements in the same run; and the structural agent, against a HashSwitch of as many outputs.
use crate::harness::{Bench, Cost, Goal, Line, Subject, Table};
use crate::ring::{self, FRAME, SETS, Traffic};
use crate::router;
use std::fmt::Write;

/// Paths of the table.
const PATHS: usize = 10_000;
/// Routes of the router: as many.
const ROUTES: usize = 10_000;

/// Path `i`: several indices of each service path.
fn path(i: usize) -> (u32, u8) {
    (1 + (i / 4) as u32 * 7, 255 - (i % 4) as u8)
}

/// A frame with NSH of MD type 1 on path `i`, in it an IPv4 packet with ports.
fn frame(i: usize) -> [u8; FRAME] {
    let (spi, index) = path(i % PATHS);
    let udp = ring::udp_frame([10, 0, 0, 1], (i as u32 | 0x0b00_0000).to_be_bytes(), 1000, 2000);
    let mut f = [0; FRAME];
    f[..18].copy_from_slice(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x89, 0x4f, 0x0f, 0xc6, 1, 1]);
    f[18..22].copy_from_slice(&(spi << 8 | u32::from(index)).to_be_bytes());
    f[38..].copy_from_slice(&udp[14..14 + FRAME - 38]);
    f
}

/// From ring to ring: type, header, time to live, look-up, new Ethernet header; with `hops` next hops for each path.
fn config(hops: usize) -> String {
    let mut c = String::from(
        "sink :: RingSink; RingSource -> class :: Classifier(12/894f, -) -> Strip(14) -> CheckNSHHeader -> f :: NSHForwarder(",
    );
    for i in 0..PATHS {
        let (spi, index) = path(i);
        for hop in 0..hops {
            let _ = write!(c, "{spi}/{index} 192.168.{hop}.{} 0,", 1 + i % 250); // a string takes everything
        }
    }
    c += "); class [1] -> Discard; f -> EtherEncap(0x894f, 2:0:0:0:0:1, 2:0:0:0:0:2) -> sink;";
    c
}

/// Functions of the agent.
const FUNCTIONS: usize = 16;

/// From ring to ring through the structural agent: to one function of many, and no further. Frames stay whole: they have
/// no NSH, and rules find the function by the port that they are sent to; or they have, and functions are aware of it.
/// `shared`: two functions share each path's flows.
fn agent(rules: bool, shared: bool) -> String {
    let mut c = String::from("sink :: RingSink; agent :: StructuralAgent(PORT A");
    let aware = if rules { "" } else { " aware" };
    for f in 0..FUNCTIONS {
        let _ = write!(c, ", FUNCTION f{f}{aware}"); // a string takes everything
    }
    for f in 0..FUNCTIONS {
        if shared {
            let (place, other) = (f + 1, (f + 1) % FUNCTIONS);
            let _ = write!(c, ", PATH {place}/255 SHARE 1 FUNCTION f{f}, PATH {place}/255 SHARE 1 FUNCTION f{other}");
        } else {
            let _ = write!(c, ", PATH {}/255 FUNCTION f{f}", f + 1);
        }
        if rules {
            let _ = write!(c, ", RULE r{f} FROM A TO {}/255 MATCH udp dst port {}", f + 1, 2000 + f);
        }
    }
    c += "); RingSource -> agent -> sink;";
    for f in 0..FUNCTIONS {
        let _ = write!(c, "agent [{}] -> sink; Idle -> [{}] agent;", f + 1, f + 1);
    }
    c
}

/// The same number of ways, one after the other: what it costs to send packets to many outputs.
fn ways(rules: bool) -> String {
    // The low byte of the UDP port, or of the service path identifier.
    let byte = if rules { 37 } else { 20 };
    let sinks: String = (1..FUNCTIONS).map(|f| format!("ways [{f}] -> sink; ")).collect();
    format!("sink :: RingSink; RingSource -> ways :: HashSwitch({byte}, 1) -> sink; {sinks}")
}

pub(crate) fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let (routes, to) = router::routes(ROUTES, 1);
    let engine = |config: String| {
        move || {
            let mut e = ring::engine(&config, 32);
            move || {
                e.round();
            }
        }
    };
    for (set, packets, flows) in SETS {
        let ip = router::traffic(set, &to);
        let nsh = Traffic::new(set, frame);
        let router = bench.compare(&ip, vec![Subject::new("router", 32, engine(router::config(&routes, 1)))]);
        let sff = bench.compare(
            &nsh,
            vec![Subject::new("sff", 32, engine(config(1))), Subject::new("sff, 4 next hops", 32, engine(config(4)))],
        );
        let subjects = |rules| {
            let name = if rules { "agent, rules" } else { "agent, paths" };
            vec![
                Subject::new("ways", 32, engine(ways(rules))),
                Subject::new(name, 32, engine(agent(rules, false))),
                Subject::new(format!("{name}, shared"), 32, engine(agent(rules, true))),
            ]
        };
        let plain = Traffic::new(set, |i| {
            ring::udp_frame([10, 0, 0, 1], (i as u32 | 0x0b00_0000).to_be_bytes(), 1000, 2000 + (i % FUNCTIONS) as u16)
        });
        let by_rule = bench.compare(&plain, subjects(true));
        let headed = Traffic::new(set, |i| {
            let mut f = frame(i);
            f[18..22].copy_from_slice(&((1 + i % FUNCTIONS) as u32 * 256 + 255).to_be_bytes());
            f
        });
        let by_path = bench.compare(&headed, subjects(false));
        if !bench.measures() {
            continue;
        }
        let title = format!("structural agent, one of {FUNCTIONS} functions, {set}: {packets} packets, {flows} flows");
        let beyond = |costs: &[Cost]| costs[1].beyond(costs[0]);
        let shared = |costs: &[Cost]| costs[2].beyond(costs[1]);
        bench.tables.push(Table {
            title,
            unit: "ns/packet".into(),
            lines: vec![
                Line::new("HashSwitch of 16 outputs", by_rule[0], "itself", by_rule[0]),
                Line::new("by NSH path and index, beyond it", beyond(&by_path), "HashSwitch", by_path[0])
                    .goal(Goal::AtMost(4.0)),
                Line::new("by rules on UDP ports, beyond it", beyond(&by_rule), "HashSwitch", by_rule[0])
                    .goal(Goal::AtMost(4.0)),
                Line::new("by path and index, shared by 2 functions, beyond one", shared(&by_path), "one", by_path[1]),
                Line::new("by rules, shared by 2 functions, beyond one", shared(&by_rule), "one", by_rule[1]),
            ],
        });
        let (router, sff, shared) = (router[0], sff[0], sff[1]);
        let name = "router";
        bench.tables.push(Table {
            title: format!("NSH forwarder, 10k paths, {set}: {packets} packets, {flows} flows"),
            unit: "ns/packet".into(),
            lines: vec![
                Line::new("router of six elements, 10k routes", router, name, router),
                Line::new("check, forward, new Ethernet header", sff, name, router)
                    .goal(Goal::Ratio(1.2))
                    .goal(Goal::AtMost(25.0)),
                Line::new("the same, 4 next hops by the inner flow", shared, name, router),
            ],
        });
    }
    Ok(())
}
