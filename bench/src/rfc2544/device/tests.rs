//! Real trials over real links, a second or less each. As root.
use super::function::Function;
use super::links::Links;
use super::reset::ResetBy;
use super::{Kind, start, vm};
use crate::rfc2544::trial::*;
use crate::rfc2544::wire::open::Driver;
use crate::rfc2544::wire::rig::{Rig, Setup};
use crate::wire::stop::Stop;
use sluice_dataplane::io::affinity::allowed_cores;
use std::sync::Mutex;
use std::time::Duration;

/// One at a time: they load both cores.
static TURN: Mutex<()> = Mutex::new(());

fn skipped() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("skipped: needs root");
    }
    !root
}

fn offered(rate: f64) -> Offered {
    Offered {
        frames: Frames::Size(128),
        traffic: Traffic { flows: 500, random: true, ..Traffic::default() },
        directions: Directions::Both,
        phases: vec![Phase { load: Load::Rate(rate), length: Length::Time(Duration::from_secs(1)) }],
        stamps: Stamps::Every,
        learn: true,
        late: Duration::from_secs(2),
        settle: Duration::ZERO,
    }
}

/// Every frame of a slow trial comes through, whole, once and in order.
fn all_comes_through(kind: Kind, driver: Driver, offered: &Offered) {
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    let stop = Stop::new().unwrap();
    let links = Links::veth(driver, &stop).unwrap();
    let setup = Setup {
        kind,
        links,
        cores: allowed_cores().unwrap(),
        reset: ResetBy::Kill,
        machine: vm::Setup::default(),
        dpdk: None,
    };
    let mut rig = Rig::start(setup, &stop).unwrap();
    let floor = rig.tester().floor.unwrap();
    assert!(floor > 100.0 && floor < 1e8, "{floor}");
    let mut control = Control::new(stop.flag());
    let outcome = rig.run(offered, &mut control).unwrap();
    let own = rig.own();
    assert_eq!(outcome.counts.len(), 2);
    for c in &outcome.counts {
        assert!(c.sent() > 0 && c.sent() + own.not_offered >= 2000, "{c:?} {own:?}");
        assert_eq!((c.lost(), c.received), (0, c.sent()), "{kind}: {own:?}");
        assert_eq!((c.duplicated, c.corrupted, c.returned, c.foreign), (0, 0, 0, 0), "{kind}");
        assert_eq!(c.latency.as_ref().unwrap().len(), c.received);
    }
    let ceiling = rig.ceiling(offered, &mut control).unwrap();
    assert!(ceiling > 2000.0, "{ceiling}");
    rig.end(&stop).unwrap();
}

#[test]
fn a_bridge_of_the_kernel_passes_every_frame() {
    if !skipped() {
        all_comes_through(Kind::Bridge, Driver::Packet, &offered(2000.0));
    }
}

#[test]
fn a_bridge_passes_every_frame_of_af_xdp_ports_and_ipv6() {
    if !skipped() {
        let traffic = Traffic { ip: Ip::V6, flows: 500, random: true, ..Traffic::default() };
        all_comes_through(Kind::Bridge, Driver::Xdp, &Offered { traffic, ..offered(2000.0) });
    }
}

#[test]
fn sluice_passes_every_frame_in_each_of_its_functions() {
    if skipped() {
        return;
    }
    if let Err(why) = crate::dpdk::sluice() {
        return println!("skipped: {why:#}");
    }
    for function in [Function::Forward, Function::Firewall(25), Function::Router, Function::Sff] {
        let nsh = function == Function::Sff;
        let networks = if function == Function::Router { 256 } else { 1 };
        let traffic = Traffic { nsh, networks, flows: 500, random: true, ..Traffic::default() };
        all_comes_through(Kind::Sluice(function), Driver::Packet, &Offered { traffic, ..offered(2000.0) });
    }
}

/// A trial of 4 s in which a router is reset after 1 s; then one without a reset, of which nothing may be lost.
fn reset_by(by: ResetBy) -> Option<Outcome> {
    if skipped() {
        return None;
    }
    if let Err(why) = crate::dpdk::sluice() {
        println!("skipped: {why:#}");
        return None;
    }
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    let stop = Stop::new().unwrap();
    let links = Links::veth(Driver::Packet, &stop).unwrap();
    let kind = Kind::Sluice(Function::Router);
    let setup =
        Setup { kind, links, cores: allowed_cores().unwrap(), reset: by, machine: vm::Setup::default(), dpdk: None };
    let mut rig = Rig::start(setup, &stop).unwrap();
    let mut resetter = rig.resetter(&stop).unwrap();
    let event = Event { at: RESET_AT, act: &mut resetter };
    let phase = Phase { load: Load::Rate(2000.0), length: Length::Time(Duration::from_secs(4)) };
    let long = Offered { phases: vec![phase], ..offered(2000.0) };
    let outcome = rig.run(&long, &mut Control { stop: stop.flag(), event: Some(event) }).unwrap();
    let after = rig.run(&offered(2000.0), &mut Control::new(stop.flag())).unwrap();
    assert!(after.counts.iter().all(|c| c.received > 0 && c.lost() == 0), "{after:?}");
    rig.end(&stop).unwrap();
    Some(outcome)
}

const RESET_AT: Duration = Duration::from_secs(1);

#[test]
fn a_killed_process_loses_frames_until_it_is_started_again() {
    let Some(outcome) = reset_by(ResetBy::Kill) else { return };
    for c in &outcome.counts {
        assert!(c.lost() > 0 && c.received > 0, "{c:?}");
        // Frames arrived again, after the longest time without.
        assert!(c.gap.unwrap().to > RESET_AT && c.last_lost.unwrap() > RESET_AT, "{c:?}");
    }
}

#[test]
fn a_hot_swap_loses_no_frame() {
    let Some(outcome) = reset_by(ResetBy::Swap) else { return };
    for c in &outcome.counts {
        assert!(c.received > 0 && c.lost() == 0 && c.corrupted == 0, "{c:?}");
    }
}

#[test]
fn what_is_no_program_is_not_reset() {
    if skipped() {
        return;
    }
    let stop = Stop::new().unwrap();
    let links = Links::veth(Driver::Packet, &stop).unwrap();
    let bridge = start(Kind::Bridge, &links, 0, &vm::Setup::default(), ResetBy::Kill, &stop).unwrap();
    assert!(bridge.reset(ResetBy::Kill, &stop).is_none());
}

#[test]
fn devices_are_refused_on_links_that_they_cannot_use() {
    if skipped() {
        return;
    }
    let stop = Stop::new().unwrap();
    let links = Links::veth(Driver::Packet, &stop).unwrap();
    let why = start(Kind::TestPmd, &links, 0, &vm::Setup::default(), ResetBy::Kill, &stop).err().unwrap().to_string();
    assert!(why.contains("testpmd, io: it cannot use such links"), "{why}");
}

#[test]
fn nothing_stays_behind() {
    if skipped() {
        return;
    }
    let stop = Stop::new().unwrap();
    let links = Links::veth(Driver::Packet, &stop).unwrap();
    let name = links.net().unwrap().name().to_string();
    let setup = Setup {
        kind: Kind::Bridge,
        links,
        cores: allowed_cores().unwrap(),
        reset: ResetBy::Kill,
        machine: vm::Setup::default(),
        dpdk: None,
    };
    drop(Rig::start(setup, &stop).unwrap());
    assert!(!std::path::Path::new("/run/netns").join(name).exists());
}
