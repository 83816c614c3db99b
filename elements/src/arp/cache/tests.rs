//! Order of age, limits and time, against a table that is searched from end to end.
use super::*;
use alloc::vec::Vec;
use proptest::prelude::*;
use sluice_dataplane::pool::Pool;

const ETHER: EtherAddr = EtherAddr([2, 0, 0, 0, 0, 1]);

fn ip(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, n)
}

fn order(c: &Cache) -> Vec<u8> {
    c.ages.values().map(|a| a.octets()[3]).collect()
}

#[test]
fn entries_are_known_until_they_expire_and_polled_when_old() {
    let mut c = Cache::new(Limits { timeout: 100, ..Limits::default() });
    let mut none = |_, _| unreachable!("nothing waits");
    c.insert(ip(1), ETHER, 1000, &mut none);
    assert!(c.lookup(ip(1), 1000, 80).is_some_and(|k| !k.poll && k.ether == ETHER));
    assert!(c.lookup(ip(1), 1080, 80).is_some_and(|k| k.poll));
    assert!(c.lookup(ip(1), 1081, 80).is_some_and(|k| !k.poll), "at most ten queries a second");
    assert!(c.lookup(ip(1), 1100, 0).is_some());
    assert!(c.lookup(ip(1), 1101, 0).is_none());
    assert_eq!(c.table(1101), "10.0.0.1 0 02-00-00-00-00-01 0.101000\n");
    c.slim(1101, (0, 0), &mut none);
    assert_eq!(c.count(), 0);
}

#[test]
fn what_is_asked_for_stays_just_this_side_of_expiry() {
    let pool = Pool::new(8);
    let mut c = Cache::new(Limits { timeout: 100, ..Limits::default() });
    let mut none = |_, _| unreachable!("there is room");
    (1..=3).for_each(|n| c.insert(ip(n), ETHER, 0, &mut none));
    for n in [1, 2, 3] {
        assert!(c.append(ip(n), pool.alloc().expect("buffer"), 120, &mut none));
    }
    assert_eq!(order(&c), [3, 2, 1]);
    c.insert(ip(3), ETHER, 120, &mut none);
    assert_eq!(order(&c), [2, 1, 3]);
    assert_eq!(c.take_waiting(ip(3)).len(), 1);
    assert_eq!(c.packets(), 2);
}

#[test]
fn unanswered_queries_become_rare() {
    let pool = Pool::new(64);
    let mut c = Cache::new(Limits::default());
    let mut none = |_, _| unreachable!("there is room");
    let asked = (0..60).filter(|n| c.append(ip(1), pool.alloc().expect("buffer"), 5000 + n * 100, &mut none)).count();
    assert_eq!(asked, 12, "ten at once, then one every two seconds");
}

proptest! {
    #[test]
    fn limits_hold_and_no_packet_is_lost(
        entries in 0..4usize, packets in 0..8usize, entry_packets in 0..4usize, slim_factor in 1..4usize,
        steps in proptest::collection::vec((0..4u8, 1..6u8, 0..50u64), 0..120),
    ) {
        let pool = Pool::new(256);
        let limits = Limits { packets, entries, entry_packets, slim_factor, timeout: 100 };
        let mut c = Cache::new(limits);
        let (mut now, mut given, mut dropped, mut taken) = (0, 0, 0, 0);
        for (what, n, wait) in steps {
            now += wait;
            let mut drop = |_: Packet, _: Reason| dropped += 1;
            match what {
                0 | 1 if c.lookup(ip(n), now, 0).is_none() => {
                    given += 1;
                    c.append(ip(n), pool.alloc().expect("buffer"), now, &mut drop);
                }
                0 | 1 => {}
                2 => {
                    c.insert(ip(n), ETHER, now, &mut drop);
                    taken += c.take_waiting(ip(n)).len();
                }
                _ => c.slim(now, (0, 0), &mut drop),
            }
            prop_assert_eq!(c.ages.len(), c.entries.len());
            prop_assert!(c.ages.iter().all(|(age, ip)| c.entries[ip].age == *age));
            prop_assert_eq!(c.packets, c.entries.values().map(|e| e.waiting.len()).sum::<usize>());
            prop_assert_eq!(given, dropped + taken + c.packets);
            prop_assert!(entries == 0 || c.count() <= entries);
            prop_assert!(packets == 0 || c.packets <= packets);
            prop_assert!(entry_packets == 0 || c.entries.values().all(|e| e.waiting.len() <= entry_packets));
        }
        prop_assert_eq!(core::iter::from_fn(|| c.release()).count() + dropped + taken, given);
        prop_assert_eq!((c.packets(), c.drops), (0, dropped as u64));
    }
}
