//! One port of DPDK: found by name, configured once with all its queues, started, and from then on asked.
use super::mempool::Mempool;
use super::{c, error_text, log};
use crate::port::Spread;
use crate::wire::EtherAddr;
use std::ffi::{CStr, CString, c_int};
use std::mem::zeroed;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize};

/// "Toeplitz hash of both directions of a flow is the same" with this key, repeated: Woo and Park, "Scalable TCP
/// Session Monitoring with Symmetric Receive-side Scaling" (2012).
const SYMMETRIC: [u8; 2] = [0x6d, 0x5a];
/// Longest key that a driver may ask for, bytes.
const LONGEST_KEY: usize = 255;

/// How a port is to be set up.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Receiving queues, at least 1.
    pub rx_queues: u16,
    /// Sending queues, at least 1.
    pub tx_queues: u16,
    /// Descriptors of a receiving queue, if not the default.
    pub rx_descriptors: Option<u16>,
    /// Descriptors of a sending queue, if not the default.
    pub tx_descriptors: Option<u16>,
    /// Receive frames for other hosts too.
    pub promiscuous: bool,
    /// Largest packet behind the Ethernet header, bytes, if it is to be set.
    pub mtu: Option<u16>,
    /// Spreading over the queues.
    pub spread: Spread,
    /// Have the device check the checksums of received packets.
    pub checksum: bool,
    /// Have the device take the VLAN tag off.
    pub vlan_strip: bool,
}

/// A port that was configured and started. It is stopped when nobody uses it any more.
#[derive(Debug)]
pub struct Device {
    id: u16,
    name: String,
    /// Its Ethernet address, as the last six bytes of a big-endian number.
    mac: AtomicU64,
    rx_queues: u16,
    tx_queues: u16,
    checksum: bool,
    vlan_strip: bool,
    /// Whether receiving queues are configured with interrupts.
    interrupts: bool,
    /// Whether the link was said to be up last; nothing was said yet: 2.
    told_link: AtomicU8,
    /// Lost frames that were told already.
    told_missed: AtomicU64,
}

/// Buffers that drivers may never give back, for ports that were started so far.
static KEPT: AtomicUsize = AtomicUsize::new(0);
/// Entries of `net_af_xdp`'s rings to and from the kernel, for a queue: 2,048 buffers that the kernel may receive into,
/// always, and as many that it has sent. When a port is closed the driver (22.11, `eth_dev_close`) forgets both.
const KEPT_BY_AF_XDP: usize = 2 * 2048;

/// Most buffers that drivers keep for good once their ports are closed.
pub(super) fn kept_by_drivers() -> usize {
    KEPT.load(Relaxed)
}

/// Number of the port of that name: its number, its PCI address, or the name of its virtual device.
pub fn find(name: &str) -> Option<u16> {
    let mut id = 0;
    if let Ok(number) = name.parse::<u16>() {
        // SAFETY: any number may be asked for.
        return (unsafe { c::rte_eth_dev_is_valid_port(number) } == 1).then_some(number);
    }
    let text = CString::new(name).ok()?;
    // SAFETY: a C string, and a number to write to.
    (unsafe { c::rte_eth_dev_get_port_by_name(text.as_ptr(), &mut id) } == 0).then_some(id)
}

/// The names of all ports.
pub fn names() -> Vec<String> {
    let mut all = Vec::new();
    // SAFETY: reads a table.
    let mut id = unsafe { c::rte_eth_find_next(0) };
    while u32::from(id) < c::SLUICE_MAX_PORTS {
        all.extend(name_of(id));
        // SAFETY: as above.
        id = unsafe { c::rte_eth_find_next(id + 1) };
    }
    all
}

fn name_of(id: u16) -> Option<String> {
    let mut name = [0; c::SLUICE_NAME_SIZE as usize];
    // SAFETY: as many bytes as the longest name and its end take.
    let there = unsafe { c::rte_eth_dev_get_name_by_port(id, name.as_mut_ptr()) == 0 };
    // SAFETY: ends with a zero byte: the array had one in every place.
    there.then(|| unsafe { CStr::from_ptr(name.as_ptr()) }.to_string_lossy().into_owned())
}

/// The Ethernet address of a port, started or not.
pub fn mac(name: &str) -> Option<EtherAddr> {
    let id = find(name)?;
    // SAFETY: all zeroes is an address; the port exists.
    unsafe {
        let mut mac: c::rte_ether_addr = zeroed();
        (c::rte_eth_macaddr_get(id, &mut mac) == 0).then_some(EtherAddr(mac.addr_bytes))
    }
}

/// Most receiving queues that the driver of a port allows.
pub fn most_rx_queues(id: u16) -> u16 {
    // SAFETY: plain data; a port that does not exist is refused.
    unsafe {
        let mut info: c::rte_eth_dev_info = zeroed();
        if c::rte_eth_dev_info_get(id, &mut info) == 0 { info.max_rx_queues.max(1) } else { 1 }
    }
}

/// Closes every port: what they had in the file system goes away.
pub(super) fn close_all() {
    for id in names().iter().filter_map(|n| find(n)) {
        // SAFETY: the port exists; whoever had queues of it is told nothing any more, and drivers' empty
        // functions stand in for theirs.
        unsafe {
            c::rte_eth_dev_stop(id);
            c::rte_eth_dev_close(id);
        }
    }
}

/// `Err` for an error number of DPDK.
pub(super) fn checked(number: c_int, what: &str) -> Result<c_int, String> {
    if number >= 0 {
        return Ok(number);
    }
    let said = log::take();
    // What the driver says comes before what DPDK says about it, which is but the number.
    let said = said.iter().find(|l| !l.is_empty()).map_or(String::new(), |l| format!(" ({l})"));
    Err(format!("{what}: {}{said}", error_text(number)))
}

impl Device {
    /// Configures and starts a port.
    ///
    /// # Errors
    /// There is no such port, or its driver refuses what is wanted; with the remedy.
    pub fn start(name: &str, wanted: &Wanted) -> Result<Device, String> {
        log::held(|| Device::started(name, wanted))
    }

    fn started(name: &str, wanted: &Wanted) -> Result<Device, String> {
        let pool =
            Mempool::get().ok_or_else(|| format!("{name}: DPDK is not running: start with --dpdk \"ARGUMENTS\""))?;
        let id = find(name).ok_or_else(|| {
            let there = names().join(", ");
            let there = if there.is_empty() { "none: give --vdev or -a".into() } else { there };
            format!("DPDK has no port ‘{name}’ (there is {there})")
        })?;
        // SAFETY: plain data, for which zeroes are a value; the port exists.
        let info = unsafe {
            let mut info: c::rte_eth_dev_info = zeroed();
            checked(c::rte_eth_dev_info_get(id, &mut info), name)?;
            info
        };
        let queues =
            [("receiving", wanted.rx_queues, info.max_rx_queues), ("sending", wanted.tx_queues, info.max_tx_queues)];
        for (what, wanted, most) in queues {
            if wanted > most {
                return Err(format!(
                    "{name}: {wanted} {what} queues are wanted, one for each worker or as N_QUEUES says, but it has {most}: \
                     give its queues in --vdev (queues=N, qpairs=N), or use fewer workers"
                ));
            }
        }
        let interrupts = configure(id, name, wanted, &info)?;
        set_up_queues(id, name, wanted, &info, &pool)?;
        // SAFETY: the port is configured, with all queues set up.
        unsafe {
            if let Some(mtu) = wanted.mtu {
                if usize::from(mtu) + 14 > pool.longest_frame() {
                    return Err(format!("{name}: MTU must be at most {}", pool.longest_frame() - 14));
                }
                checked(c::rte_eth_dev_set_mtu(id, mtu), &format!("{name}: MTU {mtu}"))?;
            }
            checked(c::rte_eth_dev_start(id), &format!("{name}: cannot be started"))?;
            // Virtual drivers that have no filter refuse, and hand over everything anyhow.
            match wanted.promiscuous {
                true => c::rte_eth_promiscuous_enable(id),
                false => c::rte_eth_promiscuous_disable(id),
            };
        }
        let name = name_of(id).unwrap_or_else(|| name.into());
        let mac = mac(&name).unwrap_or(EtherAddr([0; 6]));
        let (rx_queues, tx_queues) = (wanted.rx_queues, wanted.tx_queues);
        let device = Device {
            id,
            name,
            mac: AtomicU64::new(0),
            rx_queues,
            tx_queues,
            checksum: wanted.checksum,
            vlan_strip: wanted.vlan_strip,
            interrupts,
            told_link: AtomicU8::new(2),
            told_missed: AtomicU64::new(0),
        };
        device.set_mac(mac);
        if device.driver() == "net_af_xdp" {
            KEPT.fetch_add(KEPT_BY_AF_XDP * usize::from(rx_queues), Relaxed);
        }
        Ok(device)
    }

    pub(super) fn id(&self) -> u16 {
        self.id
    }
    /// Whether its receiving queues have interrupts.
    pub(super) fn has_interrupts(&self) -> bool {
        self.interrupts
    }
    /// What DPDK calls it.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// Its Ethernet address.
    #[inline]
    pub fn mac(&self) -> EtherAddr {
        let [_, _, address @ ..] = self.mac.load(Relaxed).to_be_bytes();
        EtherAddr(address)
    }
    /// Its address has changed.
    pub(super) fn set_mac(&self, EtherAddr([a, b, c, d, e, f]): EtherAddr) {
        self.mac.store(u64::from_be_bytes([0, 0, a, b, c, d, e, f]), Relaxed);
    }
    /// Receiving queues.
    pub fn rx_queues(&self) -> u16 {
        self.rx_queues
    }
    /// Sending queues.
    pub fn tx_queues(&self) -> u16 {
        self.tx_queues
    }

    /// Whether the device was asked to check the checksums of what it receives.
    pub fn checks_sums(&self) -> bool {
        self.checksum
    }

    /// Whether the device was asked to take VLAN tags off.
    pub fn strips_vlan(&self) -> bool {
        self.vlan_strip
    }

    /// Whether the link is up, its speed in Mbit/s (0: unknown), and whether it is full duplex.
    pub fn link(&self) -> (bool, u32, bool) {
        // SAFETY: plain data; the port exists.
        let link = unsafe {
            let mut link: c::rte_eth_link = zeroed();
            c::rte_eth_link_get_nowait(self.id, &mut link);
            link
        };
        let speed = if link.link_speed == c::SLUICE_SPEED_UNKNOWN { 0 } else { link.link_speed };
        (link.link_status() == 1, speed, link.link_duplex() == 1)
    }

    pub(super) fn stats(&self) -> c::rte_eth_stats {
        // SAFETY: as above.
        unsafe {
            let mut stats = zeroed();
            c::rte_eth_stats_get(self.id, &mut stats);
            stats
        }
    }

    /// Frames that the device or its driver lost because nobody took them, or no buffer was free.
    pub fn missed(&self) -> u64 {
        let s = self.stats();
        s.imissed + s.rx_nombuf
    }

    /// The same since the last call of anybody.
    pub fn newly_missed(&self) -> u64 {
        let now = self.missed();
        now.saturating_sub(self.told_missed.swap(now, Relaxed))
    }

    /// Whether the link is up; and a line to report if that is another answer than the last one that anybody got.
    pub fn check_link(&self) -> (bool, Option<String>) {
        let up = self.link().0;
        let news = match (self.told_link.swap(up.into(), Relaxed), up) {
            (0, true) => Some("is up"),
            (1 | 2, false) => Some("is down"),
            _ => None,
        };
        (up, news.map(|n| format!("{}: the link {n}", self.name)))
    }
}

/// Most frames that are taken out of a receiving queue when its port is stopped: no driver here keeps more, and some
/// never run out.
const LEFT_OVER: usize = 4096;

impl Drop for Device {
    fn drop(&mut self) {
        self.drain();
        // SAFETY: the port exists, or was closed, which the call refuses; no queue of it is left.
        unsafe { c::rte_eth_dev_stop(self.id) };
    }
}

impl Device {
    /// Gives the buffers back that wait in receiving queues: not every driver does that when its port is closed (those
    /// of net_ring would be lost).
    fn drain(&self) {
        let mut burst = [std::ptr::null_mut::<c::rte_mbuf>(); 32];
        for queue in 0..usize::from(self.rx_queues) {
            for _ in 0..LEFT_OVER / burst.len() {
                // SAFETY: the port is started, or drivers' empty functions stand in for its own; it has such a
                // queue, which nobody uses any more. Buffers that come are ours.
                let got = unsafe {
                    let ops = &raw const c::rte_eth_fp_ops[usize::from(self.id)];
                    let Some(receive) = (*ops).rx_pkt_burst else { return };
                    let got = receive(*(*ops).rxq.data.add(queue), burst.as_mut_ptr(), burst.len() as u16);
                    burst.iter().take(got.into()).for_each(|m| c::rte_pktmbuf_free(*m));
                    got
                };
                if got == 0 {
                    break;
                }
            }
        }
    }
}

/// Whether receiving queues have interrupts then.
fn configure(id: u16, name: &str, wanted: &Wanted, info: &c::rte_eth_dev_info) -> Result<bool, String> {
    let mut key = [0; LONGEST_KEY];
    key.iter_mut().zip(SYMMETRIC.iter().cycle()).for_each(|(k, s)| *k = *s);
    let hashes =
        info.flow_type_rss_offloads & (c::SLUICE_RSS_IP | c::SLUICE_RSS_TCP | c::SLUICE_RSS_UDP | c::SLUICE_RSS_SCTP);
    let spread = match wanted.spread {
        Spread::Rss if hashes == 0 => {
            return Err(format!(
                "{name}: its driver cannot spread frames by a hash (RSS): leave MODE out, or say MODE none"
            ));
        }
        Spread::None => false,
        Spread::Rss => true,
        Spread::Auto => wanted.rx_queues > 1 && hashes != 0,
    };
    // SAFETY: plain data; the key lives until the driver has copied it.
    unsafe {
        let mut conf: c::rte_eth_conf = zeroed();
        if spread {
            conf.rxmode.mq_mode = c::rte_eth_rx_mq_mode_RTE_ETH_MQ_RX_RSS;
            let rss = &mut conf.rx_adv_conf.rss_conf;
            rss.rss_key = key.as_mut_ptr();
            rss.rss_key_len = if info.hash_key_size > 0 { info.hash_key_size } else { 40 };
            rss.rss_hf = hashes;
        }
        let offloads = [
            (wanted.checksum, c::SLUICE_RX_OFFLOAD_CHECKSUM, "CHECKSUM: its driver checks no checksums"),
            (wanted.vlan_strip, c::SLUICE_RX_OFFLOAD_VLAN_STRIP, "VLAN_STRIP: its driver takes no VLAN tags off"),
        ];
        for (on, bits, refusal) in offloads {
            if on && info.rx_offload_capa & bits == 0 {
                return Err(format!("{name}: {refusal}: leave it out"));
            }
            conf.rxmode.offloads |= if on { info.rx_offload_capa & bits } else { 0 };
        }
        let what = format!("{name}: cannot be configured");
        let with_interrupts = |conf: &mut c::rte_eth_conf, on| conf.intr_conf.set_rxq(on);
        with_interrupts(&mut conf, 1);
        if c::rte_eth_dev_configure(id, wanted.rx_queues, wanted.tx_queues, &conf) == 0 {
            return Ok(true);
        }
        with_interrupts(&mut conf, 0); // most drivers have none
        checked(c::rte_eth_dev_configure(id, wanted.rx_queues, wanted.tx_queues, &conf), &what)?;
    }
    Ok(false)
}

fn set_up_queues(
    id: u16,
    name: &str,
    wanted: &Wanted,
    info: &c::rte_eth_dev_info,
    pool: &Mempool,
) -> Result<(), String> {
    // SAFETY: the port is configured with so many queues; the pool stays longer than the port.
    unsafe {
        let preferred = |p: c::rte_eth_dev_portconf| if p.ring_size > 0 { p.ring_size } else { 1024 };
        let mut rx = wanted.rx_descriptors.unwrap_or_else(|| preferred(info.default_rxportconf));
        let mut tx = wanted.tx_descriptors.unwrap_or_else(|| preferred(info.default_txportconf));
        checked(c::rte_eth_dev_adjust_nb_rx_tx_desc(id, &mut rx, &mut tx), &format!("{name}: NDESC"))?;
        let socket = c::rte_eth_dev_socket_id(id) as u32; // -1, any, where it is not known
        let rx_needs = usize::from(rx) * usize::from(wanted.rx_queues);
        if rx_needs > pool.count() / 8 * 7 {
            return Err(format!(
                "{name}: {} of {rx} descriptors would take nearly all {} packet buffers: give a smaller NDESC, fewer \
                 N_QUEUES, or more --buffers",
                if wanted.rx_queues == 1 { "a queue".into() } else { format!("{} queues", wanted.rx_queues) },
                pool.count()
            ));
        }
        for queue in 0..wanted.rx_queues {
            let what = format!("{name}: receiving queue {queue}");
            checked(c::rte_eth_rx_queue_setup(id, queue, rx, socket, std::ptr::null(), pool.raw()), &what)?;
        }
        for queue in 0..wanted.tx_queues {
            let what = format!("{name}: sending queue {queue}");
            checked(c::rte_eth_tx_queue_setup(id, queue, tx, socket, std::ptr::null()), &what)?;
        }
    }
    Ok(())
}
