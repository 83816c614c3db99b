//! An ARP table that several ARPQueriers use.
use super::cache::{self, Cache, Limits, mapping};
use alloc::format;
use alloc::sync::Arc;
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Handler, Info, State};
use sluice_dataplane::lock::Lock;
use sluice_dataplane::merge::Merge;
use sluice_dataplane::packet::Packet;

/// An ARP table that several ARPQueriers use.
pub struct ARPTable {
    limits: Limits,
    table: Arc<Lock<Cache>>,
}

impl Configure for ARPTable {
    const INFO: &'static Info = &Info {
        ports: "0/0",
        live: true,
        state: State::ReplicatedTable,
        args: &cache::ARGS,
        handlers: &[
            Handler::read(
                "table",
                "a line for each entry: IP address, 1 if known, Ethernet address, seconds since the last news",
            ),
            Handler::read("drops", "packets dropped for want of an answer or of room").merged(Merge::Sum),
            Handler::read("count", "entries"),
            Handler::read("length", "packets that wait").merged(Merge::Sum),
            Handler::write("insert", "sets an entry: IP ETH"),
            Handler::write("delete", "forgets the address of an IP address"),
            Handler::write("clear", "removes all entries and drops what waits"),
        ],
        doc: "Holds the addresses that ARPQuerier elements with TABLE find out, and the packets that wait for one. An \
              ARPQuerier without TABLE has a table of its own.",
        example: "t :: ARPTable(TIMEOUT 60); InfiniteSource(LIMIT 5) -> q :: ARPQuerier(10.0.0.1, 2:0:0:0:0:1, TABLE t) \
                  -> Discard; q[1] -> ARPResponder(10.0.0.0/24 2:0:0:0:0:2) -> [1]q;",
        see: &["ARPQuerier"],
        ..Info::new("ARPTable", "arp", "an ARP table that several ARPQueriers use")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        ARPTable { limits: Limits::configure(args), table: env.share() }
    }
}

impl ARPTable {
    fn sweep(&mut self, cx: &mut Context<'_>) {
        let now = cx.now() / 1_000_000;
        self.table.with(|t| t.slim(now, (0, 0), &mut |p, why| cx.drop(p, why)));
        self.arm(cx);
    }
    /// Sets the timer that removes expired entries, if there may be some one day.
    fn arm(&mut self, cx: &mut Context<'_>) {
        if let Some(ms) = self.table.with(|t| if t.count() > 0 { t.limits.sweep() } else { None }) {
            let now = cx.now();
            cx.timer_at(now.saturating_add(ms.saturating_mul(1_000_000)));
        }
    }
}

impl Element for ARPTable {
    fn start(&mut self, cx: &mut Context<'_>) {
        self.table.with(|t| t.limits = self.limits);
        // No search yet: entries that a swap brought remember, though expired, when they were asked for.
        self.arm(cx);
    }
    fn timer(&mut self, cx: &mut Context<'_>, _batch: &mut Batch) {
        self.sweep(cx);
    }
    fn held(&self) -> usize {
        self.table.with(|t| t.packets())
    }
    fn release(&mut self) -> Option<Packet> {
        self.table.with(|t| t.release())
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        let Some(old) = old.downcast_mut::<ARPTable>() else { return };
        if !Arc::ptr_eq(&self.table, &old.table) {
            self.table.with(|new| old.table.with(|old| new.take(old)));
        } else {
            // New arguments for a running table. The old element must not give up what it holds.
            old.table = Arc::default();
        }
        self.table.with(|t| t.limits = self.limits);
    }
    fn read(&mut self, cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        let now = cx.now() / 1_000_000;
        self.table.with(|t| {
            Ok(match handler {
                "table" => t.table(now),
                "drops" => format!("{}", t.drops),
                "count" => format!("{}", t.count()),
                _ => format!("{}", t.packets()),
            })
        })
    }
    fn write(&mut self, cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        let now = cx.now() / 1_000_000;
        match handler {
            "insert" => {
                let (ip, ether) = mapping(text)?;
                self.table.with(|t| t.insert(ip, ether, now, &mut |p, why| cx.drop(p, why)));
                self.sweep(cx);
            }
            "delete" => {
                let ip = value(text, handler)?;
                self.table.with(|t| t.delete(ip));
            }
            _ => self.table.with(|t| t.clear(&mut |p, why| cx.drop(p, why))),
        }
        Ok(())
    }
}
