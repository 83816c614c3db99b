//! The two ends of a case: `TestIn` sends the packets of a section, `TestOut` notes what arrives.
use super::frames;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Activity, Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::Reply;
use sluice_dataplane::info::{Handler, Info, Task};
use sluice_dataplane::packet::{Packet, PacketKind};
use std::collections::VecDeque;

/// Annotations that cases name.
fn annotation(p: &Packet, name: &str) -> String {
    match name {
        "paint" => p.paint().to_string(),
        "dst" => p.dst().to_string(),
        "vlan" => p.vlan_tci().to_string(),
        "net" => p.net_off_signed().map_or("-".into(), |o| o.to_string()),
        "mac" => p.mac_off_signed().map_or("-".into(), |o| o.to_string()),
        "transport" => p.transport_off().map_or("-".into(), |o| o.to_string()),
        "kind" => format!("{:?}", p.kind()),
        "timestamp" => p.timestamp().to_string(),
        "aggregate" => p.aggregate().to_string(),
        "extra_length" => p.extra_length().to_string(),
        "extra_packets" => p.extra_packets().to_string(),
        "icmp_pointer" => p.icmp_pointer().to_string(),
        "fix_ip_src" => p.fix_ip_src().to_string(),
        _ => panic!("unknown annotation {name}"),
    }
}
const NAMES: [&str; 13] = [
    "paint",
    "dst",
    "vlan",
    "net",
    "mac",
    "transport",
    "kind",
    "timestamp",
    "aggregate",
    "extra_length",
    "extra_packets",
    "icmp_pointer",
    "fix_ip_src",
];

fn set(p: &mut Packet, name: &str, v: &str) {
    let n = || v.parse::<u64>().unwrap_or_else(|_| panic!("{name}={v}"));
    match name {
        "paint" => p.set_paint(n() as u8),
        "dst" => p.set_dst(v.parse().expect("address")),
        "vlan" => p.set_vlan_tci(n() as u16),
        "net" => p.set_net_off(n() as usize),
        "mac" => p.set_mac_off(n() as usize),
        "transport" => p.set_transport_off(n() as usize),
        "kind" => p.set_kind(match v {
            "Broadcast" => PacketKind::Broadcast,
            "Multicast" => PacketKind::Multicast,
            "OtherHost" => PacketKind::OtherHost,
            "Outgoing" => PacketKind::Outgoing,
            _ => PacketKind::Host,
        }),
        "timestamp" => p.set_timestamp(n()),
        "aggregate" => p.set_aggregate(n() as u32),
        "extra_length" => p.set_extra_length(n() as u32),
        "extra_packets" => p.set_extra_packets(n() as u32),
        "icmp_pointer" => p.set_icmp_pointer(n() as u8),
        "fix_ip_src" => p.set_fix_ip_src(v == "true"),
        _ => panic!("unknown annotation {name}"),
    }
}

/// Sends the packets of its arguments, each a line of [`frames`].
pub struct TestIn(VecDeque<frames::Line>);
impl Configure for TestIn {
    const INFO: &'static Info =
        &Info { ports: "0/1", flow: "/h", task: Task::Yes, ..Info::new("TestIn", "test", "sends packets") };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        TestIn(args.rest_strings().iter().map(|l| frames::parse(l)).collect())
    }
}
impl Element for TestIn {
    fn run(&mut self, cx: &mut Context<'_>, _up: &mut Upstream<'_>, batch: &mut Batch) -> Activity {
        for _ in 0..cx.burst() {
            let Some(line) = self.0.pop_front() else { break };
            let mut p = cx.receive_bytes(&line.bytes).expect("the packet fits");
            line.annotations.iter().for_each(|(n, v)| set(&mut p, n, v));
            batch.push(p);
        }
        if self.0.is_empty() { Activity::Idle } else { Activity::Busy }
    }
}

/// Notes what arrives: a line of hexadecimal bytes and all annotations for each packet.
#[derive(Default)]
pub struct TestOut(String);
impl Configure for TestOut {
    const INFO: &'static Info = &Info {
        ports: "1/0",
        task: Task::IfPull,
        handlers: &[Handler::read("seen", "")],
        ..Info::new("TestOut", "test", "notes packets")
    };
    fn configure(_args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        TestOut::default()
    }
}
impl Element for TestOut {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        for p in batch.drain() {
            self.0.extend(p.data().iter().map(|b| format!("{b:02x}")));
            self.0.extend(NAMES.iter().map(|n| format!(" {n}={}", annotation(&p, n))));
            self.0.push('\n');
            cx.transmitted(p);
        }
    }
    fn run(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, batch: &mut Batch) -> Activity {
        up.pull(cx, 0, cx.burst(), batch);
        let more = !batch.is_empty() || cx.upstream_active(0);
        self.process(cx, 0, batch);
        if more { Activity::Busy } else { Activity::Idle }
    }
    fn read(&mut self, _cx: &mut Context<'_>, _handler: &str, _parameter: &str) -> Reply {
        Ok(self.0.clone())
    }
}
