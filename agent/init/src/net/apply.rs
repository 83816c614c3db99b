//! Makes the interface what it should be: takes away what is no longer planned, adds what is new or got lost.
use super::plan::{Plan, Planned};
use rustix::io::Errno;
use sluice_netlink::{Address, Netlink};
use std::time::Duration;

/// What was set so far.
#[derive(Debug, Default)]
pub(super) struct Applied {
    plan: Plan,
    /// Routes may have got lost with the link.
    routes_lost: bool,
}

impl Applied {
    /// The interface was down: the kernel forgets routes then.
    pub(super) fn lose_routes(&mut self) {
        self.routes_lost = true;
    }

    /// `held`: the addresses that the interface has. What failed is told in `failures`, and done again at the next call.
    /// True if the addresses were changed.
    pub(super) fn apply(
        &mut self,
        now: Duration,
        netlink: &mut Netlink,
        index: u32,
        held: &[Address],
        plan: Plan,
        failures: &mut Vec<String>,
    ) -> bool {
        for route in self.plan.routes.iter().filter(|route| !plan.routes.contains(route)) {
            let _ = netlink.remove_route(index, route); // it may be gone with its address
        }
        let same = |a: &Planned, b: &Planned| (a.ip, a.prefix) == (b.ip, b.prefix);
        let mut changed = false;
        for old in &self.plan.addresses {
            if !plan.addresses.iter().any(|new| same(old, new)) {
                let _ = netlink.remove_address(index, old.ip, old.prefix); // it may have expired
                changed = true;
            }
        }
        let before = failures.len();
        if let Some(mtu) = plan.mtu
            && self.plan.mtu != plan.mtu
        {
            note(netlink.set_mtu(index, mtu), || format!("the MTU of {mtu} bytes cannot be set"), failures);
        }
        let mtu = plan.mtu.filter(|_| failures.len() == before);
        let before = failures.len();
        for new in &plan.addresses {
            let there = held.iter().any(|held| (held.ip, held.prefix) == (new.ip, new.prefix));
            if there && self.plan.addresses.contains(new) {
                continue;
            }
            let left = |time: Option<Duration>| time.map(|time| time.saturating_sub(now));
            let address = Address {
                ip: new.ip,
                prefix: new.prefix,
                preferred: left(new.preferred),
                valid: left(new.valid),
                tentative: false,
                duplicate: false,
            };
            let what = || format!("the address {}/{} cannot be set", new.ip, new.prefix);
            note(netlink.put_address(index, &address), what, failures);
            changed = true;
        }
        if changed || self.routes_lost || failures.len() > before || self.plan.routes != plan.routes {
            let sound = failures.len();
            for route in &plan.routes {
                let what = || match route.gateway {
                    Some(gateway) => format!("the route to {}/{} by {gateway} cannot be set", route.to, route.prefix),
                    None => format!("the route to {}/{} cannot be set", route.to, route.prefix),
                };
                note(netlink.put_route(index, route), what, failures);
            }
            self.routes_lost = failures.len() > sound;
        }
        self.plan = Plan { mtu, ..plan };
        changed
    }
}

fn note(result: Result<(), Errno>, what: impl FnOnce() -> String, failures: &mut Vec<String>) {
    if let Err(error) = result {
        failures.push(format!("{} ({error})", what()));
    }
}
