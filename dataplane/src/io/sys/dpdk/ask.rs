//! What a running port says of itself, and what may be changed of it: for handlers.
use super::c;
use super::device::{self, Device, checked};
use super::mempool::Mempool;
use crate::args::{FromArg as _, NameDb};
use crate::wire::EtherAddr;
use std::ffi::{CStr, c_int};
use std::mem::zeroed;

impl Device {
    /// What the port says about `what`, a word as the handlers of the elements have it.
    pub fn read(&self, what: &str) -> Option<String> {
        let s = || self.stats();
        Some(match what {
            "hw_count" => s().ipackets.to_string(),
            "hw_dropped" => self.missed().to_string(),
            "hw_errors" => s().ierrors.to_string(),
            "in_bytes" => s().ibytes.to_string(),
            "hw_sent" => s().opackets.to_string(),
            "hw_send_errors" => s().oerrors.to_string(),
            "out_bytes" => s().obytes.to_string(),
            "xstats" => self.xstats().iter().map(|(name, value)| format!("{name}\t{value}\n")).collect(),
            "mac" => device::mac(self.name())?.to_string(),
            "carrier" => self.link().0.to_string(),
            "speed" => self.link().1.to_string(),
            "duplex" => if self.link().2 { "full" } else { "half" }.into(),
            "mtu" => self.mtu()?.to_string(),
            // SAFETY: the port exists.
            "promisc" => (unsafe { c::rte_eth_promiscuous_get(self.id()) } == 1).to_string(),
            "device" => self.name().to_string(),
            "driver" => self.driver(),
            "nb_rx_queues" => self.rx_queues().to_string(),
            "nb_tx_queues" => self.tx_queues().to_string(),
            _ => return None,
        })
    }

    /// Changes what the driver allows to change: `mtu`, `mac`, `promisc`, `carrier`, and `reset_hw_counts`.
    ///
    /// # Errors
    /// The value is none, or the driver refuses.
    pub fn write(&self, what: &str, value: &str) -> Result<(), String> {
        let name = self.name();
        let flag = || bool::from_arg(value.trim(), &NameDb::new());
        // SAFETY: the port exists; each call checks what it is given.
        let number = unsafe {
            match what {
                "mtu" => {
                    let mtu: u16 = value.trim().parse().map_err(|_| format!("‘{value}’ is no MTU"))?;
                    let longest = Mempool::get().map_or(0, |pool| pool.longest_frame());
                    if usize::from(mtu) + 14 > longest {
                        return Err(format!("{name}: MTU must be at most {}", longest.saturating_sub(14)));
                    }
                    c::rte_eth_dev_set_mtu(self.id(), mtu)
                }
                "mac" => {
                    let mac: EtherAddr =
                        value.trim().parse().map_err(|_| format!("‘{value}’ is no Ethernet address"))?;
                    let mut bytes = c::rte_ether_addr { addr_bytes: mac.0 };
                    let number = c::rte_eth_dev_default_mac_addr_set(self.id(), &mut bytes);
                    if number == 0 {
                        self.set_mac(mac); // frames to it are for this host now
                    }
                    number
                }
                "promisc" => match flag()? {
                    true => c::rte_eth_promiscuous_enable(self.id()),
                    false => c::rte_eth_promiscuous_disable(self.id()),
                },
                "carrier" => match flag()? {
                    true => c::rte_eth_dev_set_link_up(self.id()),
                    false => c::rte_eth_dev_set_link_down(self.id()),
                },
                "reset_hw_counts" => {
                    c::rte_eth_xstats_reset(self.id());
                    c::rte_eth_stats_reset(self.id())
                }
                _ => return Err(format!("{name}: {what} cannot be changed")),
            }
        };
        checked(number, &format!("{name}: {what}")).map(drop)
    }

    fn mtu(&self) -> Option<u16> {
        let mut mtu = 0;
        // SAFETY: the port exists.
        (unsafe { c::rte_eth_dev_get_mtu(self.id(), &mut mtu) } == 0).then_some(mtu)
    }

    pub(super) fn driver(&self) -> String {
        // SAFETY: plain data; the driver's name is a C string that stays.
        unsafe {
            let mut info: c::rte_eth_dev_info = zeroed();
            if c::rte_eth_dev_info_get(self.id(), &mut info) != 0 || info.driver_name.is_null() {
                return String::new();
            }
            CStr::from_ptr(info.driver_name).to_string_lossy().into_owned()
        }
    }

    /// The driver's own counters, by name.
    fn xstats(&self) -> Vec<(String, u64)> {
        // SAFETY: the arrays are as long as is said; what is not written stays zero, an empty name.
        unsafe {
            let count = c::rte_eth_xstats_get_names(self.id(), std::ptr::null_mut(), 0).max(0) as usize;
            let mut names: Vec<c::rte_eth_xstat_name> = vec![zeroed(); count];
            let mut values: Vec<c::rte_eth_xstat> = vec![zeroed(); count];
            let named = c::rte_eth_xstats_get_names(self.id(), names.as_mut_ptr(), count as u32);
            let got = c::rte_eth_xstats_get(self.id(), values.as_mut_ptr(), count as u32);
            let there = named.min(got).clamp(0, count as c_int) as usize;
            let text = |n: &c::rte_eth_xstat_name| CStr::from_ptr(n.name.as_ptr()).to_string_lossy().into_owned();
            values[..there].iter().filter_map(|v| Some((text(names.get(v.id as usize)?), v.value))).collect()
        }
    }
}
