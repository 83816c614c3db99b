//! What a router does with IP options (RFC 791 section 3.1; RFC 1812 section 5.2.4).
use super::{Addresses, header, header_mut};
use alloc::format;
use core::any::Any;
use core::net::Ipv4Addr;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Arg, Handler, Info, State};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::ipv4::{self, OPTION_RECORD_ROUTE, OPTION_TIMESTAMP};
use sluice_dataplane::wire::options::{END, NOP};

/// What a router does with IP options.
pub struct IPGWOptions {
    own: Own,
    drops: u64,
}

/// This router's addresses.
struct Own {
    address: Ipv4Addr,
    others: Addresses,
}

impl Configure for IPGWOptions {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        state: State::Replicated,
        live: true,
        args: &[
            Arg::required("MYADDR", "IP address", "this interface's address, which goes into options"),
            Arg::optional("OTHERADDRS", "IP addresses", "", "this router's other addresses"),
        ],
        handlers: &[Handler::read("drops", "packets with bad options")],
        doc: "Fills in record route and time stamp options of the marked IP header and corrects the checksum; other \
              options stay as they are. A packet with a bad option goes, unchanged, to output 1 if that is connected, \
              with the place of the error in the ICMP parameter problem annotation, else it is dropped.",
        example: "InfiniteSource(LIMIT 5) -> CheckIPHeader -> o :: IPGWOptions(10.0.0.1, 10.0.1.1 10.0.2.1) -> Discard; \
                  o[1] -> ICMPError(10.0.0.1, parameterproblem) -> Discard;",
        see: &["ICMPError", "DecIPTTL"],
        ..Info::new("IPGWOptions", "ip", "fills in IP options as a router does")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let address = args.required("MYADDR");
        let others = args.optional("OTHERADDRS", Addresses::default());
        IPGWOptions { own: Own { address, others }, drops: 0 }
    }
}

/// Writes `bytes` at `at`, if there is room for them.
fn put(option: &mut [u8], at: usize, bytes: &[u8]) -> bool {
    match option.get_mut(at..at + bytes.len()) {
        Some(to) => {
            to.copy_from_slice(bytes);
            true
        }
        None => false,
    }
}

impl Own {
    /// Fills in the options; `time` is milliseconds since midnight UT. Tells whether anything changed, or where from
    /// the first option the error is.
    fn fill(&self, options: &mut [u8], time: u32) -> Result<bool, usize> {
        let (mut at, mut changed) = (0, false);
        while let Some(&kind) = options.get(at) {
            if kind == END {
                break;
            }
            if kind == NOP {
                at += 1;
                continue;
            }
            let length = options.get(at + 1).map_or(0, |&l| usize::from(l));
            let Some(option) = options.get_mut(at..at + length).filter(|_| length >= 2) else { return Err(at + 1) };
            let outcome = match kind {
                OPTION_RECORD_ROUTE => self.record_route(option),
                OPTION_TIMESTAMP => self.time_stamp(option, time),
                _ => Ok(false),
            };
            changed |= outcome.map_err(|place| at + place)?;
            at += length;
        }
        Ok(changed)
    }

    /// RFC 791: the pointer counts from 1; a full option is left alone.
    fn record_route(&self, option: &mut [u8]) -> Result<bool, usize> {
        let Some(&pointer) = option.get(2) else { return Err(1) };
        let at = usize::from(pointer).checked_sub(1).filter(|&at| at >= 3).ok_or(2usize)?;
        if put(option, at, &self.address.octets()) {
            option[2] = pointer.wrapping_add(4);
            return Ok(true);
        }
        if at == option.len() { Ok(false) } else { Err(2) }
    }

    /// RFC 791: flag 0 is time stamps alone, 1 with addresses, 3 where the sender named the addresses.
    fn time_stamp(&self, option: &mut [u8], time: u32) -> Result<bool, usize> {
        let &mut [_, _, pointer, flags, ..] = option else { return Err(1) };
        let at = usize::from(pointer).checked_sub(1).filter(|&at| at >= 4).ok_or(2usize)?;
        let (time, mine) = (time.to_be_bytes(), self.address.octets());
        let written = match flags & 0xf {
            0 => put(option, at, &time).then_some(4),
            1 => put(option, at, &[mine, time].concat()).then_some(8),
            3 => {
                let room = option.get(at..at + 8).and_then(|o| o.first_chunk::<4>()).copied();
                let address = Ipv4Addr::from(room.ok_or(3usize)?);
                if address != self.address && !self.others.0.contains(&address) {
                    return Ok(false);
                }
                put(option, at + 4, &time).then_some(8)
            }
            _ => return Err(3),
        };
        match written {
            Some(n) => option[2] = pointer.wrapping_add(n),
            // Full: counts the routers that found no room, up to 15.
            None if flags < 0xf0 => option[3] = flags + 0x10,
            None => return Err(3),
        }
        Ok(true)
    }

    /// One packet with options, which change only if all are good.
    fn process(&self, p: &mut Packet, time: u32) -> Result<(), Reason> {
        let length = header(p).ok_or(Reason::BadIp)?.header_len();
        let mut options = [0; ipv4::MAX_LEN - ipv4::LEN];
        let network = p.network().and_then(|n| n.get(ipv4::LEN..length)).unwrap_or(&[]);
        let options = &mut options[..network.len()];
        options.copy_from_slice(network);
        match self.fill(options, time) {
            Err(place) => {
                p.set_icmp_pointer((ipv4::LEN + place) as u8);
                Err(Reason::BadIp)
            }
            Ok(false) => Ok(()),
            Ok(true) => {
                let bytes = header_mut(p)?;
                put(bytes, ipv4::LEN, options);
                ipv4::fill_checksum(bytes).map_err(|_| Reason::BadIp)
            }
        }
    }
}

impl Element for IPGWOptions {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        if batch.iter().all(|p| header(p).is_some_and(|ip| ip.header_len() == ipv4::LEN)) {
            return;
        }
        let time = (cx.now() / 1_000_000 % 86_400_000) as u32;
        let (own, drops) = (&self.own, &mut self.drops);
        cx.check(batch, |p| {
            let why = own.process(p, time).err()?;
            *drops += u64::from(why == Reason::BadIp);
            Some(why)
        });
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<Self>() {
            self.drops = old.drops;
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        match handler {
            "drops" => Ok(format!("{}", self.drops)),
            _ => Err(HandlerError::NoHandler(handler.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn own() -> Own {
        Own { address: Ipv4Addr::new(1, 2, 3, 4), others: Addresses(vec![Ipv4Addr::new(5, 6, 7, 8)]) }
    }

    fn filled(options: &[u8]) -> Result<Vec<u8>, usize> {
        let mut options = options.to_vec();
        own().fill(&mut options, 0x0a0b0c0d).map(|_| options)
    }

    #[test]
    fn routes_are_recorded_until_full() {
        assert_eq!(filled(&[7, 7, 4, 0, 0, 0, 0]), Ok(vec![7, 7, 8, 1, 2, 3, 4]));
        assert_eq!(filled(&[7, 7, 8, 9, 9, 9, 9]), Ok(vec![7, 7, 8, 9, 9, 9, 9]));
        assert_eq!(filled(&[1, 7, 7, 3, 0, 0, 0, 0]), Err(3));
        assert_eq!(filled(&[7, 7, 6, 0, 0, 0, 0]), Err(2));
        assert_eq!(filled(&[7, 7, 9, 0, 0, 0, 0]), Err(2));
    }

    #[test]
    fn times_are_stamped_by_flag() {
        assert_eq!(filled(&[68, 8, 5, 0, 0, 0, 0, 0]), Ok(vec![68, 8, 9, 0, 10, 11, 12, 13]));
        assert_eq!(filled(&[68, 8, 9, 0, 0, 0, 0, 0]), Ok(vec![68, 8, 9, 0x10, 0, 0, 0, 0]));
        assert_eq!(filled(&[68, 8, 9, 0xf0, 0, 0, 0, 0]), Err(3));
        let with_address = filled(&[68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(with_address, Ok(vec![68, 12, 13, 1, 1, 2, 3, 4, 10, 11, 12, 13]));
        let named = filled(&[68, 12, 5, 3, 5, 6, 7, 8, 0, 0, 0, 0]);
        assert_eq!(named, Ok(vec![68, 12, 13, 3, 5, 6, 7, 8, 10, 11, 12, 13]));
        let foreign = [68, 12, 5, 3, 9, 9, 9, 9, 0, 0, 0, 0];
        assert_eq!(filled(&foreign), Ok(foreign.to_vec()));
        assert_eq!(filled(&[68, 4, 5, 2]), Err(3));
        assert_eq!(filled(&[68, 4, 4, 0]), Err(2));
    }

    #[test]
    fn bad_lengths_are_pointed_at() {
        assert_eq!(filled(&[1, 131, 1, 0]), Err(2));
        assert_eq!(filled(&[131, 9, 4, 0]), Err(1));
        assert_eq!(filled(&[1, 1, 1, 131]), Err(4));
        assert_eq!(filled(&[0, 131, 1, 0]), Ok(vec![0, 131, 1, 0]));
    }

    proptest! {
        #[test]
        fn errors_point_into_the_options(options in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Err(at) = filled(&options) {
                prop_assert!(at <= options.len());
            }
        }
    }
}
