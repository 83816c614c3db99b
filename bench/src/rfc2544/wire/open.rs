//! Opens the tester's ports by their names.
use super::flow::Side;
use super::frame::FCS;
use super::port::{Full, In, Out};
use super::tester::Port;
use anyhow::{Context as _, bail};
use sluice_dataplane::io::open::Opener;
use sluice_dataplane::io::sys::interface;
use sluice_dataplane::pool::{MAX_FRAME, Pool};
use sluice_dataplane::port::{Device, Direction, DpdkDevice, PortObject, PortSpec, Seat, XdpDevice};
use sluice_dataplane::wire::{EtherAddr, ethernet};
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// Buffers of the tester: full queues of both ports, and what is on its way.
pub(crate) const BUFFERS: u32 = 16_384;
/// Longest frame of AF_XDP, which has to lie in one page of 4,096 bytes behind 256 that the kernel keeps free.
pub(crate) const LONGEST_XDP: usize = 4096 - 256;
/// Drivers of DPDK whose queue is memory that the device shares.
const SHARED: [&str; 4] = ["net_memif", "net_vhost", "net_virtio_user", "net_ring"];

/// How a port is driven.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Driver {
    /// DPDK.
    Dpdk,
    /// Packet sockets.
    Packet,
    /// Packet sockets on a tap interface: the device empties its queue.
    Tap,
    /// AF_XDP sockets.
    Xdp,
}

/// A port's name: `dpdk:NAME`, `xdp:INTERFACE`, `tap:INTERFACE`, or `packet:INTERFACE` or the interface alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PortName {
    /// How it is driven.
    pub(crate) driver: Driver,
    /// The interface, the PCI address, or the virtual device.
    pub(crate) device: String,
}

impl PortName {
    /// A port of DPDK.
    pub(crate) fn dpdk(device: impl Into<String>) -> PortName {
        PortName { driver: Driver::Dpdk, device: device.into() }
    }
}

impl FromStr for PortName {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<PortName> {
        // A PCI address has colons, too.
        let (driver, device) = match text.split_once(':') {
            Some(("dpdk", device)) => (Driver::Dpdk, device),
            Some(("xdp", device)) => (Driver::Xdp, device),
            Some(("tap", device)) => (Driver::Tap, device),
            Some(("packet", device)) => (Driver::Packet, device),
            Some((other, _)) => bail!("{text}: there is no driver {other}: dpdk, xdp, tap or packet"),
            None => (Driver::Packet, text),
        };
        if device.is_empty() {
            bail!("{text}: which device?");
        }
        Ok(PortName { driver, device: device.into() })
    }
}

impl fmt::Display for PortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let driver = match self.driver {
            Driver::Dpdk => "DPDK",
            Driver::Packet => "AF_PACKET",
            Driver::Tap => "AF_PACKET, tap",
            Driver::Xdp => "AF_XDP",
        };
        write!(f, "{} ({driver})", self.device)
    }
}

impl PortName {
    /// What is asked of the port, which is to pass frames of so many bytes, frame check sequence not included.
    fn spec(&self, direction: Direction, frame: usize) -> PortSpec {
        let name = self.device.clone();
        // Shared memory has no largest packet, and its drivers refuse one.
        let mtu = (frame > MAX_FRAME && self.full() == Full::Line)
            .then(|| u16::try_from(frame - ethernet::LEN).unwrap_or(u16::MAX));
        let device = match self.driver {
            Driver::Dpdk => Device::Dpdk(DpdkDevice { name, mtu, ..DpdkDevice::default() }),
            Driver::Packet | Driver::Tap => Device::Kernel(name),
            Driver::Xdp => Device::Xdp(XdpDevice { name, queues: 1, ..XdpDevice::default() }),
        };
        PortSpec { device, direction, promiscuous: true }
    }

    /// Largest frame that the port passes, of those of up to `frame` bytes; frame check sequences not included.
    fn longest(&self, frame: usize) -> anyhow::Result<usize> {
        let mtu = || -> anyhow::Result<usize> {
            let read = interface::read(&self.device).with_context(|| self.to_string())?;
            Ok(read.mtu as usize + ethernet::LEN)
        };
        Ok(match self.driver {
            Driver::Dpdk => frame,
            Driver::Packet | Driver::Tap => frame.min(mtu()?),
            Driver::Xdp => frame.min(mtu()?).min(LONGEST_XDP),
        })
    }

    /// Whether a queue without room is the device's.
    fn full(&self) -> Full {
        let memory = self.driver == Driver::Dpdk && SHARED.iter().any(|driver| self.device.starts_with(driver));
        if memory || self.driver == Driver::Tap { Full::Device } else { Full::Line }
    }

    /// Bits a second of the line; `None` for devices that have none, whatever speed they claim.
    pub(crate) fn line(&self) -> Option<f64> {
        let folder = Path::new("/sys/class/net").join(&self.device);
        if self.driver == Driver::Dpdk || !folder.join("device").exists() {
            return None;
        }
        let megabits: f64 = std::fs::read_to_string(folder.join("speed")).ok()?.trim().parse().ok()?;
        (megabits > 0.0).then_some(megabits * 1e6)
    }

    /// The Ethernet address that the tester has here: that of a NIC, which may insist on it; elsewhere one of its own, so
    /// that no kernel takes the frames for its own.
    fn ether(&self, number: u8) -> anyhow::Result<EtherAddr> {
        let made = EtherAddr([2, 0x25, 0x44, 0, 0, 0xa + number]);
        Ok(match self.driver {
            #[cfg(feature = "dpdk")]
            Driver::Dpdk if self.full() == Full::Line => {
                sluice_dataplane::io::dpdk::ether(&self.device).with_context(|| format!("{self}: no such port"))?
            }
            Driver::Dpdk => made,
            Driver::Packet | Driver::Tap | Driver::Xdp => {
                let physical = Path::new("/sys/class/net").join(&self.device).join("device").exists();
                let read = interface::read(&self.device).with_context(|| self.to_string())?;
                if physical { EtherAddr(read.mac) } else { made }
            }
        })
    }
}

/// Opens ports A and B, by the calling thread's namespace, for frames as long as the pool's buffers take.
///
/// # Errors
/// What is wrong, and what to do about it.
pub(crate) fn open(names: &[PortName; 2], pool: &Pool) -> anyhow::Result<[Port; 2]> {
    let (mut opener, frame) = (Opener::default(), pool.longest_frame());
    let both = [Direction::Receive, Direction::Transmit];
    let specs: Vec<PortSpec> = names.iter().flat_map(|n| both.map(|direction| n.spec(direction, frame))).collect();
    opener.expect(specs.iter(), 1);
    let mut one = |number: u8, name: &PortName| -> anyhow::Result<Port> {
        let mut object = |direction| opener.open(&name.spec(direction, frame), Seat::ONLY).map_err(anyhow::Error::msg);
        let PortObject::Rx(input) = object(Direction::Receive)? else { bail!("{name}: it does not receive") };
        let PortObject::Tx(output) = object(Direction::Transmit)? else { bail!("{name}: it does not send") };
        Ok(Port {
            name: name.to_string(),
            input: In::new(input, pool),
            output: Out::new(output, pool, name.full()),
            side: Side { number, ether: name.ether(number)? },
            longest: name.longest(frame)? + FCS,
        })
    };
    let [a, b] = names;
    Ok([one(0, a)?, one(1, b)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_how_a_port_is_driven() {
        let read = |text: &str| text.parse::<PortName>().map(|n| (n.driver, n.device.clone(), n.full()));
        assert_eq!(read("eth0").unwrap(), (Driver::Packet, "eth0".into(), Full::Line));
        assert_eq!(read("xdp:eth0").unwrap(), (Driver::Xdp, "eth0".into(), Full::Line));
        assert_eq!(read("tap:vm0").unwrap(), (Driver::Tap, "vm0".into(), Full::Device));
        assert_eq!(read("dpdk:0000:03:00.0").unwrap(), (Driver::Dpdk, "0000:03:00.0".into(), Full::Line));
        assert_eq!(read("dpdk:net_memif0").unwrap(), (Driver::Dpdk, "net_memif0".into(), Full::Device));
        assert!(read("raw:eth0").unwrap_err().to_string().contains("no driver raw"));
        assert!(read("dpdk:").is_err() && read("").is_err());
    }
}
