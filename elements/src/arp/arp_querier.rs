//! Finds the Ethernet address of next hops, and puts headers on packets.
use super::cache::{self, Cache, Limits, mapping};
use super::host::Host;
use alloc::format;
use alloc::string::ToString;
use alloc::sync::Arc;
use core::any::Any;
use core::net::Ipv4Addr;
use sluice_dataplane::args::{Args, ElementRef, EtherAddr, FromArg, Interval, Ipv4Prefix, Raw};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element, Note};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info, State};
use sluice_dataplane::lock::Lock;
use sluice_dataplane::merge::Merge;
use sluice_dataplane::packet::Packet;

/// Finds the Ethernet address of next hops, and puts headers on packets.
pub struct ARPQuerier {
    host: Host,
    table: Arc<Lock<Cache>>,
    /// The table is this element's own, not that of an ARPTable.
    own: bool,
    /// The timer that removes expired entries is set.
    armed: bool,
}

impl Configure for ARPQuerier {
    const INFO: &'static Info = &Info {
        ports: "2/1-2",
        flow: "h/h",
        live: true,
        state: State::ReplicatedTable,
        args: &[
            Arg::required("IP", "IP address or network", "this host's address"),
            Arg::required("ETH", "Ethernet address", "this host's Ethernet address"),
            Arg::keyword(
                "TABLE",
                "element",
                "",
                "the ARPTable to use; then the arguments that limit a table count for nothing",
            ),
            cache::ARGS[0],
            cache::ARGS[1],
            cache::ARGS[2],
            cache::ARGS[3],
            cache::ARGS[4],
            Arg::keyword(
                "POLL_TIMEOUT",
                "seconds",
                "60",
                "age from which on a used entry is asked for again; 0 for never",
            ),
            Arg::keyword("BROADCAST", "IP address", "from IP", "the local network's broadcast address"),
            Arg::keyword(
                "BROADCAST_POLL",
                "boolean",
                "false",
                "such queries are broadcast, not sent to the known address",
            ),
        ],
        handlers: &[
            Handler::both("ipaddr", "this host's address"),
            Handler::both("broadcast", "the local network's broadcast address"),
            Handler::read("table", "the table, as ARPTable's"),
            Handler::read("stats", "packets dropped and queries sent, as text").merged(Merge::Column(0, ' ')),
            Handler::read("queries", "queries sent").merged(Merge::Sum),
            Handler::read("responses", "replies received").merged(Merge::Sum),
            Handler::read("drops", "packets dropped, those of the table apart").merged(Merge::Sum),
            Handler::read("count", "entries of the table"),
            Handler::read("length", "packets that wait").merged(Merge::Sum),
            Handler::write("insert", "sets an entry: IP ETH"),
            Handler::write("delete", "forgets the address of an IP address"),
            Handler::write("clear", "empties the table, drops what waits, and sets all counts to 0"),
        ],
        doc: "Takes IP packets on input 0 and finds out by ARP (RFC 826) to which Ethernet address they go; the next hop is \
              the destination annotation. Packets for a known address leave on output 0 with an Ethernet header. Others \
              wait in the table while a query goes out, on the last output. Replies, with their Ethernet header, \
              arrive on input 1; what waited for them leaves on output 0.\n\nPackets to 255.255.255.255 and to the local \
              broadcast address go to FF-FF-FF-FF-FF-FF, those to a multicast group to its address (RFC 1112), \
              those to 0.0.0.0 are dropped. At most ten queries a second are sent for one address. A packet that \
              waits too long is dropped as `unresolved`, one for which there is no room as `queue_full`.\n\nWith several \
              workers each has a table, with packets of its own that wait; replies that one gets are told to the others.\n\nWith one \
              argument, a name, that name stands for both addresses (AddressInfo).",
        example: "InfiniteSource(LIMIT 5) -> q :: ARPQuerier(10.0.0.1/24, 2:0:0:0:0:1) -> Discard; q[1] -> \
                  ARPResponder(10.0.0.0/24 2:0:0:0:0:2) -> [1]q;",
        see: &["ARPTable", "ARPResponder"],
        ..Info::new("ARPQuerier", "arp", "finds Ethernet addresses by ARP and puts headers on packets")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let limits = Limits::configure(args);
        let name = args.keyword_some::<ElementRef>("TABLE");
        let poll = args.keyword("POLL_TIMEOUT", Interval(60_000_000_000)).0.div_ceil(1_000_000);
        let broadcast = args.keyword_some("BROADCAST");
        let broadcast_poll = args.keyword("BROADCAST_POLL", false);
        args.consume();
        let (ip, ether) = addresses(args);
        let table = name.as_ref().and_then(|name| {
            let shared = env.shared_of(&name.0, "ARPTable");
            if shared.is_none() {
                args.error(format!("TABLE: ‘{}’ is no ARPTable element", name.0));
            }
            shared
        });
        let broadcast = broadcast.unwrap_or_else(|| match u32::from(ip.addr) | !u32::from(ip.mask) {
            all if all == u32::from(ip.addr) => Ipv4Addr::BROADCAST,
            all => all.into(),
        });
        let mut host = Host::new(ip.addr, ether, broadcast);
        (host.poll, host.broadcast_poll) = (poll, broadcast_poll);
        let own = name.is_none();
        ARPQuerier { host, table: table.unwrap_or_else(|| Arc::new(Lock::new(Cache::new(limits)))), own, armed: false }
    }
}

/// `IP, ETH`, or one name for both.
fn addresses(args: &mut Args<'_>) -> (Ipv4Prefix, EtherAddr) {
    if args.left() != 1 || args.has("IP") || args.has("ETH") {
        let ip = args.required::<Raw>("IP").0;
        return (prefix(args, &ip), args.required("ETH"));
    }
    let name = args.required::<Raw>("IP").0;
    let ip = prefix(args, &name);
    let ether = EtherAddr::from_arg(&name, args.names());
    (
        ip,
        ether.unwrap_or_else(|_| {
            args.error_in("ETH", "required argument missing");
            EtherAddr::ZERO
        }),
    )
}

/// An address with the mask of its network. A name may stand for an address and for a network: then
/// the address is taken from the one, the mask from the other.
fn prefix(args: &mut Args<'_>, text: &str) -> Ipv4Prefix {
    match Ipv4Prefix::from_arg(text, args.names()) {
        Ok(p) => Ipv4Prefix { addr: Ipv4Addr::from_arg(text, args.names()).unwrap_or(p.addr), ..p },
        Err(why) => {
            if !text.is_empty() {
                args.error_in("IP", &why);
            }
            Ipv4Prefix::blank()
        }
    }
}

impl ARPQuerier {
    /// Sets the timer that removes expired entries, if there may be some one day.
    fn arm(&mut self, cx: &mut Context<'_>) {
        let sweep = self.table.with(|t| if t.count() > 0 { t.limits.sweep() } else { None });
        if let Some(ms) = sweep {
            self.armed = true;
            let now = cx.now();
            cx.timer_at(now.saturating_add(ms.saturating_mul(1_000_000)));
        }
    }
    fn sweep(&mut self, cx: &mut Context<'_>) {
        let now = cx.now() / 1_000_000;
        self.table.with(|t| t.slim(now, (0, 0), &mut |p, why| cx.drop(p, why)));
        self.arm(cx);
    }
}

impl Element for ARPQuerier {
    fn process(&mut self, cx: &mut Context<'_>, port: usize, batch: &mut Batch) {
        let ARPQuerier { host, table, .. } = self;
        table.with(|table| match port {
            0 => host.packets(cx, table, batch),
            _ => host.replies(cx, table, batch),
        });
        if !self.armed {
            self.arm(cx);
        }
    }
    fn start(&mut self, cx: &mut Context<'_>) {
        // No search yet: entries that a swap brought remember, though expired, when they were asked for.
        self.arm(cx);
    }
    fn timer(&mut self, cx: &mut Context<'_>, _batch: &mut Batch) {
        self.armed = false;
        self.sweep(cx);
    }
    fn learn(&mut self, cx: &mut Context<'_>, note: &Note, batch: &mut Batch) {
        let ARPQuerier { host, table, .. } = self;
        table.with(|table| host.hear(cx, table, note, batch));
        if !self.armed {
            self.arm(cx);
        }
    }
    fn held(&self) -> usize {
        if self.own { self.table.with(|t| t.packets()) } else { 0 }
    }
    fn release(&mut self) -> Option<Packet> {
        if self.own { self.table.with(|t| t.release()) } else { None }
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        let Some(old) = old.downcast_mut::<ARPQuerier>() else { return };
        (self.host.queries, self.host.responses, self.host.drops) =
            (old.host.queries, old.host.responses, old.host.drops);
        // Entries of another address may be another network's.
        let same = (self.host.ip, self.host.ether) == (old.host.ip, old.host.ether);
        if same && self.own && old.own {
            self.table.with(|new| old.table.with(|old| new.take(old)));
        }
    }
    fn read(&mut self, cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        let host = &self.host;
        let now = cx.now() / 1_000_000;
        self.table.with(|t| {
            Ok(match handler {
                "ipaddr" => host.ip.to_string(),
                "broadcast" => host.broadcast.to_string(),
                "table" => t.table(now),
                "stats" => format!("{} packets killed\n{} ARP queries sent\n", host.drops + t.drops, host.queries),
                "queries" => host.queries.to_string(),
                "responses" => host.responses.to_string(),
                "drops" => host.drops.to_string(),
                "count" => t.count().to_string(),
                "length" => t.packets().to_string(),
                _ => return Err(HandlerError::NoHandler(handler.into())),
            })
        })
    }
    fn write(&mut self, cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        match handler {
            "ipaddr" => self.host.ip = value(text, handler)?,
            "broadcast" => self.host.broadcast = value(text, handler)?,
            "insert" => {
                let (ip, ether) = mapping(text)?;
                self.insert(cx, ip, ether);
            }
            "delete" => {
                let ip = value(text, handler)?;
                self.table.with(|t| t.delete(ip));
            }
            _ => {
                (self.host.queries, self.host.responses, self.host.drops) = (0, 0, 0);
                self.table.with(|t| t.clear(&mut |p, why| cx.drop(p, why)));
            }
        }
        Ok(())
    }
}

impl ARPQuerier {
    /// An entry set by hand answers for those that wait, too.
    fn insert(&mut self, cx: &mut Context<'_>, ip: Ipv4Addr, ether: EtherAddr) {
        let now = cx.now() / 1_000_000;
        let ARPQuerier { host, table, .. } = self;
        let mut out = cx.spare();
        table.with(|t| {
            t.insert(ip, ether, now, &mut |p, why| cx.drop(p, why));
            if !ether.is_broadcast() {
                t.take_waiting(ip).into_iter().for_each(|p| host.send(cx, p, ether, &mut out));
            }
        });
        out.drain().for_each(|p| cx.emit(0, p));
        cx.give_spare(out);
        if !self.armed {
            self.arm(cx);
        }
    }
}
