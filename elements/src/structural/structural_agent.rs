//! Sends each packet to the function that must process it, and on when it comes back (RFC 7665: classifier, service function
//! forwarder and proxy in one).
use super::counts::{carry_rules, carry_steps, passed};
use super::saved::Saved;
use super::shares;
use super::table::{Foreign, Step, Table};
use crate::classify::filter::Start;
use crate::nsh::header::{decap, header, ip_next, push};
use crate::nsh::log::Log;
use crate::nsh::paths::Path;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt::Write;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::{Batch, MAX_BURST};
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Arg, Handler, Info, State};
use sluice_dataplane::merge::Merge;
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::{EtherAddr, Ethernet, Nsh, ethernet, nsh};
use zerocopy::IntoBytes;

/// From here on a verdict is a reason to drop.
const FIRST_END: u16 = 0x8000;
/// The path ends, and nothing is inside (RFC 8393).
const CONSUMED: u16 = u16::MAX;

/// Sends each packet to the function that must process it.
pub struct StructuralAgent {
    table: Table,
    state: Progress,
    log: Log,
}

/// What changes while packets pass.
#[derive(Default)]
struct Progress {
    saved: Saved,
    /// Packets by rule, by step, and from and to each function. What a shared step has itself says nothing: its next hops' count.
    rules: Vec<u64>,
    steps: Vec<u64>,
    given: Vec<u64>,
    returned: Vec<u64>,
    bypassed: Vec<u64>,
    /// Headers that were gone when their packets came back.
    lost: u64,
    foreign: u64,
}

impl Configure for StructuralAgent {
    const INFO: &'static Info = &Info {
        ports: "1-/1-",
        flow: "h/h",
        state: State::Replicated,
        args: &[Arg::rest("WHAT", "a line of the agent's tables", "see below")],
        handlers: &[
            Handler::read("rules", "packets, name and target of each rule, separated by tabs")
                .merged(Merge::Column(0, '\t')),
            Handler::read(
                "paths",
                "packets, place and step of each place on a path, separated by tabs; behind a shared one \
                                   packets, place/K, step and weight of its next hops, K from 1 on",
            )
            .merged(Merge::Column(0, '\t')),
            Handler::read("given", "packets given to each function, and its name").merged(Merge::Column(0, '\t')),
            Handler::read("returned", "packets that came from each function, and its name")
                .merged(Merge::Column(0, '\t')),
            Handler::read("bypassed", "packets that passed by each function while it was down, and its name")
                .merged(Merge::Column(0, '\t')),
            Handler::read("foreign", "packets that no rule matched"),
            Handler::read("headers_lost", "packets whose NSH metadata were gone when they came back from a function"),
        ],
        doc: "The structural agent. Inputs and outputs are first those of its ports, in the order in which they are named, then \
              those of its functions: what comes from a port, or back from a function, goes to the function that is next on its \
              service path, or out of a port.\n\nAn argument is a line of its tables:\n\n\
              `PORT NAME [ADDRESS]`: the next port, and its Ethernet address.\n\n\
              `FUNCTION NAME [aware] [open] [down] [detached]`: the next function. One that is aware of NSH gets whole frames and takes the \
              index down by one itself; others get Ethernet frames without NSH, and the agent is their proxy. What is meant for a \
              function that is down passes by if it is open, and is dropped if it is not. What comes back from one that is \
              detached (another program, behind interfaces) has lost its marks: a rule for it may say where it goes on; without one \
              it goes on where the function is, if that is one place only.\n\n\
              `PATH SPI/SI FUNCTION NAME`, `PATH SPI/SI REMOTE PORT ADDRESS`, `PATH SPI/SI END PORT [ADDRESS]`: what comes \
              next at that place on a path: a function; another forwarder, to which frames are sent with NSH; or the end, where NSH \
              comes off.\n\n\
              `PATH SPI/SI SHARE WEIGHT FUNCTION NAME`, `PATH SPI/SI SHARE WEIGHT REMOTE PORT ADDRESS`: one of 2 to 16 next hops that \
              share the flows at that place, a line each. Each has its WEIGHT's part, 1 to 65535, of the flows, chosen as \
              NSHForwarder does it: by a hash of the inner packet's addresses, protocol and ports that is the same in both \
              directions and on every node. So a flow meets the same next hop while they, their order and weights are the same, \
              and on its way back, too, if that has the same ones. A forwarder behind one of them chooses by the same hash, of which it \
              sees a part only: what it shares again is not shared by weight. What is meant for a function that is down passes \
              by or is dropped: no other one takes its place.\n\n\
              `RULE NAME [FROM SOURCE] [VLAN ID] [TYPE NUMBER] TO SPI/SI [MATCH PATTERN] [SNMP PATTERN]`: frames without NSH go on a path. \
              The first rule that matches counts. SOURCE is a port, or a function for packets that it made itself; what is \
              behind MATCH is a pattern of IPFilter's, what is behind SNMP one of SNMPClassifier's: the frame must hold such a message, \
              to or from UDP port 161 or 162. Other traffic pays for one test of its ports, however many such rules there are.\n\n\
              `RECLASSIFY SPI/SI TO SPI/SI`: frames that come in with NSH at one place go on at another.\n\n\
              `FOREIGN drop` or `FOREIGN pass`: what becomes of frames that no rule matches: they are dropped, or leave by the \
              other port of two. Those that a function made are dropped.\n\n\
              `NSH [forward_oam] [experimental] [unsupported] [short]`: switches of CheckNSHHeader; `short`: new headers have \
              MD type 2 and no metadata instead of type 1.\n\nA packet with NSH and next protocol `none` (RFC 8393) passes by functions \
              that do not know NSH, its index lower by one, and ends, as consumed, where the path does.\n\nNSH travels in Ethernet (type 0x894F, behind one VLAN tag at most). \
              Each look-up takes the time to live down by one (RFC 8300 section 2.2). Metadata of packets inside functions that do \
              not know NSH are kept for the next 4,096 packets. Dropped packets with a wrong version, an index of 0, or no next \
              place are logged, a line a second at most.",
        example: "InfiniteSource(LIMIT 5) -> a :: StructuralAgent(PORT A, FUNCTION f, PATH 1/255 FUNCTION f, PATH 1/254 END A, \
                  RULE all FROM A TO 1/255); a -> Discard; a[1] -> Counter -> [1] a;",
        see: &["NSHForwarder", "NSHProxy", "NSHClassifier", "IPClassifier", "SNMPClassifier"],
        ..Info::new("StructuralAgent", "structural", "sends packets to functions along service paths")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let texts = args.rest_strings();
        let mut wrong = Vec::new();
        let table = Table::read(&texts, args.names(), &mut wrong);
        let ends = table.ports.len() + table.functions.len();
        if ends != env.inputs() || ends != env.outputs() {
            let (i, o) = (env.inputs(), env.outputs());
            wrong.push(format!("{ends} ports and functions need as many inputs and outputs, not {i} and {o}"));
        }
        wrong.into_iter().for_each(|w| args.error(w));
        let functions = || vec![0; table.functions.len()];
        let state = Progress {
            rules: vec![0; table.targets.len()],
            steps: vec![0; table.steps.len()],
            given: functions(),
            returned: functions(),
            bypassed: functions(),
            ..Progress::default()
        };
        StructuralAgent { table, state, log: Log::default() }
    }
}

/// A verdict that drops.
fn end(why: Reason) -> u16 {
    FIRST_END + why as u16
}

/// Offset of an NSH header in a frame, behind one VLAN tag at most.
#[inline]
fn nsh_offset(frame: &[u8]) -> Option<u8> {
    let kind = |at: usize| frame.get(at..at + 2).map(|b| u16::from_be_bytes([b[0], b[1]]));
    match kind(12)? {
        ethernet::TYPE_NSH => Some(ethernet::LEN as u8),
        ethernet::TYPE_VLAN if kind(16) == Some(ethernet::TYPE_NSH) => Some(ethernet::LEN as u8 + 4),
        _ => None,
    }
}

/// Counts one more.
fn count(all: &mut [u64], n: usize) {
    if let Some(n) = all.get_mut(n) {
        *n += 1;
    }
}

impl Progress {
    /// A frame with NSH, `at` bytes in, from a port or a function that is aware of it. Gives the output.
    fn headed(&mut self, table: &Table, p: &mut Packet, at: usize, from_port: bool, seed: u32) -> Result<u16, Reason> {
        if let Some(why) = table.switches.judge(p, at) {
            return Err(why);
        }
        // It has been judged: what is done to it takes its first eight bytes only.
        let [a, b, _, next, rest @ ..] = p.view_mut::<{ nsh::LEN }>(at).ok_or(Reason::NoBuffer)?;
        let empty = *next == nsh::NEXT_NONE;
        let came = Path::from_wire(*rest);
        // RFC 8300 section 2.2: 0 becomes 63; what becomes 0 is not forwarded.
        let word = u16::from_be_bytes([*a, *b]);
        let ttl = (word >> 6).wrapping_sub(1) & 0x3f;
        [*a, *b] = (word & !(0x3f << 6) | ttl << 6).to_be_bytes();
        let mut place = came;
        if !from_port {
            // RFC 8300 section 2.3: a function takes the index down. One that does not would get the packet for ever.
            let was = p.service().map(|(place, _)| Path::from_wire(place.to_be_bytes()));
            if was.is_some_and(|was| was.spi() == place.spi() && place.index() >= was.index()) {
                return Err(Reason::NshIndex);
            }
        } else if !table.reclassified.is_empty()
            && let Some(to) = table.reclassified.get(place)
        {
            place = *to;
        }
        if ttl == 0 {
            return Err(Reason::NshTtl);
        }
        loop {
            let (mut number, mut step) = step(table, place)?;
            if let Step::Shared(share) = step {
                (number, step) = nth(table, shares::headed(table, *share, p)?)?;
            }
            let function = if let Step::Function(f) = *step { table.functions.get(usize::from(f)) } else { None };
            if let Step::Function(f) = *step
                && let Some(function) = function.filter(|f| f.down)
            {
                place = self.pass_by(function.open, f, place)?;
                continue;
            }
            count(&mut self.steps, number);
            // RFC 8393: there is metadata only, so nothing for a function that does not know NSH.
            if empty && function.is_some_and(|f| !f.aware) {
                place = Path::new(place.spi(), place.index() - 1);
                continue;
            }
            if place != came {
                *p.view_mut::<4>(at + 4).ok_or(Reason::NoBuffer)? = place.to_wire();
            }
            return match *step {
                Step::Function(f) => {
                    let aware = function.is_some_and(|f| f.aware);
                    let number = if aware { 0 } else { self.put_away(p, place, seed)? };
                    Ok(self.give(table, p, f, place, number))
                }
                Step::Remote(port, address) => {
                    p.clear_service();
                    let from = table.ports.get(usize::from(port)).map_or(EtherAddr::default(), |p| p.1);
                    readdress(p, address, Some(from))?;
                    Ok(port)
                }
                Step::End(..) if empty => Ok(CONSUMED),
                Step::End(port, address) => {
                    p.clear_service();
                    unwrap(p)?;
                    if let Some(address) = address {
                        readdress(p, address, None)?;
                    }
                    Ok(port)
                }
                Step::Shared(_) => Err(Reason::NshPath), // its next hop was chosen above, and is none
            };
        }
    }

    /// A plain frame that is at `place`: `number` tells its saved header.
    fn bare(
        &mut self,
        table: &Table,
        p: &mut Packet,
        mut place: Path,
        number: u32,
        mut known: Option<usize>,
    ) -> Result<u16, Reason> {
        if let Some(saved) = self.saved.find(number, place.spi())
            && let Ok((header, _)) = Nsh::parse_mut(saved)
        {
            let ttl = header.ttl().checked_sub(1).unwrap_or(nsh::TTL_DEFAULT);
            if ttl == 0 {
                return Err(Reason::NshTtl);
            }
            header.set_ttl(ttl);
        }
        loop {
            let (step_number, step) = match known.take() {
                Some(known) => nth(table, known)?,
                None => step(table, place)?,
            };
            if let Step::Function(f) = *step
                && let Some(function) = table.functions.get(usize::from(f)).filter(|f| f.down)
            {
                place = self.pass_by(function.open, f, place)?;
                continue;
            }
            count(&mut self.steps, step_number);
            match *step {
                Step::Function(f) => {
                    let aware = table.functions.get(usize::from(f)).is_some_and(|f| f.aware);
                    if aware {
                        self.wrap(table, p, place, number)?;
                        let to = table.ports.first().map_or(EtherAddr::default(), |p| p.1);
                        ethernet_before(p, to, to)?;
                    }
                    return Ok(self.give(table, p, f, place, if aware { 0 } else { number }));
                }
                Step::Remote(port, address) => {
                    p.clear_service();
                    self.wrap(table, p, place, number)?;
                    let from = table.ports.get(usize::from(port)).map_or(EtherAddr::default(), |p| p.1);
                    ethernet_before(p, address, from)?;
                    return Ok(port);
                }
                Step::End(port, address) => {
                    p.clear_service();
                    if let Some(address) = address {
                        readdress(p, address, None)?;
                    }
                    return Ok(port);
                }
                Step::Shared(share) => known = Some(shares::bare(table, share, p)?),
            }
        }
    }

    /// A function is down: the place behind it, if it is open.
    #[cold]
    fn pass_by(&mut self, open: bool, f: u16, place: Path) -> Result<Path, Reason> {
        if !open {
            return Err(Reason::FunctionDown);
        }
        count(&mut self.bypassed, f.into());
        Ok(Path::new(place.spi(), place.index().saturating_sub(1)))
    }

    #[inline]
    fn give(&mut self, table: &Table, p: &mut Packet, f: u16, place: Path, number: u32) -> u16 {
        p.set_service(u32::from_be_bytes(place.to_wire()), number);
        count(&mut self.given, f.into());
        table.ports.len() as u16 + f
    }

    /// Takes the header off a frame and keeps it: what is left is an Ethernet frame. Gives the header's number.
    fn put_away(&mut self, p: &mut Packet, place: Path, seed: u32) -> Result<u32, Reason> {
        let at = p.net_off().ok_or(Reason::BadNsh)?;
        let len = header(p)?.0.header_len();
        let bytes = p.data().get(at..at + len).ok_or(Reason::Truncated)?;
        let number = self.saved.keep(place.spi(), bytes, || seed);
        unwrap(p)?;
        Ok(number)
    }

    /// Puts NSH before a frame: the header that was saved, or a new one. What it had was an IP packet is one again.
    fn wrap(&mut self, table: &Table, p: &mut Packet, place: Path, number: u32) -> Result<(), Reason> {
        let mut bytes = [0; nsh::MAX_LEN];
        let len = match self.saved.find(number, place.spi()) {
            Some(saved) => {
                let room = bytes.get_mut(..saved.len()).ok_or(Reason::BadNsh)?;
                room.copy_from_slice(saved);
                saved.len()
            }
            None => {
                self.lost += u64::from(number != 0);
                let (kind, len) = if table.short { (nsh::MD_TLV, nsh::LEN) } else { (nsh::MD_FIXED, nsh::MD1_LEN) };
                let new = Nsh::new(len, kind, nsh::NEXT_ETHERNET, place.spi(), place.index());
                bytes[..nsh::LEN].copy_from_slice(new.as_bytes());
                len
            }
        };
        let bytes = bytes.get_mut(..len).ok_or(Reason::BadNsh)?;
        let (header, _) = Nsh::parse_mut(bytes).map_err(|_| Reason::BadNsh)?;
        header.set_spi(place.spi());
        header.set_index(place.index());
        if header.next_protocol() != nsh::NEXT_ETHERNET {
            let (frame, _) = Ethernet::parse(p.data()).map_err(|_| Reason::BadEthernet)?;
            // A tag, or anything but IP, cannot go back behind a header that says IP.
            if !matches!(frame.ether_type(), ethernet::TYPE_IPV4 | ethernet::TYPE_IPV6) {
                return Err(Reason::BadIp);
            }
            p.strip(ethernet::LEN);
            header.set_next_protocol(ip_next(p)?);
        }
        push(p, bytes)
    }

    /// Packets from port `source`, or from function `source - ports`.
    fn judge(&mut self, table: &Table, source: usize, some: &mut [Packet], outs: &mut [u16], seed: u32) {
        let ports = table.ports.len();
        let function = source.checked_sub(ports).and_then(|f| Some((f, table.functions.get(f)?)));
        if let Some((f, _)) = function
            && let Some(n) = self.returned.get_mut(f)
        {
            *n += some.len() as u64;
        }
        // A short step over the whole batch first: so the caches' misses are on their way at the same time.
        let mut offsets = [None; MAX_BURST];
        some.iter().zip(&mut offsets).for_each(|(p, at)| *at = nsh_offset(p.data()));
        // Which rule matches is found out for the whole batch, and used for those that need it.
        let mut found = [u32::MAX; MAX_BURST];
        let on_path = |p: &Packet| function.is_some() && p.service().is_some();
        if let Some((rules, numbers)) = table.rules.get(source).and_then(|set| table.sets.get(*set))
            && !numbers.is_empty()
            && !some.iter().all(on_path)
        {
            let number = |n: u32| numbers.get(n as usize).copied().unwrap_or(u32::MAX);
            rules.classify_packets(some, Start::Ethernet, &mut found, number);
        }
        for (((p, found), at), out) in some.iter_mut().zip(&found).zip(&offsets).zip(outs) {
            let done = match (function, p.service()) {
                (Some((_, f)), Some((place, number))) if !f.aware => {
                    // RFC 8300 section 2.3: the proxy takes the index down after service.
                    let place = Path::from_wire(place.to_be_bytes());
                    match place.index().checked_sub(1) {
                        Some(index) => self.bare(table, p, Path::new(place.spi(), index), number, None),
                        None => Err(Reason::NshIndex),
                    }
                }
                _ => match *at {
                    Some(at) => self.headed(table, p, at.into(), function.is_none(), seed),
                    None => match table.targets.get(*found as usize) {
                        Some((_, place, step)) => {
                            count(&mut self.rules, *found as usize);
                            self.bare(table, p, *place, 0, Some(*step as usize))
                        }
                        None => {
                            // What came back from a function that is on one path only goes on there.
                            let on = function.filter(|(_, f)| f.detached).and_then(|(_, f)| f.only);
                            if let Some(place) = on {
                                let next = Path::new(place.spi(), place.index().saturating_sub(1));
                                *out = self.bare(table, p, next, 0, None).unwrap_or_else(end);
                                continue;
                            }
                            self.foreign += 1;
                            match table.foreign {
                                Foreign::Pass if function.is_none() => Ok(1 - source as u16),
                                _ => Err(Reason::Unmatched),
                            }
                        }
                    },
                },
            };
            *out = done.unwrap_or_else(end);
        }
    }
}

/// What comes next at a place, and the step's number.
#[inline]
fn step(table: &Table, place: Path) -> Result<(usize, &Step), Reason> {
    // RFC 8300 section 2.3: neither is forwarded.
    if place.index() == 0 {
        return Err(Reason::NshIndex);
    }
    nth(table, *table.places.get(place).ok_or(Reason::NshPath)? as usize)
}

/// The step of this number.
#[inline]
fn nth(table: &Table, number: usize) -> Result<(usize, &Step), Reason> {
    table.steps.get(number).map(|s| (number, &s.1)).ok_or(Reason::NshPath)
}

/// Where a packet that goes no further is: as its header says, or where the function was that it came from.
fn place(p: &Packet) -> Option<Path> {
    match nsh_offset(p.data()) {
        Some(at) => p.view::<{ nsh::LEN }>(at.into()).map(|&[.., a, b, c, d]| Path::from_wire([a, b, c, d])),
        None => p.service().map(|(place, _)| Path::from_wire(place.to_be_bytes())),
    }
}

/// Takes everything through the NSH header off. An inner packet that is no frame gets the outer frame's addresses.
fn unwrap(p: &mut Packet) -> Result<(), Reason> {
    let outer: [u8; 12] = *p.view(0).ok_or(Reason::Truncated)?;
    let kind = match decap(p)? {
        nsh::NEXT_ETHERNET => return Ok(()),
        nsh::NEXT_IPV4 => ethernet::TYPE_IPV4,
        nsh::NEXT_IPV6 => ethernet::TYPE_IPV6,
        _ => return Err(Reason::NshNext),
    };
    let kind = kind.to_be_bytes();
    p.data_mut().ok_or(Reason::NoBuffer)?;
    if !p.push(ethernet::LEN) {
        return Err(Reason::NoHeadroom);
    }
    let room = p.view_mut::<{ ethernet::LEN }>(0).ok_or(Reason::NoBuffer)?;
    room[..12].copy_from_slice(&outer);
    room[12..].copy_from_slice(&kind);
    p.set_mac_off(0);
    Ok(())
}

/// Sets the destination of the frame, and its source if one is given.
fn readdress(p: &mut Packet, to: EtherAddr, from: Option<EtherAddr>) -> Result<(), Reason> {
    let room = p.view_mut::<12>(0).ok_or(Reason::NoBuffer)?;
    room[..6].copy_from_slice(&to.0);
    if let Some(from) = from {
        room[6..].copy_from_slice(&from.0);
    }
    Ok(())
}

/// Puts an Ethernet header of NSH's type before a packet.
fn ethernet_before(p: &mut Packet, to: EtherAddr, from: EtherAddr) -> Result<(), Reason> {
    if !p.push(ethernet::LEN) {
        return Err(Reason::NoHeadroom);
    }
    let room = p.view_mut::<{ ethernet::LEN }>(0).ok_or(Reason::NoBuffer)?;
    room.copy_from_slice(Ethernet::new(to, from, ethernet::TYPE_NSH).as_bytes());
    p.set_mac_off(0);
    Ok(())
}

impl Element for StructuralAgent {
    fn process(&mut self, cx: &mut Context<'_>, port: usize, batch: &mut Batch) {
        let StructuralAgent { table, state, log } = self;
        let seed = if state.saved.is_empty() { cx.random() } else { 0 };
        cx.scatter_many(
            batch,
            |some, outs| state.judge(table, port, some, outs, seed),
            |cx, p, why| {
                if why == CONSUMED {
                    return cx.consume(p);
                }
                let why = Reason::ALL.get(usize::from(why.wrapping_sub(FIRST_END))).copied();
                let why = why.unwrap_or(Reason::Unmatched);
                // RFC 8300 sections 2.2 and 2.3: who discards these logs it.
                let what = match why {
                    Reason::NshVersion => Some("bad NSH version"),
                    Reason::NshPath => Some("nothing comes next on an NSH path"),
                    Reason::NshIndex => Some("the NSH service index is 0, or did not go down"),
                    _ => None,
                };
                if let Some(what) = what {
                    match place(&p) {
                        Some(place) => log.say(cx, format_args!("{what}: {place}")),
                        None => log.say(cx, format_args!("{what}")),
                    }
                }
                cx.drop(p, why);
            },
        );
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        let Some(old) = old.downcast_mut::<Self>() else { return };
        self.log = old.log;
        let (StructuralAgent { table: new, state, .. }, StructuralAgent { table: was, state: old, .. }) = (self, old);
        core::mem::swap(&mut state.saved, &mut old.saved);
        (state.lost, state.foreign) = (old.lost, old.foreign);
        // Counts stay with the names.
        carry_rules(new, &mut state.rules, was, &old.rules);
        carry_steps(new, &mut state.steps, was, &old.steps);
        for (to, from) in
            [(&mut state.given, &old.given), (&mut state.returned, &old.returned), (&mut state.bypassed, &old.bypassed)]
        {
            for (to, function) in to.iter_mut().zip(&new.functions) {
                let at = was.functions.iter().position(|f| f.name == function.name);
                *to = at.and_then(|n| from.get(n)).copied().unwrap_or(0);
            }
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        let StructuralAgent { table, state, .. } = self;
        let mut out = String::new();
        let functions = |of: &[u64]| {
            of.iter().zip(&table.functions).fold(String::new(), |all, (n, f)| format!("{all}{n}\t{}\n", f.name))
        };
        match handler {
            "rules" => {
                for (n, (name, to, _)) in state.rules.iter().zip(&table.targets) {
                    let _ = writeln!(out, "{n}\t{name}\t{to}"); // a string takes everything
                }
            }
            "paths" => {
                for (n, (place, step)) in table.steps.iter().take(table.places.len()).enumerate() {
                    let _ = writeln!(out, "{}\t{place}\t{}", passed(table, &state.steps, n), table.describe(*step));
                    let Step::Shared(share) = step else { continue };
                    let Some(share) = table.shares.get(*share as usize) else { continue };
                    for (k, (at, m)) in (1..).zip(share.steps().zip(&share.members)) {
                        let n = passed(table, &state.steps, at);
                        let _ = writeln!(out, "{n}\t{place}/{k}\t{}\t{}", table.describe(m.step), m.weight);
                    }
                }
            }
            "given" => out = functions(&state.given),
            "returned" => out = functions(&state.returned),
            "bypassed" => out = functions(&state.bypassed),
            "foreign" => out = format!("{}", state.foreign),
            "headers_lost" => out = format!("{}", state.lost),
            _ => return Err(HandlerError::NoHandler(handler.into())),
        }
        Ok(out)
    }
}
