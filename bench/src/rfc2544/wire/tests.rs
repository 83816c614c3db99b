//! Whole trials over devices in memory: every frame is accounted for, whatever the device does to it.
use super::neighbour::{Heard, hear};
use super::port::Full;
use super::tester::{Path, Wire};
use super::testing::{Act, cable, wire};
use super::*;
use crate::rfc2544::trial::*;
use sluice_dataplane::wire::EtherAddr;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

const MILLISECOND: Duration = Duration::from_millis(1);

fn phase(rate: f64, time: Duration) -> Phase {
    Phase { load: Load::Rate(rate), length: Length::Time(time) }
}

fn frames(n: u64) -> Phase {
    Phase { load: Load::Rate(100_000.0), length: Length::Frames(n) }
}

fn offered(phases: &[Phase]) -> Offered {
    Offered {
        frames: Frames::Size(64),
        traffic: Traffic::default(),
        directions: Directions::AToB,
        phases: phases.to_vec(),
        stamps: Stamps::Every,
        learn: false,
        late: 20 * MILLISECOND,
        settle: Duration::ZERO,
    }
}

fn run(wire: &mut Wire, offered: &Offered) -> Vec<Counts> {
    let stop = AtomicBool::new(false);
    wire.trial(offered, &mut Control::new(&stop)).unwrap().counts
}

/// One direction over a device that acts so.
fn one(act: Act, offered: &Offered) -> Counts {
    let mut wire = wire(act, usize::MAX, Full::Line, Path::Bridge);
    let counts = run(&mut wire, offered).remove(0);
    assert_eq!(counts.received + counts.lost(), counts.sent());
    assert_eq!(counts.foreign, 0);
    counts
}

#[test]
fn frames_of_every_kind_come_through_a_cable_and_none_is_lost() {
    for ip in [Ip::V4, Ip::V6] {
        for nsh in [false, true] {
            for frames in [
                Frames::Size(128),
                Frames::Size(1518),
                Frames::Mix(vec![
                    Share { size: 122, weight: 7 },
                    Share { size: 570, weight: 4 },
                    Share { size: 1518, weight: 1 },
                ]),
            ] {
                let traffic = Traffic { ip, nsh, flows: 1000, random: true, networks: 7, ..Traffic::default() };
                let directions = Directions::Both;
                let offered = Offered { frames, traffic, directions, learn: true, ..offered(&[self::frames(1000)]) };
                let mut wire = wire(cable(), usize::MAX, Full::Line, Path::Bridge);
                let counts = run(&mut wire, &offered);
                let directions: Vec<Direction> = counts.iter().map(|c| c.direction).collect();
                assert_eq!(directions, [Direction::AToB, Direction::BToA]);
                for c in counts {
                    assert_eq!((c.sent(), c.received, c.lost()), (1000, 1000, 0), "{offered:?}");
                    assert_eq!((c.duplicated, c.reordered, c.corrupted, c.returned, c.foreign), (0, 0, 0, 0, 0));
                    assert_eq!((c.last_lost, c.latency.unwrap().len()), (None, 1000));
                }
            }
        }
    }
}

#[test]
fn the_rate_is_exact_and_what_the_tester_is_too_late_for_is_not_offered() {
    let mut wire = wire(cable(), usize::MAX, Full::Line, Path::Bridge);
    let (rate, time) = (123_456.0, Duration::from_secs(1));
    let counts = run(&mut wire, &offered(&[phase(rate, time)])).remove(0);
    let [sent] = counts.phases[..] else { panic!() };
    let due = sent.sent + wire.own.not_offered;
    assert!(due.abs_diff(rate as u64) <= 1, "{due}");
    assert_eq!(counts.lost(), 0);
    // Whoever else uses the cores may keep the tester away, and then its last frame may be late, too.
    let offered = sent.sent as f64 / sent.took.as_secs_f64();
    let missed = wire.own.not_offered as f64 / rate;
    let latest = sent.took.as_secs_f64() / time.as_secs_f64() - 1.0;
    assert!((offered / rate - 1.0).abs() <= 0.001 + missed + latest.max(0.0), "{offered} {:?}", wire.own);
}

#[test]
fn sender_and_receiver_on_two_threads_count_the_same() {
    let mut wire = wire(cable(), usize::MAX, Full::Line, Path::Bridge);
    let cores = sluice_dataplane::io::affinity::allowed_cores().unwrap();
    if cores.len() < 2 {
        return println!("skipped: needs two cores");
    }
    wire.cores = [cores[0], cores[1]];
    let offered =
        Offered { directions: Directions::Both, ..offered(&[phase(50_000.0, 100 * MILLISECOND), frames(500)]) };
    for c in run(&mut wire, &offered) {
        assert_eq!((c.phases.len(), c.phases[1].sent, c.lost()), (2, 500, 0));
        assert!(c.received > 500);
    }
}

#[test]
fn lost_frames_are_counted_by_phase_and_the_last_is_dated() {
    // Of 2000 frames at 100 a millisecond: every tenth of the first half, none of the second but one.
    let act: Act = Box::new(|port, n, frame, queues| {
        if !(n < 1000 && n % 10 == 3 || n == 1500) {
            queues[1 - port].push_back(frame);
        }
    });
    let c = one(act, &offered(&[frames(1000), frames(1000)]));
    assert_eq!(c.phases.iter().map(|p| (p.sent, p.lost)).collect::<Vec<_>>(), [(1000, 100), (1000, 1)]);
    assert_eq!((c.received, c.duplicated, c.reordered), (1899, 0, 0));
    let last = c.last_lost.unwrap();
    assert!(last >= Duration::from_micros(14_990), "{last:?}");
    assert!(last <= c.phases.iter().map(|p| p.took).sum::<Duration>());
}

#[test]
fn a_lost_end_is_dated_by_the_last_frame() {
    let act: Act = Box::new(|port, n, frame, queues| {
        if n < 900 {
            queues[1 - port].push_back(frame);
        }
    });
    let c = one(act, &offered(&[frames(1000)]));
    assert_eq!((c.received, c.lost()), (900, 100));
    assert!(c.last_lost.unwrap() >= Duration::from_micros(9_980));
}

#[test]
fn copies_disorder_and_damage_are_counted_apart() {
    let mut held = None;
    let act: Act = Box::new(move |port, n, mut frame, queues| {
        let to = &mut queues[1 - port];
        match n % 100 {
            7 => held = Some(frame),
            // The held frame comes behind 5 that were sent later.
            12 => {
                to.push_back(frame);
                to.extend(held.take());
            }
            20 => to.extend([frame.clone(), frame.clone(), frame]),
            30 => {
                frame[59] ^= 4; // the end of the signature
                to.push_back(frame);
            }
            31 => {
                frame[36] ^= 1; // a port
                to.push_back(frame);
            }
            _ => to.push_back(frame),
        }
    });
    let c = one(act, &offered(&[frames(1000)]));
    assert_eq!((c.duplicated, c.reordered, c.corrupted, c.lost()), (20, 10, 20, 20));
    assert_eq!(c.received, 980);
}

#[test]
fn what_comes_back_is_no_arrival_and_strangers_are_counted() {
    let act: Act = Box::new(|port, n, frame, queues| {
        queues[port].push_back(frame.clone());
        let mut stranger = frame;
        stranger[12..14].copy_from_slice(&[0x88, 0xcc]);
        if n < 3 {
            queues[1 - port].push_back(stranger);
        }
    });
    let mut wire = wire(act, usize::MAX, Full::Line, Path::Bridge);
    let c = run(&mut wire, &offered(&[frames(500)])).remove(0);
    assert_eq!((c.sent(), c.received, c.lost(), c.returned, c.foreign), (500, 0, 500, 500, 3));
    assert_eq!((c.gap, c.latency.map(|l| l.len())), (None, Some(0)));
}

#[test]
fn late_frames_of_an_earlier_trial_are_strangers() {
    let mut kept = Vec::new();
    let act: Act = Box::new(move |port, n, frame, queues| match n {
        0..10 => kept.push(frame),
        20 => {
            queues[1 - port].extend(kept.drain(..));
            queues[1 - port].push_back(frame);
        }
        _ => queues[1 - port].push_back(frame),
    });
    let mut wire = wire(act, usize::MAX, Full::Line, Path::Bridge);
    assert_eq!(run(&mut wire, &offered(&[frames(10)]))[0].received, 0);
    let c = run(&mut wire, &offered(&[frames(100)])).remove(0);
    assert_eq!((c.received, c.lost(), c.foreign), (100, 0, 10));
}

#[test]
fn a_full_queue_of_the_device_is_loss_and_a_full_line_is_not_offered() {
    for full in [Full::Device, Full::Line] {
        let stuck: Act = Box::new(|_, _, _, _| ());
        let mut wire = super::testing::wire(stuck, 0, full, Path::Bridge);
        let c = run(&mut wire, &offered(&[phase(10_000.0, 100 * MILLISECOND)])).remove(0);
        match full {
            Full::Device => {
                // What the tester itself was too late for, should others use its core, is told apart.
                assert_eq!((c.sent() + wire.own.not_offered, c.lost()), (1000, c.sent()));
                assert!(c.sent() > 0 && wire.own.refused == c.sent());
                assert!(c.last_lost.unwrap() >= 99 * MILLISECOND);
            }
            Full::Line => assert_eq!((c.sent(), wire.own.not_offered, wire.own.refused), (0, 1000, 0)),
        }
    }
}

#[test]
fn at_full_speed_a_port_without_room_is_waited_for() {
    let mut wire = wire(cable(), 100, Full::Device, Path::Bridge);
    let full = Phase { load: Load::FullSpeed, length: Length::Frames(20_000) };
    let c = run(&mut wire, &offered(&[full])).remove(0);
    assert_eq!((c.sent(), c.received, wire.own.refused), (20_000, 20_000, 0));
    let full = Phase { load: Load::FullSpeed, length: Length::Time(50 * MILLISECOND) };
    let c = run(&mut wire, &offered(&[full])).remove(0);
    assert!(c.sent() > 1000 && c.lost() == 0, "{c:?}");
}

#[test]
fn one_tagged_frame_has_the_only_latency() {
    let at = Stamps::OneAt(10 * MILLISECOND);
    let c = one(cable(), &Offered { stamps: at, ..offered(&[frames(2000)]) });
    assert_eq!((c.received, c.latency.unwrap().len()), (2000, 1));
    let c = one(cable(), &Offered { stamps: Stamps::Off, ..offered(&[frames(20)]) });
    assert_eq!((c.received, c.latency), (20, None));
}

#[test]
fn broadcasts_are_one_in_a_hundred_and_not_counted() {
    let counted = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let seen = counted.clone();
    let act: Act = Box::new(move |port, _, frame, queues| {
        if frame[..6] == [0xff; 6] {
            seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        queues[1 - port].push_back(frame);
    });
    let traffic = Traffic { broadcast: true, ..Traffic::default() };
    let c = one(act, &Offered { traffic, ..offered(&[frames(1000)]) });
    assert_eq!((c.sent(), c.received, counted.load(std::sync::atomic::Ordering::Relaxed)), (990, 990, 10));
}

#[test]
fn silence_is_measured_between_arrivals() {
    // Nothing of the frames 1000 to 2999, sent in 20 ms.
    let act: Act = Box::new(|port, n, frame, queues| {
        if !(1000..3000).contains(&n) {
            queues[1 - port].push_back(frame);
        }
    });
    let c = one(act, &offered(&[frames(4000)]));
    let gap = c.gap.unwrap();
    assert_eq!(c.lost(), 2000);
    assert!(gap.to - gap.from >= Duration::from_micros(19_500) && gap.to > gap.from, "{gap:?}");
}

/// A router with an address on each side, which forwards to hosts that answered its question.
fn router() -> Act {
    let device = |port: usize| flow::Side { number: port as u8, ether: EtherAddr([2, 0, 0, 0, 1, port as u8]) };
    let mut known = std::collections::HashSet::new();
    Box::new(move |port, _, mut frame, queues| {
        let own = device(port);
        if frame[12..14] == [8, 6] {
            let (asks, target): (bool, [u8; 4]) = (frame[21] == 1, frame[38..42].try_into().unwrap());
            if asks && target == own.v4(0, 1).octets() {
                // The answer, made of the question.
                let mut reply = frame.clone();
                reply[21] = 2;
                reply.copy_within(6..12, 0);
                reply[6..12].copy_from_slice(&own.ether.0);
                reply[22..28].copy_from_slice(&own.ether.0);
                reply[28..32].copy_from_slice(&target);
                reply[32..42].copy_from_slice(&frame[22..32]);
                queues[port].push_back(reply);
            } else if !asks {
                known.insert((port, <[u8; 4]>::try_from(&frame[28..32]).unwrap()));
            }
            return;
        }
        let to: [u8; 4] = frame[30..34].try_into().unwrap();
        assert_eq!(frame[..6], own.ether.0, "frames go to the router");
        if known.contains(&(1 - port, to)) {
            frame[..6].copy_from_slice(&[2, 0, 0, 0, 0, 11 - port as u8]);
            queues[1 - port].push_back(frame);
        } else {
            let other = device(1 - port);
            let mut question = neighbour::question(&other, Ip::V4);
            question[28..32].copy_from_slice(&other.v4(0, 1).octets());
            question[38..42].copy_from_slice(&to);
            queues[1 - port].push_back(question);
        }
    })
}

#[test]
fn a_router_is_found_and_knows_every_host_before_the_first_frame() {
    let mut wire = wire(router(), usize::MAX, Full::Line, Path::Router);
    let traffic = Traffic { flows: 5000, random: true, ..Traffic::default() };
    let offered = Offered { traffic, directions: Directions::Both, learn: true, ..offered(&[frames(5000)]) };
    for c in run(&mut wire, &offered) {
        assert_eq!((c.received, c.lost(), c.foreign), (5000, 0, 0));
    }
}

#[test]
fn a_router_that_does_not_answer_is_named() {
    let nobody: Act = Box::new(|_, _, _, _| ());
    let mut wire = wire(nobody, usize::MAX, Full::Line, Path::Router);
    let stop = AtomicBool::new(false);
    let failure = wire.trial(&offered(&[frames(1)]), &mut Control::new(&stop)).unwrap_err();
    let Fault::Died(why) = failure.fault else { panic!("{failure:?}") };
    assert!(why.contains("no answer from 198.18.0.1 at port A"), "{why}");
}

#[test]
fn what_cannot_be_sent_is_refused_with_the_reason() {
    let refusal = |change: fn(&mut Offered)| {
        let mut offered = offered(&[frames(1)]);
        change(&mut offered);
        let stop = AtomicBool::new(false);
        let mut wire = wire(cable(), usize::MAX, Full::Line, Path::Bridge);
        match wire.trial(&offered, &mut Control::new(&stop)).unwrap_err().fault {
            Fault::Refused(why) => why,
            fault => panic!("{fault:?}"),
        }
    };
    let has = |why: String, text: &str| assert!(why.contains(text), "{why}");
    has(refusal(|o| o.frames = Frames::Size(63)), "too few: these headers and the signature take 64");
    has(refusal(|o| o.traffic.ip = Ip::V6), "too few: these headers and the signature take 84");
    has(refusal(|o| o.frames = Frames::Size(9000)), "too many");
    has(refusal(|o| o.frames = Frames::Mix(Vec::new())), "a mix has 1 to 4096 frames");
    has(refusal(|o| o.traffic.flows = 1_000_001), "there are 1 to 1000000");
    has(refusal(|o| o.traffic.networks = 257), "there are 1 to 256");
    has(refusal(|o| o.traffic.groups = 65), "65 groups of flows: there are 1 to 64");
    has(refusal(|o| o.traffic.management = true), "a router");
    has(refusal(|o| o.phases.clear()), "0 phases");
}

#[test]
fn an_interrupt_ends_a_trial_at_once_and_keeps_its_counts() {
    let mut wire = wire(cable(), usize::MAX, Full::Line, Path::Bridge);
    let stop = AtomicBool::new(false);
    let failure = std::thread::scope(|s| {
        s.spawn(|| {
            std::thread::sleep(50 * MILLISECOND);
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        wire.trial(&offered(&[phase(10_000.0, Duration::from_secs(3600))]), &mut Control::new(&stop)).unwrap_err()
    });
    assert_eq!(failure.fault, Fault::Interrupted);
    let counts = failure.so_far.unwrap().counts;
    assert!(counts[0].sent() > 0 && counts[0].sent() < 36_000_000);
}

struct Breaks(u32);

impl Reset for Breaks {
    fn name(&self) -> String {
        "a test".into()
    }
    fn reset(&mut self) -> Result<(), String> {
        self.0 += 1;
        if self.0 > 1 { Err("it is broken".into()) } else { Ok(()) }
    }
}

#[test]
fn a_reset_happens_once_in_mid_trial_and_its_failure_ends_the_trial() {
    let mut wire = wire(cable(), usize::MAX, Full::Line, Path::Bridge);
    let (stop, mut breaks) = (AtomicBool::new(false), Breaks(0));
    let mut control = Control { stop: &stop, event: Some(Event { at: 5 * MILLISECOND, act: &mut breaks }) };
    let done = wire.trial(&offered(&[frames(2000)]), &mut control).unwrap();
    assert_eq!(done.counts[0].received, 2000);
    assert_eq!(breaks.0, 1);
    let mut control = Control { stop: &stop, event: Some(Event { at: 5 * MILLISECOND, act: &mut breaks }) };
    let failure = wire.trial(&offered(&[frames(2000)]), &mut control).unwrap_err();
    assert_eq!(failure.fault, Fault::Died("the reset failed: it is broken".into()));
    assert!(failure.so_far.is_some());
}

#[test]
fn the_testers_hosts_answer_while_a_trial_runs() {
    let side = flow::Side { number: 0, ether: EtherAddr([2, 0, 0, 0, 0, 10]) };
    let answered = std::sync::Arc::new(AtomicBool::new(false));
    let seen = answered.clone();
    let act: Act = Box::new(move |port, n, frame, queues| {
        if frame[12..14] == [8, 6] {
            seen.store(frame[21] == 2, std::sync::atomic::Ordering::Relaxed);
            return;
        }
        if n == 500 {
            let device = flow::Side { number: 0, ether: EtherAddr([2, 0, 0, 0, 0, 1]) };
            let mut asks = neighbour::announcement(&device, Ip::V4, 1);
            asks[38..42].copy_from_slice(&side.v4(0, 2).octets());
            assert!(matches!(hear(&side, &asks), Heard::Question(_)));
            queues[port].push_back(asks);
        }
        queues[1 - port].push_back(frame);
    });
    assert_eq!(one(act, &offered(&[frames(3000)])).received, 3000);
    assert!(answered.load(std::sync::atomic::Ordering::Relaxed));
}

#[test]
fn what_the_tester_itself_lost_counts_as_not_offered() {
    let act: Act = Box::new(|port, n, frame, queues| {
        if n >= 100 {
            queues[1 - port].push_back(frame);
        }
    });
    let mut c = one(act, &offered(&[frames(60), frames(140)]));
    assert_eq!((c.sent(), c.lost()), (200, 100));
    outcome::excuse(&mut c, 50);
    assert_eq!(c.phases.iter().map(|p| (p.sent, p.lost)).collect::<Vec<_>>(), [(50, 50), (100, 0)]);
    assert_eq!(c.received + c.lost(), c.sent());
    outcome::excuse(&mut c, 70);
    assert_eq!((c.sent(), c.lost(), c.received, c.last_lost), (100, 0, 100, None));
}

#[test]
fn groups_of_flows_are_counted_apart_and_add_up() {
    // Of 10 flows in 5 groups: all of group 1 is lost, one of group 2 comes twice, one of group 3 late, one of group 4 is
    // damaged.
    let mut held = None;
    let act: Act = Box::new(move |port, n, mut frame, queues| {
        let to = &mut queues[1 - port];
        match n {
            _ if n % 10 == 1 || n % 10 == 6 => {}
            2 => to.extend([frame.clone(), frame]),
            13 => held = Some(frame),
            15 => {
                to.push_back(frame);
                to.extend(held.take());
            }
            24 => {
                frame[36] ^= 1; // a port
                to.push_back(frame);
            }
            _ => to.push_back(frame),
        }
    });
    let traffic = Traffic { flows: 10, groups: 5, random: true, ..Traffic::default() };
    let c = one(act, &Offered { traffic, ..offered(&[frames(1003)]) });
    let all = |of: fn(&Group) -> u64| c.groups.iter().map(of).collect::<Vec<u64>>();
    assert_eq!(all(|g| g.sent), [201, 201, 201, 200, 200]);
    assert_eq!(all(|g| g.lost), [0, 201, 0, 0, 1]);
    assert_eq!(all(|g| g.received), [201, 0, 201, 200, 199]);
    assert_eq!((all(|g| g.duplicated), all(|g| g.reordered)), (vec![0, 0, 1, 0, 0], vec![0, 0, 0, 1, 0]));
    assert_eq!(all(|g| g.corrupted), [0, 0, 0, 0, 1]);
    assert_eq!(all(|g| g.latency.as_ref().unwrap().len()), all(|g| g.received));
    assert_eq!((c.lost(), c.received), (202, 801));
    let none = one(cable(), &offered(&[frames(10)]));
    assert!(none.groups.is_empty());
}

#[test]
fn frames_that_a_full_device_refuses_keep_their_place_among_the_flows() {
    let stuck: Act = Box::new(|_, _, _, _| ());
    let mut wire = super::testing::wire(stuck, 0, Full::Device, Path::Bridge);
    let traffic = Traffic { flows: 64, groups: 64, ..Traffic::default() };
    let c = run(&mut wire, &Offered { traffic, ..offered(&[phase(10_000.0, 100 * MILLISECOND)]) }).remove(0);
    assert_eq!(c.groups.iter().map(|g| g.lost).sum::<u64>(), c.lost());
    let (least, most) = (c.groups.iter().map(|g| g.sent).min(), c.groups.iter().map(|g| g.sent).max());
    assert!(most.unwrap() - least.unwrap() <= 1, "{least:?} {most:?}");
}
