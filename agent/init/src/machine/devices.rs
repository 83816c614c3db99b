//! The network devices of the machine, in the order of their buses.
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// An Ethernet address, as `52:54:00:12:34:56`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for Mac {
    type Err = String;

    fn from_str(text: &str) -> Result<Mac, String> {
        let wrong = || format!("‘{text}’ is no Ethernet address such as 52:54:00:12:34:56");
        let (mut mac, mut digits) = ([0; 6], text.split([':', '-']));
        for byte in &mut mac {
            let two =
                digits.next().filter(|d| d.len() == 2 && d.bytes().all(|b| b.is_ascii_hexdigit())).ok_or_else(wrong)?;
            *byte = u8::from_str_radix(two, 16).map_err(|_| wrong())?;
        }
        if digits.next().is_some() { Err(wrong()) } else { Ok(Mac(mac)) }
    }
}

/// Where a device is; devices are in this order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bus {
    /// PCI: domain, bus, device and function, as `0000:00:03.0`.
    Pci(String),
    /// A virtio device on no bus (virtio-mmio), by number.
    Mmio(u32),
    /// One of Xen's, by number.
    Xen(u32),
    /// Another kind, by the name that the kernel gave the interface.
    Other(String),
}

impl fmt::Display for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bus::Pci(address) => f.write_str(address),
            Bus::Mmio(n) => write!(f, "virtio{n}"),
            Bus::Xen(n) => write!(f, "vif-{n}"),
            Bus::Other(name) => f.write_str(name),
        }
    }
}

/// A network device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Where it is.
    pub bus: Bus,
    /// What the kernel calls its interface.
    pub name: String,
    /// Its Ethernet address.
    pub mac: Mac,
    /// Whether it is virtio on PCI.
    pub virtio: bool,
}

/// All of them. `sys` is where sysfs is mounted.
pub fn all(sys: &Path) -> Vec<Device> {
    let entries = fs::read_dir(sys.join("class/net")).into_iter().flatten().flatten();
    let mut all: Vec<Device> = entries.filter_map(|e| look(&e.path())).collect();
    all.sort_by(|a, b| (&a.bus, &a.name).cmp(&(&b.bus, &b.name)));
    all
}

fn look(interface: &Path) -> Option<Device> {
    let name = interface.file_name()?.to_str()?.to_string();
    let place: PathBuf = fs::canonicalize(interface.join("device")).ok()?; // loopback and tunnels have none
    let mac = fs::read_to_string(interface.join("address")).ok()?.trim().parse().ok()?;
    let steps: Vec<&str> = place.iter().filter_map(|s| s.to_str()).collect();
    let bus = bus(&steps).unwrap_or(Bus::Other(name.clone()));
    let virtio = matches!(bus, Bus::Pci(_)) && steps.last().is_some_and(|s| s.starts_with("virtio"));
    Some(Device { bus, name, mac, virtio })
}

/// By the steps of the device's path beneath `/sys/devices`.
fn bus(steps: &[&str]) -> Option<Bus> {
    let number = |s: &str, prefix| s.strip_prefix(prefix).and_then(|n: &str| n.parse().ok());
    let pci = |s: &&&str| {
        let b = s.as_bytes();
        b.len() == 12 && (b[4], b[7], b[10]) == (b':', b':', b'.')
    };
    if let Some(address) = steps.iter().rev().find(pci) {
        return Some(Bus::Pci((*address).to_string()));
    }
    let last = steps.last()?;
    number(last, "virtio").map(Bus::Mmio).or_else(|| number(last, "vif-").map(Bus::Xen))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_in_the_order_of_their_buses() {
        let of = |path: &str| bus(&path.split('/').collect::<Vec<_>>());
        assert_eq!(of("devices/pci0000:00/0000:00:1e.0/0000:01:02.0/virtio3"), Some(Bus::Pci("0000:01:02.0".into())));
        assert_eq!(of("devices/platform/virtio-mmio.12/virtio2"), Some(Bus::Mmio(2)));
        assert_eq!(of("devices/vif-10"), Some(Bus::Xen(10)));
        assert_eq!(of("devices/platform/other"), None);
        let mut all =
            [Bus::Xen(10), Bus::Xen(9), Bus::Mmio(1), Bus::Pci("0000:00:04.0".into()), Bus::Pci("0000:00:03.0".into())];
        all.sort();
        let shown: Vec<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["0000:00:03.0", "0000:00:04.0", "virtio1", "vif-9", "vif-10"]);
    }

    #[test]
    fn an_ethernet_address_is_read_as_it_is_written() {
        let mac: Mac = "52:54:00:AB:cd:0f".parse().unwrap();
        assert_eq!(mac.to_string(), "52:54:00:ab:cd:0f");
        for wrong in ["", "52:54:00:ab:cd", "52:54:00:ab:cd:0f:1", "52:54:00:ab:cd:+f", "5254:00:ab:cd:0f"] {
            assert!(wrong.parse::<Mac>().is_err(), "{wrong}");
        }
    }
}
