//! How tester and device are joined: by shared memory, by interfaces in a namespace, or by what is there.
use crate::dpdk::Folder;
use crate::rfc2544::wire::frame::FCS;
use crate::rfc2544::wire::open::{Driver, LONGEST_XDP, PortName};
use crate::wire::net::Net;
use crate::wire::stop::Stop;
use anyhow::bail;
use sluice_dataplane::pool::MAX_FRAME;
use sluice_dataplane::wire::ethernet;
use sluice_images::qemu::nic::Backend;
use std::path::{Path, PathBuf};

/// Interfaces of the tester's side, of the device's, and of the loopback.
pub(crate) const NEAR: [&str; 2] = ["a0", "b0"];
pub(crate) const FAR: [&str; 2] = ["a1", "b1"];
pub(crate) const LOOP: [&str; 2] = ["loop0", "loop1"];

/// Largest frame that needs no preparations, frame check sequence included, bytes.
pub(crate) const USUAL: usize = 1518;

/// What joins them.
pub(crate) enum Links {
    /// Two memif links; sockets are in the folder.
    Memif(Folder),
    /// Two veth pairs in a namespace, which the tester uses by this driver.
    Veth(Net, Driver),
    /// Two sockets of vhost-user; they are in the folder. For virtual machines.
    Vhost(Folder),
    /// Two tap interfaces in a namespace, which the tester uses by packet sockets: [`NEAR`]. For virtual machines.
    Tap(Net),
    /// Ports that are there.
    External([PortName; 2]),
}

/// The device's ends.
#[derive(Clone, Copy)]
pub(crate) enum Ends<'a> {
    /// `net_memif0` and `net_memif1`, made by [`memif_client`].
    Memif(&'a Folder),
    /// [`FAR`] in the namespace.
    Veth(&'a Net),
    /// The sockets' clients.
    Vhost(&'a Folder),
    /// Whoever opens [`NEAR`] in the namespace.
    Tap(&'a Net),
}

impl Ends<'_> {
    /// What is behind a virtual machine's interfaces; `None` where it cannot have such links.
    pub(super) fn backends(&self) -> Option<[Backend; 2]> {
        match self {
            Ends::Vhost(folder) => Some(sockets(folder).map(|path| Backend::VhostUser { path, server: false })),
            Ends::Tap(_) => Some(NEAR.map(|name| Backend::Tap { name: name.into() })),
            Ends::Memif(_) | Ends::Veth(_) => None,
        }
    }
}

impl Links {
    /// Two memif links. The tester has to start first.
    pub(crate) fn memif() -> anyhow::Result<Links> {
        Ok(Links::Memif(Folder::new()?))
    }

    /// Two veth pairs, up.
    pub(crate) fn veth(driver: Driver, stop: &Stop) -> anyhow::Result<Links> {
        let net = Net::new()?;
        for (near, far) in NEAR.into_iter().zip(FAR) {
            net.pair(stop, near, far)?;
        }
        Ok(Links::Veth(net, driver))
    }

    /// Two sockets of vhost-user. The tester has to start first.
    pub(crate) fn vhost() -> anyhow::Result<Links> {
        Ok(Links::Vhost(Folder::new()?))
    }

    /// Two tap interfaces, up; they have a link when the machine has opened them.
    pub(crate) fn tap() -> anyhow::Result<Links> {
        let net = Net::new()?;
        for name in NEAR {
            net.ip(&format!("tuntap add dev {name} mode tap"))?;
            net.ip(&format!("link set {name} up"))?;
        }
        Ok(Links::Tap(net))
    }

    /// Lets frames of so many bytes through, frame check sequence included.
    ///
    /// # Errors
    /// These links cannot.
    pub(crate) fn allow(&self, size: usize) -> anyhow::Result<()> {
        match self {
            Links::Veth(_, Driver::Xdp) if size > LONGEST_XDP + FCS => bail!(
                "frames of {size} bytes: AF_XDP passes at most {}: use links=veth or links=memif",
                LONGEST_XDP + FCS
            ),
            Links::Veth(net, _) => NEAR.into_iter().chain(FAR).try_for_each(|name| allow(net, name, size)),
            // What is in the machine has the MTU that its system gives it.
            Links::Vhost(_) | Links::Tap(_) if size > USUAL => {
                bail!("frames of {size} bytes: those of a virtual machine are {USUAL} at most")
            }
            _ => Ok(()),
        }
    }

    /// The device's ends; external devices have their own.
    pub(crate) fn ends(&self) -> Option<Ends<'_>> {
        match self {
            Links::Memif(folder) => Some(Ends::Memif(folder)),
            Links::Veth(net, _) => Some(Ends::Veth(net)),
            Links::Vhost(folder) => Some(Ends::Vhost(folder)),
            Links::Tap(net) => Some(Ends::Tap(net)),
            Links::External(_) => None,
        }
    }

    /// The tester's ends.
    pub(crate) fn names(&self) -> [PortName; 2] {
        match self {
            Links::Memif(_) => ["net_memif0", "net_memif1"].map(PortName::dpdk),
            Links::Veth(_, driver) => NEAR.map(|name| PortName { driver: *driver, device: name.into() }),
            Links::Vhost(_) => ["net_vhost0", "net_vhost1"].map(PortName::dpdk),
            Links::Tap(_) => NEAR.map(|name| PortName { driver: Driver::Tap, device: name.into() }),
            Links::External(names) => names.clone(),
        }
    }

    /// The namespace that the tester's ends are in.
    pub(crate) fn net(&self) -> Option<&Net> {
        match self {
            Links::Veth(net, _) | Links::Tap(net) => Some(net),
            _ => None,
        }
    }
}

/// Lets frames of so many bytes through an interface, frame check sequence included, if it does not by itself.
pub(crate) fn allow(net: &Net, name: &str, size: usize) -> anyhow::Result<()> {
    if size > USUAL {
        net.ip(&format!("link set {name} mtu {}", mtu(size)))?;
    }
    Ok(())
}

/// The largest packet in frames of so many bytes, frame check sequence included.
pub(crate) fn mtu(size: usize) -> usize {
    size.saturating_sub(ethernet::LEN + FCS)
}

/// One end of a memif link: DPDK's argument for it.
pub(crate) fn memif(device: u8, role: &str, socket: &Path) -> String {
    format!("--vdev=net_memif{device},role={role},id=0,socket={},socket-abstract=no,rsize=11", socket.display())
}

/// The tester's ends of vhost-user: DPDK's arguments. It makes the sockets, and QEMU connects to them.
#[cfg(feature = "dpdk")]
pub(crate) fn vhost(folder: &Folder) -> Vec<String> {
    let end = |(n, socket): (u8, PathBuf)| format!("--vdev=net_vhost{n},iface={},queues=1", socket.display());
    (0..).zip(sockets(folder)).map(end).collect()
}

/// Megabytes that DPDK needs for so many buffers for frames of up to `size` bytes, and for itself.
pub(crate) fn memory(buffers: u32, size: usize) -> u64 {
    let buffer = size.max(MAX_FRAME) + 512; // headers, headroom, and what is not used for the caches' sake
    64 + (u64::from(buffers) * buffer as u64).div_ceil(1 << 20) * 3 / 2
}

/// The sockets of both links.
pub(crate) fn sockets(folder: &Folder) -> [PathBuf; 2] {
    ["a.sock", "b.sock"].map(|name| folder.path().join(name))
}

/// DPDK's arguments for the device's ends: they connect to those of the tester. A device has the same Ethernet addresses
/// after a reset.
pub(crate) fn memif_client(folder: &Folder) -> Vec<String> {
    let end = |(n, socket): (u8, PathBuf)| format!("{},mac=02:25:44:00:01:{n:02x}", memif(n, "client", &socket));
    (0..).zip(sockets(folder)).map(end).collect()
}
