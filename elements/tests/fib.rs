//! The routing table against a trie of another author, through random changes and a million look-ups.
use prefix_trie::PrefixMap;
use sluice_elements::lookup::fib::{Fib, Hop, Route};

const LOOKUPS: usize = 1_000_000;

/// xorshift64: the same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as u32
    }
    fn below(&mut self, n: u32) -> u32 {
        self.next() % n
    }
    /// Prefixes of all lengths, many of which lie in each other.
    fn prefix(&mut self) -> (u32, u8) {
        let length = match self.below(256) {
            0 => self.below(9), // touches many entries: slow without optimisation
            1..8 => 9 + self.below(8),
            8..128 => 24,
            128..192 => 17 + self.below(8),
            _ => 25 + self.below(8),
        };
        let addr = match self.below(3) {
            0 => 0x0a00_0000 | self.next() & 0x0007_ffff,
            1 => 0xc0a8_0000 | self.next() & 0x0000_0fff,
            _ => self.next(),
        };
        (addr & u32::MAX.checked_shl(32 - length).unwrap_or(0), length as u8)
    }
}

#[test]
fn a_million_lookups_agree_with_a_trie_through_random_changes() {
    let mut random = Random(88_172_645_463_325_252);
    let mut fib = Fib::new();
    let mut trie: PrefixMap<(u32, u8), Hop> = PrefixMap::new();
    let mut known: Vec<(u32, u8)> = Vec::new();
    let (mut done, mut most, mut hits) = (0, 0, 0u32);
    while done < LOOKUPS {
        // The table grows past the size at which it moves into the large directory, shrinks, grows again.
        let grows = (done / 300_000) % 2 == 0;
        for _ in 0..random.below(500) {
            let (addr, length) = random.prefix();
            let hop = Hop { gateway: random.below(50).into(), output: random.below(4) as u16 };
            let route = Route { addr, length: length.into(), gateway: hop.gateway, output: hop.output };
            match random.below(10) {
                0..6 if grows => {
                    let added = fib.add(route).is_ok();
                    assert_eq!(added, trie.get(&(addr, length)).is_none());
                    if added {
                        trie.insert((addr, length), hop);
                        known.push((addr, length));
                    }
                }
                6 => {
                    let old = fib.set(route).expect("room");
                    assert_eq!(
                        old.map(|o| (o.gateway, o.output)),
                        trie.insert((addr, length), hop).map(|h| (h.gateway, h.output))
                    );
                    if old.is_none() {
                        known.push((addr, length));
                    }
                }
                _ if !known.is_empty() => {
                    let (addr, length) = known.swap_remove(random.below(known.len() as u32) as usize);
                    assert!(fib.remove(addr, length.into(), |_| true).is_ok());
                    assert!(trie.remove(&(addr, length)).is_some());
                }
                _ => assert!(fib.remove(addr, length.into(), |_| true).is_err()),
            }
        }
        assert_eq!(fib.len(), trie.len());
        most = most.max(fib.len());
        for _ in 0..1000 {
            // The next batch: the table may go on with its move.
            if done % 64 == 0 {
                fib.settle();
            }
            let addr = match known.get(random.below(known.len().max(1) as u32) as usize) {
                Some(&(addr, length)) if random.below(4) > 0 => {
                    let last = addr | (u64::from(u32::MAX) >> length) as u32;
                    [addr, last, addr.wrapping_sub(1), last.wrapping_add(1), addr | random.next() & (last ^ addr)]
                        [random.below(5) as usize]
                }
                _ => random.next(),
            };
            let expected = trie.get_lpm(&(addr, 32)).map(|(_, hop)| *hop);
            assert_eq!(fib.lookup(addr.into()), expected, "{addr:#x} after {done} look-ups");
            hits += u32::from(expected.is_some());
            done += 1;
        }
    }
    assert!(most > 5000, "the table never moved: at most {most} routes");
    assert!(hits > 500_000 && hits < 1_000_000, "{hits} look-ups found a route");
}

#[test]
fn tables_built_at_once_agree_with_a_trie_whatever_their_size() {
    let mut random = Random(2_685_821_657_736_338_717);
    for n in [0, 4, 4096, 20_000] {
        let mut trie: PrefixMap<(u32, u8), Hop> = PrefixMap::new();
        let mut routes = Vec::new();
        for _ in 0..n {
            let (addr, length) = random.prefix();
            let hop = Hop { gateway: random.below(50).into(), output: random.below(4) as u16 };
            routes.push(Route { addr, length: length.into(), gateway: hop.gateway, output: hop.output });
            trie.entry((addr, length)).or_insert(hop); // the first of several counts
        }
        let (fib, left_out) = Fib::build(&routes).expect("room");
        assert_eq!((fib.len(), left_out), (trie.len(), n - trie.len()));
        for route in &routes {
            let last = route.addr | (u64::from(u32::MAX) >> route.length) as u32;
            for addr in [route.addr, last, route.addr.wrapping_sub(1), last.wrapping_add(1), random.next()] {
                let expected = trie.get_lpm(&(addr, 32)).map(|(_, hop)| *hop);
                assert_eq!(fib.lookup(addr.into()), expected, "{addr:#x} of {n} routes");
            }
        }
    }
}
