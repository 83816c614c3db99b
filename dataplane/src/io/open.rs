//! Opens the ports that a graph asks for.
use super::file::{FileRx, FileTx};
use super::kernel::{KernelRx, KernelTx};
use super::multicast::{Member, MulticastRx, MulticastTx};
use super::sys::fanout::Fanout;
use super::sys::tap::Tap;
use super::tun::{self, TunRx, TunTx};
use crate::port::{Device, Direction, DpdkDevice, MulticastDevice, PortObject, PortSpec, Seat, TunDevice, XdpDevice};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

/// What stands in for a network interface.
#[derive(Clone, Debug, Default)]
pub struct Stand {
    /// Frames come from this capture file; none come without it.
    pub input: Option<PathBuf>,
    /// Frames go into this capture file; nowhere without it.
    pub output: Option<PathBuf>,
}

/// Opens ports, one process-wide.
#[derive(Default)]
pub struct Opener {
    /// Interfaces that are not opened: capture files stand in for them.
    pub stands: HashMap<String, Stand>,
    /// Interfaces that the kernel gave up to DPDK, and what DPDK calls them: elements that name one get that port.
    pub given_up: HashMap<String, String>,
    /// Interfaces that have no stand-in are neither received from nor sent to.
    pub no_devices: bool,
    /// Time is simulated: devices would live in another time.
    pub simulated: bool,
    /// TAP and TUN interfaces that exist, for their second direction.
    taps: HashMap<TunDevice, Weak<Tap>>,
    /// Memberships of multicast groups, for theirs.
    members: HashMap<MulticastDevice, Weak<Member>>,
    #[cfg(feature = "dpdk")]
    dpdk: super::dpdk::Devices,
    /// Interfaces with AF_XDP sockets, for other queues and directions.
    #[cfg(feature = "xdp")]
    xdp: HashMap<String, Weak<super::xdp::Interface>>,
    /// Groups of sockets that share an interface, one of each worker.
    fanouts: HashMap<String, Arc<Fanout>>,
}

impl Opener {
    /// Opens one direction of a device, for the worker that has this seat.
    ///
    /// # Errors
    /// What is wrong, and what to do about it.
    pub fn open(&mut self, spec: &PortSpec, seat: Seat) -> Result<PortObject, String> {
        let stand = self.stands.get(spec.device.name()).cloned();
        if stand.is_some() || self.no_devices {
            return open_stand(&stand.unwrap_or_default(), spec.direction);
        }
        if self.simulated {
            return Err(format!("{}: a device cannot be used in simulated time", spec.device.name()));
        }
        let device = self.given_up(&spec.device);
        let result = match (device.as_ref().unwrap_or(&spec.device), spec.direction) {
            (Device::Dpdk(device), direction) => return self.dpdk(device, direction, seat),
            (Device::Kernel(name), Direction::Receive) => {
                // Also when only one worker has it now: another may join later.
                let group = (seat.workers > 1).then(|| self.fanouts.entry(name.clone()).or_default().clone());
                KernelRx::open(name, spec.promiscuous, group).map(|p| PortObject::Rx(Box::new(p)))
            }
            (Device::Kernel(name), Direction::Transmit) => KernelTx::open(name).map(|p| PortObject::Tx(Box::new(p))),
            (Device::Tun(device), direction) => self.tap(device).map(|tap| match direction {
                Direction::Receive => PortObject::Rx(Box::new(TunRx::new(tap))),
                Direction::Transmit => PortObject::Tx(Box::new(TunTx::new(tap))),
            }),
            (Device::Multicast(device), direction) => self.member(device).map(|member| match direction {
                Direction::Receive => PortObject::Rx(Box::new(MulticastRx::new(member))),
                Direction::Transmit => PortObject::Tx(Box::new(MulticastTx::new(member))),
            }),
            (Device::Xdp(device), direction) => self.xdp(device, direction, spec.promiscuous),
        };
        result.map_err(|e| e.to_string())
    }

    /// Says what a graph on so many workers is going to ask for, so that devices are set up for all of it.
    pub fn expect<'a>(&mut self, specs: impl Iterator<Item = &'a PortSpec>, workers: usize) {
        #[cfg(feature = "dpdk")]
        {
            let with_dpdk =
                |s: &PortSpec| PortSpec { device: self.given_up(&s.device).unwrap_or(s.device.clone()), ..*s };
            let specs: Vec<PortSpec> = specs.map(with_dpdk).collect();
            self.dpdk.expect(specs.iter(), workers);
        }
        #[cfg(not(feature = "dpdk"))]
        let _ = (specs.count(), workers);
    }

    /// The port of DPDK that is behind an interface of the kernel's.
    fn given_up(&self, device: &Device) -> Option<Device> {
        let Device::Kernel(name) = device else { return None };
        let name = self.given_up.get(name)?.clone();
        Some(Device::Dpdk(DpdkDevice { name, ..DpdkDevice::default() }))
    }

    #[cfg(feature = "dpdk")]
    fn dpdk(&mut self, device: &DpdkDevice, direction: Direction, seat: Seat) -> Result<PortObject, String> {
        self.dpdk.open(device, direction, seat)
    }

    #[cfg(not(feature = "dpdk"))]
    fn dpdk(&mut self, device: &DpdkDevice, _: Direction, _: Seat) -> Result<PortObject, String> {
        Err(format!(
            "{}: this program was built without DPDK: build it with `make`, or with the feature dpdk",
            device.name
        ))
    }

    fn tap(&mut self, device: &TunDevice) -> std::io::Result<Arc<Tap>> {
        if let Some(tap) = self.taps.get(device).and_then(Weak::upgrade) {
            return Ok(tap);
        }
        let tap = tun::make(device)?;
        self.taps.insert(device.clone(), Arc::downgrade(&tap));
        Ok(tap)
    }

    #[cfg(feature = "xdp")]
    fn xdp(&mut self, device: &XdpDevice, direction: Direction, promiscuous: bool) -> std::io::Result<PortObject> {
        use super::xdp::{Interface, XdpRx, XdpTx};
        let known = self.xdp.get(&device.name).and_then(Weak::upgrade);
        let interface = known.unwrap_or_else(|| {
            let interface = Arc::new(Interface::new(&device.name));
            self.xdp.retain(|_, i| i.strong_count() > 0);
            self.xdp.insert(device.name.clone(), Arc::downgrade(&interface));
            interface
        });
        Ok(match direction {
            Direction::Receive => PortObject::Rx(Box::new(XdpRx::open(interface, device, promiscuous)?)),
            Direction::Transmit => PortObject::Tx(Box::new(XdpTx::open(interface, device)?)),
        })
    }

    #[cfg(not(feature = "xdp"))]
    fn xdp(&mut self, device: &XdpDevice, _: Direction, _: bool) -> std::io::Result<PortObject> {
        let remedy = "built without AF_XDP: build with `make` or `--features xdp`";
        Err(std::io::Error::other(format!("{}: {remedy}", device.name)))
    }

    fn member(&mut self, device: &MulticastDevice) -> std::io::Result<Arc<Member>> {
        if let Some(member) = self.members.get(device).and_then(Weak::upgrade) {
            return Ok(member);
        }
        let member = Arc::new(Member::join(device)?);
        self.members.retain(|_, m| m.strong_count() > 0);
        self.members.insert(device.clone(), Arc::downgrade(&member));
        Ok(member)
    }
}

fn open_stand(stand: &Stand, direction: Direction) -> Result<PortObject, String> {
    Ok(match direction {
        Direction::Receive => PortObject::Rx(Box::new(match &stand.input {
            Some(path) => FileRx::open(path)?,
            None => FileRx::empty(),
        })),
        Direction::Transmit => PortObject::Tx(Box::new(match &stand.output {
            Some(path) => FileTx::create(path)?,
            None => FileTx::sink(),
        })),
    })
}

#[cfg(all(test, not(feature = "xdp")))]
mod tests {
    use super::*;

    #[test]
    fn a_build_without_af_xdp_says_how_to_get_one_with_it() {
        let device = Device::Xdp(XdpDevice { name: "eth0".into(), queues: 1, ..XdpDevice::default() });
        for direction in [Direction::Receive, Direction::Transmit] {
            let spec = PortSpec { device: device.clone(), direction, promiscuous: false };
            let error = Opener::default().open(&spec).err();
            let wanted = "eth0: built without AF_XDP: build with `make` or `--features xdp`";
            assert_eq!(error.as_deref(), Some(wanted));
        }
    }
}
