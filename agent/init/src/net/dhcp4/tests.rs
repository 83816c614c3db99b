//! The client against a server of a few lines, in virtual time.
use super::message::{Kind, Reply};
use super::*;
use proptest::prelude::*;

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const ADDRESS: [u8; 4] = [10, 0, 0, 5];
const SERVER: [u8; 4] = [10, 0, 0, 1];

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn client() -> Client {
    let mut client = Client::new(MAC, "vnf", Random::from_seed(7));
    client.link_up(at(100));
    client
}

fn option(bytes: &[u8], code: u8) -> Option<&[u8]> {
    let mut rest = &bytes[240..];
    while let [kind, length, value @ ..] = rest {
        if *kind == 255 {
            return None;
        }
        let (value, after) = value.split_at(usize::from(*length));
        if *kind == code {
            return Some(value);
        }
        rest = after;
    }
    None
}

/// The kind of a message from the client.
fn kind(packet: &Packet) -> u8 {
    option(&packet.bytes, 53).unwrap()[0]
}

/// The answer to a message from the client, with more options.
fn answer(query: &[u8], kind: u8, address: [u8; 4], options: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 236];
    bytes[..4].copy_from_slice(&[2, 1, 6, 0]);
    bytes[4..8].copy_from_slice(&query[4..8]);
    bytes[16..20].copy_from_slice(&address);
    bytes[28..34].copy_from_slice(&MAC);
    bytes.extend([99, 130, 83, 99, 53, 1, kind, 54, 4]);
    bytes.extend(SERVER);
    bytes.extend(options);
    bytes.push(255);
    bytes
}

/// A lease of 1000 s, a mask of 24 bits, a router.
const GRANT: [u8; 18] = [51, 4, 0, 0, 3, 232, 1, 4, 255, 255, 255, 0, 3, 4, 10, 0, 0, 1];

/// A client with a lease since second 100.
fn bound() -> Client {
    let mut client = client();
    let discover = client.poll(at(100)).unwrap();
    client.receive(at(100), &answer(&discover.bytes, 2, ADDRESS, &GRANT));
    let request = client.poll(at(100)).unwrap();
    client.receive(at(100), &answer(&request.bytes, 5, ADDRESS, &GRANT));
    client
}

#[test]
fn a_lease_is_got_by_four_messages() {
    let mut client = client();
    let discover = client.poll(at(100)).unwrap();
    assert_eq!((kind(&discover), discover.to), (1, Ipv4Addr::BROADCAST));
    assert_eq!(option(&discover.bytes, 12), Some(&b"vnf"[..]));
    assert_eq!(option(&discover.bytes, 61), Some(&[1, 2, 0, 0, 0, 0, 1][..]));
    assert_eq!(discover.bytes[10], 0x80, "the answer has to be a broadcast");
    client.receive(at(100), &answer(&discover.bytes, 2, ADDRESS, &GRANT));
    let request = client.poll(at(100)).unwrap();
    assert_eq!(kind(&request), 3);
    assert_eq!(option(&request.bytes, 50), Some(&ADDRESS[..]));
    assert_eq!(option(&request.bytes, 54), Some(&SERVER[..]));
    client.receive(at(100), &answer(&request.bytes, 5, ADDRESS, &GRANT));
    let lease = client.lease().unwrap();
    assert_eq!((lease.address, lease.prefix, lease.expires), (ADDRESS.into(), 24, Some(at(1100))));
    assert_eq!(lease.routes, [(Ipv4Addr::UNSPECIFIED, 0, SERVER.into())]);
    assert_eq!((client.deadline(), client.ignored), (at(600), 0));
}

#[test]
fn nobody_there_is_asked_for_ever_at_most_every_eighty_seconds() {
    let (mut client, mut now, mut sent) = (client(), at(100), 0);
    while now < at(100 + 86400) {
        sent += u32::from(client.poll(now).is_some());
        let next = client.deadline();
        assert!(next > now && next <= now + at(80));
        now = next;
    }
    assert!((1080..2000).contains(&sent), "{sent}");
}

#[test]
fn renewal_goes_to_the_server_then_to_all_then_the_lease_is_over() {
    let mut client = bound();
    assert_eq!(client.poll(at(599)), None);
    let renew = client.poll(at(600)).unwrap();
    assert_eq!((kind(&renew), renew.to, &renew.bytes[12..16]), (3, SERVER.into(), &ADDRESS[..]));
    assert_eq!((option(&renew.bytes, 50), option(&renew.bytes, 54)), (None, None));
    let (mut now, mut rebound) = (client.deadline(), false);
    while now < at(1100) {
        rebound |= client.poll(now).is_some_and(|packet| packet.to == Ipv4Addr::BROADCAST);
        assert!(client.lease().is_some());
        now = client.deadline();
    }
    assert!(rebound);
    assert_eq!(kind(&client.poll(now).unwrap()), 1);
    assert_eq!(client.lease(), None);
}

#[test]
fn a_renewal_counts_from_when_it_was_asked_for() {
    let mut client = bound();
    let renew = client.poll(at(600)).unwrap();
    let ack = answer(&renew.bytes, 5, ADDRESS, &GRANT);
    client.receive(at(601), &ack);
    assert_eq!(client.lease().unwrap().expires, Some(at(1600)));
    client.receive(at(602), &ack);
    assert_eq!((client.ignored, client.deadline()), (1, at(1100)), "a second one changes nothing");
}

#[test]
fn a_refusal_ends_the_lease_and_a_new_one_is_asked_for_a_little_later() {
    let mut client = bound();
    let renew = client.poll(at(600)).unwrap();
    client.receive(at(600), &answer(&renew.bytes, 6, [0; 4], &[]));
    assert_eq!(client.poll(at(600)), None);
    assert_eq!(client.lease(), None);
    assert_eq!(kind(&client.poll(at(602)).unwrap()), 1);
}

#[test]
fn an_answer_of_another_server_transaction_or_machine_is_ignored() {
    let mut client = client();
    let discover = client.poll(at(100)).unwrap();
    let mut other = answer(&discover.bytes, 2, ADDRESS, &GRANT);
    other[4] ^= 1;
    client.receive(at(100), &other);
    (other[4], other[33]) = (other[4] ^ 1, 9);
    client.receive(at(100), &other);
    client.receive(at(100), &answer(&discover.bytes, 2, [127, 0, 0, 1], &GRANT));
    client.receive(at(100), &answer(&discover.bytes, 2, ADDRESS, &[51, 4, 0, 0, 0, 1]));
    assert_eq!((client.ignored, &client.state), (4, &State::Selecting));
    client.receive(at(100), &answer(&discover.bytes, 2, ADDRESS, &GRANT));
    let request = client.poll(at(100)).unwrap();
    let mut ack = answer(&request.bytes, 5, ADDRESS, &GRANT);
    ack[248] ^= 3; // option 54
    client.receive(at(100), &ack);
    assert_eq!((client.ignored, client.lease()), (5, None));
}

#[test]
fn after_the_link_came_back_the_lease_is_confirmed_or_used_on() {
    let mut client = bound();
    client.link_down();
    assert_eq!((client.poll(at(150)), client.lease().is_some()), (None, true));
    client.link_up(at(200));
    let reboot = client.poll(at(200)).unwrap();
    assert_eq!((kind(&reboot), reboot.to), (3, Ipv4Addr::BROADCAST));
    assert_eq!((option(&reboot.bytes, 50), option(&reboot.bytes, 54)), (Some(&ADDRESS[..]), None));
    while client.state == State::Rebooting {
        client.poll(client.deadline());
    }
    assert_eq!((&client.state, client.deadline()), (&State::Bound, at(600)));
}

#[test]
fn classless_routes_take_the_place_of_the_router() {
    let query = [0; 8];
    let routes = [121, 14, 0, 10, 0, 0, 254, 20, 172, 16, 31, 0, 0, 0, 0, 33];
    let bytes = answer(&query, 2, ADDRESS, &[&GRANT[..], &routes].concat());
    let reply = Reply::parse(&bytes, 0, MAC).unwrap();
    assert_eq!(reply.kind, Kind::Offer);
    let expected = [("0.0.0.0", 0, "10.0.0.254"), ("172.16.16.0", 20, "0.0.0.0")];
    assert_eq!(reply.routes, expected.map(|(to, prefix, by)| (to.parse().unwrap(), prefix, by.parse().unwrap())));
}

#[test]
fn a_mask_with_holes_is_broken() {
    let bytes = answer(&[0; 8], 2, ADDRESS, &[51, 4, 0, 0, 3, 232, 1, 4, 255, 0, 255, 0]);
    assert_eq!(Reply::parse(&bytes, 0, MAC), None);
}

proptest! {
    /// Whatever is done to answers, and whenever they come: no panic, and time always goes on.
    #[test]
    fn mutated_answers_are_survived(
        seed in any::<u64>(),
        steps in prop::collection::vec((0_u8..8, 0..300_usize, any::<u8>(), 0..400_usize, 0..400_u64), 1..60),
    ) {
        let mut client = Client::new(MAC, "vnf", Random::from_seed(seed));
        let mut now = at(1);
        client.link_up(now);
        let mut last = client.poll(now).unwrap().bytes;
        for (kind, index, value, length, pause) in steps {
            let mut bytes = answer(&last, kind, ADDRESS, &GRANT);
            if index < bytes.len() {
                bytes[index] = value;
            }
            bytes.truncate(length.max(200));
            client.receive(now, &bytes);
            if value == 0 {
                client.link_down();
                client.link_up(now);
            }
            now += at(pause);
            for _ in 0..4 {
                if let Some(packet) = client.poll(now) {
                    last = packet.bytes;
                }
            }
            prop_assert!(client.deadline() > now);
        }
    }
}
