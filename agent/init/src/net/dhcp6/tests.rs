//! The client against a server of a few lines, in virtual time.
use super::*;
use proptest::prelude::*;

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const SERVER: [u8; 4] = [0, 3, 0, 9];

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn ip() -> Ipv6Addr {
    "2001:db8::5".parse().unwrap()
}

fn client(mode: Mode) -> Client {
    let mut client = Client::new(MAC, Random::from_seed(7));
    client.want(mode, at(100));
    client.link_up(at(100));
    client
}

fn option(code: u16, value: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes()[..], &(value.len() as u16).to_be_bytes(), value].concat()
}

/// IA_NA with an address that is preferred for 100 s and valid for `valid` s; T1 and T2 are left to the client.
fn association(valid: u32, status: u16) -> Vec<u8> {
    let address = [&ip().octets()[..], &valid.min(100).to_be_bytes(), &valid.to_be_bytes()].concat();
    let inner = if status == 0 { option(5, &address) } else { option(13, &status.to_be_bytes()) };
    option(3, &[&MAC[2..], &[0; 8], &inner[..]].concat())
}

fn answer(query: &[u8], kind: u8, options: &[u8]) -> Vec<u8> {
    let ids = [option(1, &duid(MAC)), option(2, &SERVER)].concat();
    [&[kind], &query[1..4], &ids, options].concat()
}

/// The next message, and when it is sent.
fn next(client: &mut Client) -> (Duration, Vec<u8>) {
    for _ in 0..10 {
        let now = client.deadline();
        if let Some(bytes) = client.poll(now) {
            return (now, bytes);
        }
    }
    panic!("the client is silent");
}

/// A client with an address, and since when.
fn bound() -> (Client, Duration) {
    let mut client = client(Mode::Stateful);
    let (now, solicit) = next(&mut client);
    client.receive(now, &answer(&solicit, 2, &association(200, 0)));
    let (now, request) = next(&mut client);
    client.receive(now, &answer(&request, 7, &association(200, 0)));
    assert!(client.lease().is_some());
    (client, now)
}

#[test]
fn an_address_is_got_by_four_messages() {
    let mut client = client(Mode::Stateful);
    let (first, solicit) = next(&mut client);
    assert_eq!(solicit[0], 1);
    assert!(first <= at(101));
    client.receive(first, &answer(&solicit, 2, &association(200, 0)));
    let (second, request) = next(&mut client);
    assert_eq!(request[0], 3);
    assert!(second >= first + SECOND, "other servers have the first second");
    client.receive(second, &answer(&request, 7, &[association(200, 0), option(23, &ip().octets())].concat()));
    let lease = client.lease().unwrap();
    let (preferred, valid) = (Some(second + at(100)), Some(second + at(200)));
    assert_eq!(lease.addresses, [Held { ip: ip(), preferred, valid }]);
    assert_eq!((&lease.dns[..], client.deadline(), client.ignored), (&[ip()][..], second + at(50), 0));
}

#[test]
fn the_highest_preference_is_taken_at_once() {
    let mut client = client(Mode::Stateful);
    let (now, solicit) = next(&mut client);
    client.receive(now, &answer(&solicit, 2, &[association(200, 0), option(7, &[255])].concat()));
    assert_eq!(client.poll(now).unwrap()[0], 3);
}

#[test]
fn nobody_there_is_asked_for_ever_ever_more_slowly() {
    let mut client = client(Mode::Stateful);
    let mut last = at(100);
    for _ in 0..40 {
        let (now, solicit) = next(&mut client);
        assert_eq!(solicit[0], 1);
        assert!(now >= last && now - last <= at(3960));
        last = now;
    }
    assert!(last > at(86400));
}

#[test]
fn renewal_goes_to_the_server_then_to_all_then_the_address_is_over() {
    let (mut client, since) = bound();
    let (now, renew) = next(&mut client);
    assert_eq!((now, renew[0]), (since + at(50), 5));
    let mut kinds = Vec::new();
    while client.lease().is_some() {
        assert!(client.deadline() <= since + at(200));
        let (_, message) = next(&mut client);
        kinds.push(message[0]);
    }
    assert!(kinds.contains(&6));
    assert_eq!(kinds.last(), Some(&1));
}

#[test]
fn a_server_that_forgot_the_lease_is_asked_for_it_again() {
    let (mut client, _) = bound();
    let (now, renew) = next(&mut client);
    client.receive(now, &answer(&renew, 7, &association(0, status::NO_BINDING)));
    let request = client.poll(now).unwrap();
    assert_eq!(request[0], 3);
    client.receive(now, &answer(&request, 7, &association(200, 0)));
    assert_eq!(client.lease().unwrap().addresses[0].valid, Some(now + at(200)));
}

#[test]
fn after_the_link_came_back_all_servers_are_asked() {
    let (mut client, since) = bound();
    client.link_down();
    assert_eq!(client.poll(since + at(10)), None);
    client.link_up(since + at(20));
    assert_eq!(client.poll(since + at(20)).unwrap()[0], 6);
    let (mut other, since) = bound();
    other.link_down();
    other.link_up(since);
    let rebind = other.poll(since).unwrap();
    other.receive(since, &answer(&rebind, 7, &association(0, status::NOT_ON_LINK)));
    assert_eq!(other.lease(), None);
}

#[test]
fn information_is_asked_for_again_after_a_day_or_as_the_server_says() {
    let mut client = client(Mode::Stateless);
    let (now, information) = next(&mut client);
    assert_eq!(information[0], 11);
    client.receive(now, &answer(&information, 7, &[option(23, &ip().octets()), option(24, b"\x03lab\0")].concat()));
    let lease = client.lease().unwrap();
    assert_eq!((&lease.dns[..], &lease.search[..]), (&[ip()][..], &["lab".to_owned()][..]));
    assert_eq!(client.deadline(), now + at(86400));
    let (now, information) = next(&mut client);
    client.receive(now, &answer(&information, 7, &option(32, &1_u32.to_be_bytes())));
    assert_eq!(client.deadline(), now + at(600), "never more often than every ten minutes");
}

#[test]
fn an_answer_to_somebody_else_is_ignored() {
    let mut client = client(Mode::Stateful);
    let (now, solicit) = next(&mut client);
    let mut other = answer(&solicit, 2, &association(200, 0));
    other[3] ^= 1;
    client.receive(now, &other);
    (other[3], other[17]) = (other[3] ^ 1, 77); // the DUID of the client
    client.receive(now, &other);
    client.receive(now, &answer(&solicit, 2, &association(0, 2)));
    assert_eq!((client.ignored, client.offer.is_none()), (3, true));
}

proptest! {
    /// Whatever is done to answers, and whenever they come: no panic, and time always goes on.
    #[test]
    fn mutated_answers_are_survived(
        seed in any::<u64>(),
        steps in prop::collection::vec((0_u8..9, 0..120_usize, any::<u8>(), 0..120_usize, 0..300_u64), 1..60),
    ) {
        let mut client = Client::new(MAC, Random::from_seed(seed));
        let mut now = at(1);
        client.want(if seed % 4 == 0 { Mode::Stateless } else { Mode::Stateful }, now);
        client.link_up(now);
        let mut last = vec![0; 4];
        for (kind, index, value, length, pause) in steps {
            let mut bytes = answer(&last, kind, &association(200, u16::from(value % 5)));
            if index < bytes.len() {
                bytes[index] = value;
            }
            bytes.truncate(length.max(40));
            client.receive(now, &bytes);
            if value == 0 {
                client.link_down();
                client.link_up(now);
            }
            now += at(pause);
            for _ in 0..4 {
                if let Some(bytes) = client.poll(now) {
                    last = bytes;
                }
            }
            prop_assert!(client.deadline() > now);
            prop_assert!(client.lease().is_none_or(|lease| lease.addresses.len() <= 8));
        }
    }
}
