//! Answers ARP requests.
use super::frame;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use sluice_dataplane::args::{Args, EtherAddr, FromArg, Ipv4Prefix, NameDb};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Arg, Handler, Info};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::ethernet::TYPE_ARP;
use sluice_dataplane::wire::{Arp, Ethernet, Malformed, arp};

/// Answers ARP requests.
pub struct ARPResponder {
    /// A network stands before those that it lies in.
    entries: Vec<(Ipv4Prefix, EtherAddr)>,
    names: NameDb,
}

impl Configure for ARPResponder {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        live: true,
        args: &[Arg::rest("IP/MASK [IP/MASK ...] ETH", "networks and an Ethernet address", "what to answer for them")],
        handlers: &[
            Handler::read("table", "a line for each network: the network and its Ethernet address"),
            Handler::read("lookup", "the Ethernet address that is answered for an IP address"),
            Handler::write("add", "adds networks, written as an argument"),
            Handler::write("remove", "removes a network: IP/MASK"),
        ],
        doc: "Answers ARP requests (RFC 826), which include their Ethernet header, for the addresses in the networks of its \
              arguments with the Ethernet address that stands behind them; of several networks the smallest counts. \
              So it answers for one host, for many (proxy ARP, RFC 1027), or with `0/0 ETH` for all. The answer takes \
              over the request's device and VLAN annotations.\n\nA name of AddressInfo may stand for a network and an \
              Ethernet address. What is not answered goes to output 1 if that is connected, else it is dropped: \
              malformed messages as `bad_arp` or `truncated`, others as `unmatched`.",
        example: "InfiniteSource(LIMIT 5) -> ARPResponder(10.0.0.1 10.1.0.0/16 2:0:0:0:0:1, 10.2.0.0/16 2:0:0:0:0:2) -> Discard;",
        see: &["ARPQuerier", "CheckARPHeader"],
        ..Info::new("ARPResponder", "arp", "answers ARP requests")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let names = args.names().clone();
        let mut new = ARPResponder { entries: Vec::new(), names };
        for (i, text) in args.rest_strings().iter().enumerate() {
            match parse(text, &new.names) {
                Ok(all) => all.into_iter().for_each(|(net, ether)| {
                    if new.insert(net, ether) {
                        env.warn(format!("multiple entries for {net}"));
                    }
                }),
                Err(why) => args.error(format!("argument {i}: {why}")),
            }
        }
        new
    }
}

/// A network; a name that stands for an address too means the address.
fn network(word: &str, names: &NameDb) -> Option<Ipv4Prefix> {
    let bare = Ipv4Addr::from_arg(word, names).map(|a| Ipv4Prefix::new(a, 32));
    let net = bare.or_else(|_| Ipv4Prefix::from_arg(word, names)).ok()?;
    Some(Ipv4Prefix { addr: net.network(), ..net })
}

/// `IP/MASK [IP/MASK ...] ETH`, in any order.
fn parse(text: &str, names: &NameDb) -> Result<Vec<(Ipv4Prefix, EtherAddr)>, &'static str> {
    let (mut nets, mut ether) = (Vec::new(), None);
    for word in text.split_whitespace() {
        if let Some(net) = network(word, names) {
            nets.push(net);
        } else if let Ok(e) = EtherAddr::from_arg(word, names) {
            if ether.replace(e).is_some() {
                return Err("more than one ETH");
            }
        } else {
            return Err("expected IP/MASK ETH");
        }
    }
    // One word may be the name of both.
    let ether = ether.or_else(|| text.split_whitespace().find_map(|w| EtherAddr::from_arg(w, names).ok()));
    if nets.is_empty() {
        return Err("missing IP/MASK");
    }
    let ether = ether.ok_or("missing ETH")?;
    Ok(nets.into_iter().map(|net| (net, ether)).collect())
}

impl ARPResponder {
    /// Adds a network; true if it replaced the same one.
    fn insert(&mut self, net: Ipv4Prefix, ether: EtherAddr) -> bool {
        if let Some(known) = self.entries.iter_mut().find(|e| e.0 == net) {
            known.1 = ether;
            return true;
        }
        let inside = |outer: &Ipv4Prefix| {
            let (o, n) = (u32::from(outer.mask), u32::from(net.mask));
            o & n == o && outer.contains(net.addr)
        };
        let at = self.entries.iter().position(|(outer, _)| inside(outer)).unwrap_or(self.entries.len());
        self.entries.insert(at, (net, ether));
        false
    }

    fn lookup(&self, ip: Ipv4Addr) -> Option<EtherAddr> {
        self.entries.iter().find(|(net, _)| net.contains(ip)).map(|e| e.1)
    }

    /// The answer to a request.
    fn answer(&self, p: &Packet) -> Result<(EtherAddr, Arp), Reason> {
        let (header, rest) = Ethernet::parse(p.data()).map_err(|_| Reason::Truncated)?;
        if header.ether_type() != TYPE_ARP {
            return Err(Reason::Unmatched);
        }
        let (request, _) = Arp::parse(rest).map_err(|why| match why {
            Malformed::Truncated => Reason::Truncated,
            Malformed::Unsupported => Reason::Unmatched,
            _ => Reason::BadArp,
        })?;
        let ip = request.target_ip();
        let ether = self.lookup(ip).filter(|_| request.operation() == arp::OP_REQUEST).ok_or(Reason::Unmatched)?;
        let asker = (request.sender_ether(), request.sender_ip());
        Ok((asker.0, Arp::new(arp::OP_REPLY, (ether, ip), asker)))
    }
}

impl Element for ARPResponder {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let mut out = cx.spare();
        for p in batch.drain() {
            match self.answer(&p) {
                Ok((to, message)) => {
                    if let Some(mut q) = frame(cx, to, &message) {
                        q.set_port(p.port());
                        q.set_vlan_tci(p.vlan_tci());
                        q.join_trace(&p);
                        out.push(q);
                    }
                    cx.consume(p);
                }
                Err(why) => cx.emit_or_drop(1, p, why),
            }
        }
        out.append_to(batch);
        cx.give_spare(out);
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, parameter: &str) -> Reply {
        if handler == "table" {
            let line = |text: String, (net, ether): &(Ipv4Prefix, EtherAddr)| text + &format!("{} {ether}\n", net);
            return Ok(self.entries.iter().fold(String::new(), line));
        }
        let ip = Ipv4Addr::from_arg(parameter.trim(), &self.names).map_err(|_| "expected IP address")?;
        Ok(self.lookup(ip).map_or(String::new(), |e| e.to_string()))
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        if handler == "add" {
            for (net, ether) in parse(text, &self.names)? {
                self.insert(net, ether);
            }
            return Ok(());
        }
        let net = network(text.trim(), &self.names).ok_or("expected IP/MASK")?;
        let at = self.entries.iter().position(|e| e.0 == net).ok_or_else(|| format!("{} not found", net))?;
        self.entries.remove(at);
        Ok(())
    }
}
