//! What is known of a device is what is found, within the width that was asked for.
use super::*;
use crate::rfc2544::search::Verdict;
use crate::rfc2544::section26::throughput::Mark;
use crate::rfc2544::session::End;
use crate::rfc2544::sim::device::{Capacity, Device};

const LINE_64: f64 = 10e9 / (84.0 * 8.0);

/// The throughput by each search: what is known lies between the bounds. A buffer takes what exceeds
/// the capacity for as long as it has room, so it adds to the throughput of short trials.
fn finds(name: &str, size: u16, capacity: f64, buffer: f64) {
    for search in SEARCHES {
        let p = rules(search, &profile(&[Test::Throughput], &[size]));
        let report = run(name, &p);
        assert_eq!(report.end, End::Complete);
        let t = only(&report).throughput.as_ref().unwrap();
        let (lower, upper) = (t.bounds[0].lower.unwrap(), t.bounds[0].upper.unwrap());
        assert_eq!(t.bounds[0].verdict, Verdict::Found, "{name} {search:?}");
        let known = capacity + buffer / if search == Search::Mlr { 1.0 } else { 60.0 };
        assert!(lower <= known * 1.0002 && known <= upper * 1.0002, "{name} {search:?}: {lower} {known} {upper}");
        assert!(upper - lower <= p.throughput.width * upper, "{name} {search:?}: {lower} {upper}");
        assert!(t.trials <= if search == Search::Mlr { 200 } else { 30 }, "{name} {search:?}: {} trials", t.trials);
    }
}

#[test]
fn a_capacity_in_frames_is_found() {
    finds("frames", 64, 2.5e6, 1000.0);
}

#[test]
fn a_capacity_in_bits_is_found_at_each_size() {
    finds("bits", 64, 6e9 / 512.0, 1000.0);
    finds("bits", 1518, 6e9 / 12144.0, 1000.0);
}

#[test]
fn a_device_whose_latency_depends_on_the_rate_has_the_same_throughput() {
    finds("queues", 64, 2.5e6, 100_000.0);
}

#[test]
fn a_device_that_duplicates_or_reorders_or_is_slow_to_recover_still_has_its_throughput() {
    for name in ["duplicates", "reorders", "slow-recovery"] {
        finds(name, 64, 2.5e6, 1000.0);
    }
    let p = profile(&[Test::Throughput], &[64]);
    let remark = |name: &str| only(&run(name, &p)).remarks.join(" ");
    assert!(remark("duplicates").contains("arrived more than once"));
    assert!(remark("reorders").contains("arrived out of order"));
    assert_eq!(remark("frames"), "");
}

#[test]
fn a_device_that_stalls_forwards_what_its_buffer_holds_meanwhile() {
    // 1,000 frames in 2 ms: 500,000 a second.
    finds("stalls", 64, 500_000.0, 0.0);
}

#[test]
fn both_directions_are_loaded_and_counted() {
    let mut p = profile(&[Test::Throughput], &[64]);
    p.directions = crate::rfc2544::trial::Directions::Both;
    let report = run("frames", &p);
    assert!(report.trials.iter().all(|t| t.outcome.as_ref().unwrap().counts.len() == 2));
    let rate = only(&report).throughput.as_ref().unwrap().rate.unwrap();
    assert!((2.48e6..=2.501e6).contains(&rate), "{rate}");
}

#[test]
fn a_device_as_fast_as_the_line_has_the_rate_of_the_line() {
    for search in SEARCHES {
        let report = run("wire", &rules(search, &profile(&[Test::Throughput], &[64])));
        let t = only(&report).throughput.as_ref().unwrap();
        assert_eq!((t.bounds[0].verdict, t.rate, t.mark), (Verdict::Highest, Some(LINE_64), Mark::None));
        assert_eq!(t.verdict, "no loss at the rate of the line");
    }
}

#[test]
fn a_device_that_drops_everything_is_known_after_a_few_trials() {
    for search in SEARCHES {
        for name in ["drops-all", "reflects-all"] {
            let report = run(name, &rules(search, &profile(&Test::ALL, &[64])));
            assert_eq!(report.end, End::Complete);
            let t = only(&report).throughput.as_ref().unwrap();
            assert_eq!((t.bounds[0].verdict, t.rate), (Verdict::Silent, None));
            let verdict = if name == "drops-all" {
                "nothing is forwarded"
            } else {
                "every frame came back where it was sent; none was forwarded"
            };
            assert_eq!(t.verdict, verdict);
            assert!(t.trials <= 4, "{}", t.trials);
            // What starts from the throughput is not tried; the loss curve is.
            assert!(only(&report).latency.is_none() && only(&report).recovery.is_none());
            assert!(only(&report).frame_loss.as_ref().unwrap().points.iter().all(|p| p.ratio == 1.0));
        }
    }
}

#[test]
fn a_device_that_loses_at_any_rate_has_no_throughput_but_one_with_loss() {
    for search in [Search::Binary, Search::Verified] {
        let report = run("lossy", &rules(search, &profile(&[Test::Throughput], &[64])));
        let t = only(&report).throughput.as_ref().unwrap();
        assert_eq!((t.bounds[0].verdict, t.rate), (Verdict::NoRate, None));
        assert!(t.trials <= 4);
    }
    let report = run("lossy", &rules(Search::Mlr, &profile(&[Test::Throughput], &[64])));
    let t = only(&report).throughput.as_ref().unwrap();
    assert_eq!((t.bounds[0].verdict, t.rate), (Verdict::NoRate, None));
    // One in 1,000 is within 0.5 %: 2.5 million forwarded, of 0.5 % more offered.
    let (lower, upper) = (t.bounds[1].lower.unwrap(), t.bounds[1].upper.unwrap());
    assert_eq!(t.bounds[1].verdict, Verdict::Found);
    assert!(lower <= 2.5e6 * 1.0045 && 2.5e6 * 1.0035 <= upper, "{lower} {upper}");
    let forwarded = t.bounds[1].forwarded.unwrap();
    assert!(forwarded <= 2.5e6 * 1.001 && forwarded >= 0.995 * lower);
}

#[test]
fn periodic_loss_is_verified_away_while_a_trial_misses_it() {
    // One in 30 million, trials of 1 s: 2.5 million frames have none twice in a row.
    let mut p = rules(Search::Verified, &profile(&[Test::Throughput], &[64]));
    p.trial.time = Duration::from_secs(1);
    let report = run("periodic-loss", &p);
    let t = only(&report).throughput.as_ref().unwrap();
    assert!((2.4e6..=2.502e6).contains(&t.rate.unwrap()), "{:?}", t.rate);
    // A plain search takes the first loss for the device's limit and ends below, or is lucky; it ends.
    let report = run("periodic-loss", &rules(Search::Binary, &p));
    assert!(only(&report).throughput.as_ref().unwrap().rate.unwrap() <= 2.502e6);
    // MLRsearch leaves out the trials with loss as long as they are at most half.
    let report = run("periodic-loss", &rules(Search::Mlr, &p));
    let rate = only(&report).throughput.as_ref().unwrap().rate.unwrap();
    assert!((2.4e6..=2.502e6).contains(&rate), "{rate}");
}

#[test]
fn trials_of_a_minute_see_periodic_loss_at_any_rate_above_it() {
    // 30 million frames in 60 s: 500,000 a second.
    let report = run("periodic-loss", &profile(&[Test::Throughput], &[64]));
    let t = only(&report).throughput.as_ref().unwrap();
    assert!(t.rate.unwrap() <= 500_000.0, "{:?}", t.rate);
}

#[test]
fn corrupted_frames_are_lost() {
    let report = run("corrupts", &profile(&[Test::Throughput], &[64]));
    let r = only(&report);
    assert!(r.throughput.as_ref().unwrap().rate.unwrap() < 50_000.0);
    assert!(r.remarks.join(" ").contains("wrong checksum"));
}

#[test]
fn a_device_that_is_not_monotonic_is_called_so() {
    let report = run("not-monotonic", &profile(&[Test::Throughput, Test::Latency], &[64]));
    let r = only(&report);
    let t = r.throughput.as_ref().unwrap();
    assert!((2.48e6..=2.501e6).contains(&t.rate.unwrap()), "the search has passed over the rates with loss");
    assert!(r.remarks.iter().any(|m| m.starts_with("not monotonic: ")), "{:?}", r.remarks);
    // MLRsearch believes the lowest loss that it has seen.
    let report = run("not-monotonic", &rules(Search::Mlr, &profile(&[Test::Throughput], &[64])));
    assert!(only(&report).throughput.as_ref().unwrap().rate.is_some());
    assert!(report.trials.len() < 200);
}

#[test]
fn a_device_that_dies_silently_ends_the_run_with_what_was_measured() {
    let mut p = profile(&Test::ALL, &[64]);
    p.trial.time = Duration::from_secs(1);
    p.trial.settle = Duration::ZERO;
    let report = run("dies", &p);
    let End::Died(why) = &report.end else { panic!("{:?}", report.end) };
    assert!(why.contains("nothing comes out any more"));
    assert!(report.headline.starts_with("PARTIAL, the device died"), "{}", report.headline);
    assert!(report.trials.iter().any(|t| t.step == Step::Alive));
    let t = only(&report).throughput.as_ref().unwrap();
    assert!(t.bounds[0].lower.is_some() && t.bounds[0].lower.unwrap() <= 2.502e6);
}

#[test]
fn a_device_whose_process_ends_in_mid_trial_ends_the_run_with_what_was_counted() {
    let report = run("crashes", &profile(&Test::ALL, &[64]));
    assert_eq!(report.end, End::Died("the simulated process ended".into()));
    let last = report.trials.last().unwrap();
    assert!(last.outcome.as_ref().unwrap().counts[0].received > 0 && last.complete().is_none());
    let p = profile(&Test::ALL, &[64]);
    assert!(report.trials.len() < 3 && report.profile == p);
}

#[test]
fn the_buffer_of_a_device_is_found() {
    let p = profile(&[Test::Throughput, Test::BackToBack], &[64]);
    for (name, buffer) in [("frames", 1000.0), ("queues", 100_000.0)] {
        let report = run(name, &p);
        let b = only(&report).back_to_back.as_ref().unwrap();
        assert!(!b.limited && b.bursts.len() == 3);
        let found = b.corrected.unwrap() * LINE_64;
        assert!((found - buffer).abs() <= 0.012 * buffer, "{name}: {found} of {buffer}");
        let longest = buffer * LINE_64 / (LINE_64 - 2.5e6);
        assert!((b.mean - longest).abs() <= p.back_to_back.width * longest + 2.0, "{name}: {} {longest}", b.mean);
    }
    // RFC 9004 section 6.1: no burst is too long for a device as fast as the line.
    assert!(only(&run("wire", &p)).back_to_back.is_none());
}

#[test]
fn the_latency_of_a_device_is_found() {
    let p = profile(&[Test::Throughput, Test::Latency], &[64]);
    let report = run("frames", &p);
    let l = only(&report).latency.as_ref().unwrap();
    for at in &l.loads {
        assert!(at.p50.abs_diff(10_000) <= 10 && at.p999.abs_diff(10_000) <= 10 && at.lost == 0, "{at:?}");
    }
    assert_eq!(l.tagged.as_ref().unwrap().count, 20);
    // It grows by 20 times with the square of the load.
    let report = run("queues", &p);
    let rate = only(&report).throughput.as_ref().unwrap().rate.unwrap();
    for at in &only(&report).latency.as_ref().unwrap().loads {
        let load = rate * at.percent / 100.0 / 2.5e6;
        let known = 10_000.0 * (1.0 + 20.0 * load * load);
        assert!((at.mean - known).abs() < 0.002 * known, "{} %: {} {known}", at.percent, at.mean);
    }
}

#[test]
fn the_loss_curve_is_that_of_the_capacity() {
    let report = run("bits", &profile(&[Test::FrameLoss], &[64]));
    let curve = only(&report).frame_loss.as_ref().unwrap();
    assert!(curve.complete);
    let capacity = 6e9 / 512.0;
    for p in &curve.points {
        let known = (1.0 - capacity / (LINE_64 * p.percent / 100.0)).max(0.0);
        assert!((p.ratio - known).abs() < 1e-5, "{} %: {} {known}", p.percent, p.ratio);
    }
    let clean: Vec<f64> = curve.points.iter().filter(|p| p.lost == 0).map(|p| p.percent).collect();
    assert_eq!(clean, [70.0, 60.0], "it ends after two trials without loss");
}

#[test]
fn the_loss_curve_of_a_device_much_slower_than_the_line_goes_on_below_the_steps() {
    let slow = Device::new(Capacity::Frames(LINE_64 / 100.0));
    let report = run_on(&mut Simulation::new("slow", slow, 10e9), &profile(&[Test::FrameLoss], &[64]));
    let curve = only(&report).frame_loss.as_ref().unwrap();
    assert!(curve.complete);
    let clean: Vec<f64> = curve.points.iter().filter(|p| p.lost == 0).map(|p| p.percent).collect();
    assert_eq!(clean, [0.625, 0.3125]);
    assert_eq!(curve.points.len(), 15);
}

#[test]
fn the_recovery_of_a_device_is_found() {
    let p = profile(&[Test::Throughput, Test::Recovery], &[64]);
    let report = run("slow-recovery", &p);
    let r = only(&report).recovery.as_ref().unwrap();
    assert!((r.time - 1.5).abs() < 0.001 && r.lost_after > 0 && !r.never, "{r:?}");
    let r = run("frames", &p);
    let r = only(&r).recovery.as_ref().unwrap();
    assert!(r.time == 0.0 && r.lost_in_overload > 0, "{r:?}");
}

#[test]
fn the_time_of_a_reset_is_found_in_both_ways() {
    let report = run("frames", &profile(&[Test::Throughput, Test::Reset], &[64]));
    let r = only(&report).reset.as_ref().unwrap();
    assert!(r.resets[0].back);
    assert!((r.by_time.unwrap() - 0.5).abs() < 1e-6 && (r.by_loss.unwrap() - 0.5).abs() < 1e-3, "{r:?}");
}

#[test]
fn stalls_do_not_hide_the_time_of_a_reset() {
    let report = run("stalls", &profile(&[Test::Throughput, Test::Reset], &[64]));
    let r = only(&report).reset.as_ref().unwrap();
    assert!((0.5..=0.51).contains(&r.by_time.unwrap()), "{r:?}");
}

#[test]
fn a_device_that_does_not_come_back_from_a_reset_is_called_gone() {
    let mut device = Device::new(Capacity::Frames(2.5e6));
    device.reset = 1e9;
    let p = profile(&[Test::Throughput, Test::Reset], &[64]);
    let report = run_on(&mut Simulation::new("gone", device, 10e9), &p);
    let r = only(&report).reset.as_ref().unwrap();
    assert!(!r.resets[0].back && r.by_time.is_none(), "{r:?}");
}

#[test]
fn a_result_near_the_testers_own_ceiling_is_marked() {
    let p = profile(&[Test::Throughput], &[64]);
    let mark = |ceiling: f64| {
        let mut s = simulation("frames").unwrap().with_ceiling(ceiling);
        let report = run_on(&mut s, &p);
        only(&report).throughput.as_ref().unwrap().mark
    };
    assert_eq!(mark(2.0e6), Mark::LowerBoundOnly);
    assert_eq!(mark(2.7e6), Mark::LowerBoundOnly);
    assert_eq!(mark(4.9e6), Mark::NearCeiling);
    assert_eq!(mark(5.1e6), Mark::None);
}

#[test]
fn searches_end_whatever_a_device_does() {
    // Loss that follows no rule at all: whether a trial loses depends on its number.
    use crate::rfc2544::search::binary::Binary;
    use crate::rfc2544::search::mlr::{Goal, Mlr};
    use crate::rfc2544::search::{Decision, Measured, Space};
    type Rules<'a> = &'a dyn Fn(&[Measured]) -> Decision;
    let space = Space { lowest: 1.0, highest: 1e7 };
    let second = Duration::from_secs(1);
    let goal = |loss| Goal { loss, exceed: 0.5, width: 0.005, initial: second, last: second, sum: 21 * second };
    let mlr = Mlr { space, goals: vec![goal(0.0), goal(0.005)], limit: 2000 };
    let binary = Binary { space, width: 0.005, attempts: 2, time: second, limit: 500 };
    for seed in 0..200u64 {
        let searches: [Rules<'_>; 2] = [&|t| mlr.decide(t), &|t| binary.decide(t)];
        for search in searches {
            let (mut trials, mut state) = (Vec::new(), seed * 2 + 1);
            while let Decision::Next { load, .. } = search(&trials) {
                assert!((1.0..=1e7).contains(&load));
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                let loss = if state >> 33 & 1 == 0 { 0.0 } else { 0.01 };
                trials.push(Measured { load, seconds: 1.0, loss, reached: true, silent: false });
                assert!(trials.len() <= 2000);
            }
        }
    }
}

#[test]
fn a_slow_server_behind_a_device_shows_in_the_groups_of_its_flows() {
    let mut p = profile(&[Test::Throughput, Test::Latency], &[64]);
    (p.traffic.flows, p.traffic.random, p.traffic.groups) = (1_000_000, true, 8);
    let report = run("uneven", &p);
    let loads = &only(&report).latency.as_ref().unwrap().loads;
    assert!(!loads.is_empty());
    let near = |latency: u64, wanted: u64| latency.abs_diff(wanted) * 100 <= wanted;
    for at in loads {
        assert_eq!((at.groups.len(), at.groups.iter().map(|g| g.lost).sum::<u64>()), (8, at.lost));
        // Of all flows a quarter is slow, which are groups 0 and 4.
        assert!(near(at.p50, 10_000) && near(at.p90, 50_000), "{at:?}");
        for g in &at.groups {
            let wanted = if g.group % 4 == 0 { 50_000 } else { 10_000 };
            assert!(near(g.p50, wanted) && near(g.p99, wanted) && near(g.min, wanted), "{g:?}");
            assert!(g.count.abs_diff(at.count / 8) <= 2, "{g:?} of {}", at.count);
        }
    }
    // Of a device that treats all alike nothing is seen; and without groups there are none.
    let even = run("frames", &p);
    let loads = &only(&even).latency.as_ref().unwrap().loads;
    assert!(loads.iter().flat_map(|l| &l.groups).all(|g| near(g.p50, 10_000) && near(g.p99, 10_000)));
    p.traffic.groups = 1;
    let loads = only(&run("uneven", &p)).latency.clone().unwrap().loads;
    assert!(loads.iter().all(|l| l.groups.is_empty() && near(l.p90, 50_000)));
}
