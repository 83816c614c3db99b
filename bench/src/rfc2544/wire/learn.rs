//! What goes before a trial (RFC 2544 section 23 (a)): bridges learn where the tester's addresses are, routers are asked for
//! theirs and get their questions answered; and the management query of section 11.2.
use super::arrivals::Arrivals;
use super::flow::{DEVICE, FIRST_HOST, Flow, Flows, Side};
use super::frame::Template;
use super::neighbour;
use super::port::Out;
use super::receive::Receiver;
use super::signature::{BESIDE, Mark, Signature};
use super::tester::{Path, Wire};
use crate::rfc2544::trial::{Fault, Frames, Ip, Offered};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::io::affinity::pin_to_core;
use sluice_dataplane::time::StampClock;
use sluice_dataplane::wire::checksum::{Addresses, fill_transport};
use sluice_dataplane::wire::ethernet::{self, Ethernet};
use sluice_dataplane::wire::ipv4::Ipv4;
use sluice_dataplane::wire::ipv6::Ipv6;
use sluice_dataplane::wire::udp::Udp;
use sluice_dataplane::wire::{EtherAddr, ip_proto};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use zerocopy::IntoBytes;

/// How long a router may take to answer, and how long the device has until every learning frame gets through, nanoseconds.
/// One that lets none through is not waited for any longer: its trial will show what it does.
const ANSWER: u64 = 3_000_000_000;
const THROUGH: u64 = 1_000_000_000;
/// Between two attempts.
const AGAIN: u64 = 100_000_000;
/// Questions that are answered in one attempt, at most.
const ANSWERS: usize = 256;
/// SNMP (RFC 3416): version 2c, community "public", get sysUpTime.0 (RFC 3418).
const SNMP_PORT: u16 = 161;
const SNMP_GET: [u8; 43] = [
    0x30, 0x29, 0x02, 0x01, 0x01, 0x04, 0x06, b'p', b'u', b'b', b'l', b'i', b'c', 0xa0, 0x1c, 0x02, 0x04, 0x25, 0x44,
    0x25, 0x44, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00, 0x30, 0x0e, 0x30, 0x0c, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x02, 0x01,
    0x01, 0x03, 0x00, 0x05, 0x00,
];

/// Makes the device know the tester, and says where frames from A and from B go.
pub(super) fn learn(
    wire: &mut Wire,
    offered: &Offered,
    flows: Flows,
    stop: &AtomicBool,
) -> Result<[EtherAddr; 2], Fault> {
    let [a, b] = [wire.ports[0].side, wire.ports[1].side];
    let known = match wire.path {
        Path::Bridge => Some([b.ether, a.ether]),
        Path::Fixed(next) => Some(next),
        Path::Router => None,
    };
    if let Some(known) = known
        && !offered.learn
    {
        return Ok(known);
    }
    let core = wire.cores[0];
    std::thread::scope(|scope| {
        let work = move || {
            let _ = pin_to_core(core); // where it is not allowed, it is slower
            #[cfg(feature = "dpdk")]
            let _joined = sluice_dataplane::io::dpdk::join();
            Lesson::give(wire, offered, flows, known, stop)
        };
        scope.spawn(work).join().unwrap_or_else(|_| Err(Fault::Port("a thread of the tester panicked".into())))
    })
}

/// Learning under way.
struct Lesson<'a> {
    receivers: [Receiver<'a>; 2],
    outputs: [&'a mut Out; 2],
    answers: [std::sync::mpsc::Receiver<Vec<u8>>; 2],
    clock: StampClock,
}

impl Lesson<'_> {
    fn give(
        wire: &mut Wire,
        offered: &Offered,
        flows: Flows,
        known: Option<[EtherAddr; 2]>,
        stop: &AtomicBool,
    ) -> Result<[EtherAddr; 2], Fault> {
        let (ip, trial) = (offered.traffic.ip, wire.number());
        let sides = [wire.ports[0].side, wire.ports[1].side];
        let up = wire.ports.iter_mut().map(|p| (p.name.clone(), p.output.maintain().0 & p.input.maintain().0));
        let down: Vec<String> = up.filter(|p| !p.1).map(|p| p.0).collect();
        if !down.is_empty() {
            return Err(Fault::Port(format!("{}: the port is down", down.join(", "))));
        }
        let next = {
            let mut lesson = Lesson::new(wire, trial);
            lesson.drain();
            if offered.learn {
                lesson.announce(&sides, ip, flows.hosts());
            }
            match known {
                Some(known) => known,
                None => lesson.ask(&sides, ip, stop)?,
            }
        };
        if !offered.learn {
            return Ok(next);
        }
        let size = match &offered.frames {
            Frames::Size(size) => *size,
            Frames::Mix(shares) => shares.iter().map(|s| s.size).min().unwrap_or(64),
        };
        let template = |from: usize| wire.template(&offered.traffic, size.into(), from, next[from]);
        let templates = [template(0).map_err(Fault::Refused)?, template(1).map_err(Fault::Refused)?];
        let mut lesson = Lesson::new(wire, trial);
        lesson.lead(&templates, trial, flows.hosts(), stop);
        lesson.drain();
        Ok(next)
    }

    fn new(wire: &mut Wire, trial: u8) -> Lesson<'_> {
        let clock = wire.clock;
        let [a, b] = &mut wire.ports;
        let (to_a, from_a) = sync_channel(ANSWERS);
        let (to_b, from_b) = sync_channel(ANSWERS);
        Lesson {
            receivers: [
                Receiver::new(&mut a.input, a.side, trial, Arrivals::new(0, false), to_a),
                Receiver::new(&mut b.input, b.side, trial, Arrivals::new(0, false), to_b),
            ],
            outputs: [&mut a.output, &mut b.output],
            answers: [from_a, from_b],
            clock,
        }
    }

    /// Throws away what earlier trials left.
    fn drain(&mut self) {
        for r in &mut self.receivers {
            (0..1024).take_while(|_| r.drain() > 0).for_each(drop);
        }
    }

    /// Receives and answers for a while; less if `enough`.
    fn attend(&mut self, time: u64, enough: impl Fn(&[Receiver<'_>; 2]) -> bool) {
        let until = self.clock.now() + time;
        while self.clock.now() < until && !enough(&self.receivers) {
            let clock = self.clock;
            self.receivers.iter_mut().for_each(|r| r.step(&clock));
            for (answers, output) in self.answers.iter().zip(&mut self.outputs) {
                for answer in answers.try_iter().take(ANSWERS) {
                    output.send_one(&answer); // where there is no room, it will be asked for again
                }
            }
        }
    }

    fn announce(&mut self, sides: &[Side; 2], ip: Ip, hosts: u16) {
        for host in FIRST_HOST..FIRST_HOST + hosts {
            for (side, output) in sides.iter().zip(&mut self.outputs) {
                output.send_one(&neighbour::announcement(side, ip, host));
            }
            if host % 16 == 0 {
                self.attend(200_000, |_| false); // a device's queue is not as long as all of them
            }
        }
    }

    /// Asks the device for its address on both sides.
    fn ask(&mut self, sides: &[Side; 2], ip: Ip, stop: &AtomicBool) -> Result<[EtherAddr; 2], Fault> {
        let end = self.clock.now() + ANSWER;
        loop {
            for ((side, output), receiver) in sides.iter().zip(&mut self.outputs).zip(&self.receivers) {
                if receiver.device.is_none() {
                    output.send_one(&neighbour::question(side, ip));
                }
            }
            self.attend(AGAIN, |r| r.iter().all(|r| r.device.is_some()));
            let [a, b] = self.receivers.each_ref().map(|r| r.device);
            if let (Some(a), Some(b)) = (a, b) {
                return Ok([a, b]);
            }
            if stop.load(Ordering::Relaxed) {
                return Err(Fault::Interrupted);
            }
            if self.clock.now() > end {
                let side = if a.is_none() { &sides[0] } else { &sides[1] };
                let (port, address) = (
                    if a.is_none() { "A" } else { "B" },
                    match ip {
                        Ip::V4 => side.v4(0, DEVICE).to_string(),
                        Ip::V6 => side.v6(0, DEVICE).to_string(),
                    },
                );
                return Err(Fault::Died(format!(
                    "no answer from {address} at port {port} within 3 s: is it a router with this address?"
                )));
            }
        }
    }

    /// Sends a test frame to every host of the first networks until all get through, or time is over.
    fn lead(&mut self, templates: &[Template; 2], trial: u8, hosts: u16, stop: &AtomicBool) {
        let wanted = if hosts >= 64 { u64::MAX } else { (1 << hosts) - 1 };
        let end = self.clock.now() + THROUGH;
        loop {
            for number in 0..hosts {
                for from in [0, 1] {
                    let missing = self.receivers[1 - from].learned >> number & 1 == 0;
                    if missing {
                        self.send_test(&templates[from], from as u8, trial, number);
                    }
                }
                if number % 16 == 15 {
                    self.attend(200_000, |_| false);
                }
            }
            self.attend(AGAIN, |r| r.iter().all(|r| r.learned == wanted));
            let all = self.receivers.iter().all(|r| r.learned == wanted);
            if all || stop.load(Ordering::Relaxed) || self.clock.now() > end {
                return;
            }
        }
    }

    fn send_test(&mut self, template: &Template, from: u8, trial: u8, number: u16) {
        let output = &mut self.outputs[usize::from(from)];
        let Some(mut p) = output.cache.alloc() else { return };
        let flow = Flow { nets: [0; 2], hosts: [FIRST_HOST + number; 2], ports: [40_000, 20_000] };
        let mark = Mark { from, measured: false, phase: BESIDE }.encode();
        let written = template.write(&mut p, &flow, &Signature { mark, trial, sequence: number.into(), time: 0 });
        let mut batch = Batch::default();
        batch.push(p);
        if written {
            output.send(&mut batch);
        }
        batch.drain().for_each(|p| output.cache.free(p));
    }
}

/// Asks the device at `to`, on this side, for how long it has been up.
pub(super) fn query(side: &Side, to: EtherAddr, ip: Ip) -> Vec<u8> {
    let mut segment = Udp::new(50_161, SNMP_PORT, SNMP_GET.len()).as_bytes().to_vec();
    segment.extend(SNMP_GET);
    let (kind, header) = match ip {
        Ip::V4 => {
            let (own, device) = (side.v4(0, FIRST_HOST), side.v4(0, DEVICE));
            let _ = fill_transport(Addresses::V4(own, device), ip_proto::UDP, &mut segment); // it has a whole header
            let mut header = Ipv4::new(own, device, ip_proto::UDP, segment.len());
            header.fill_checksum_20();
            (ethernet::TYPE_IPV4, header.as_bytes().to_vec())
        }
        Ip::V6 => {
            let (own, device) = (side.v6(0, FIRST_HOST), side.v6(0, DEVICE));
            let _ = fill_transport(Addresses::V6(own, device), ip_proto::UDP, &mut segment);
            (ethernet::TYPE_IPV6, Ipv6::new(own, device, ip_proto::UDP, segment.len()).as_bytes().to_vec())
        }
    };
    let mut frame = Ethernet::new(to, side.ether, kind).as_bytes().to_vec();
    frame.extend(header);
    frame.extend(segment);
    frame
}
