//! A device as a profile describes it: names and values.
use super::Kind;
use super::function::Function;
use super::links::{Links, USUAL};
use super::reset::ResetBy;
use super::vm;
use crate::guest::Resources;
use crate::guest::vnf::Image;
use crate::rfc2544::wire::open::{Driver, PortName};
use crate::rfc2544::wire::rig::Setup;
use crate::rfc2544::wire::tester::Path;
use crate::wire::stop::Stop;
use anyhow::{Context as _, bail, ensure};
use clap::ValueEnum as _;
use sluice_dataplane::wire::EtherAddr;
use sluice_images::qemu::accelerator::Wanted;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// What may be said, and what it means.
pub(crate) const NAMES: &[(&str, &str)] = &[
    ("accel", "what runs the instructions of a virtual machine: auto, kvm or tcg"),
    ("cpus", "processors of a virtual machine, 1 to 64; 1 unless given"),
    ("dpdk", "arguments of DPDK for ports that are there, such as `-a 0000:03:00.0`"),
    (
        "image",
        "full, socket, or a folder with a / in its name: the function of Sluice runs in a virtual machine of this image",
    ),
    (
        "kind",
        "forward, router, firewall, sff (functions of Sluice), testpmd, bridge, bridge-vm (a Linux bridge in a virtual machine), \
         external or external-router",
    ),
    (
        "links",
        "memif, veth or xdp, for devices that are started here; testpmd has memif, a bridge veth or xdp; virtual machines have \
         vhost (vhost-user, by DPDK) or tap",
    ),
    ("memory", "of a virtual machine, MiB, 32 to 65536; 192 unless given"),
    ("next-a", "Ethernet address that frames from port A go to, if not that of port B"),
    ("next-b", "Ethernet address that frames from port B go to, if not that of port A"),
    ("port-a", "port A of an external device: eth0, xdp:eth0, tap:vm0, dpdk:0000:03:00.0"),
    ("port-b", "its port B"),
    (
        "reset",
        "what test 26.6 does: kill (a program's process, which is started again), swap (of Sluice's graph) or machine (a virtual one)",
    ),
    ("rules", "rules of the firewall, 1 to 10000; 25 unless given"),
];

/// A name and its value.
pub(crate) fn word(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a name, `=`, and a value")?;
    Ok((name.into(), value.into()))
}

/// Reads the description, and makes the links.
///
/// # Errors
/// What is wrong in it, or a link cannot be made.
pub(crate) fn setup(table: &BTreeMap<String, String>, cores: Vec<usize>, stop: &Stop) -> anyhow::Result<Setup> {
    if let Some(name) = table.keys().find(|name| !NAMES.iter().any(|n| n.0 == *name)) {
        let names: Vec<&str> = NAMES.iter().map(|n| n.0).collect();
        bail!("device: {name}: there is no such name (there are {})", names.join(", "));
    }
    let get = |name: &str| table.get(name).map(String::as_str);
    let (kind, machine) = machine(kind(&get)?, &get)?;
    let reset = ResetBy::of(kind, get("reset"))?;
    let default = match kind {
        Kind::TestPmd => "memif",
        _ if kind.is_machine() => "vhost",
        _ => "veth",
    };
    let links = match (kind, get("links")) {
        (Kind::External(_), None) => {
            let port =
                |name: &str| get(name).with_context(|| format!("device: an external device needs {name}"))?.parse();
            let ports: [PortName; 2] = [port("port-a")?, port("port-b")?];
            ensure!(ports[0] != ports[1], "device: port-a and port-b are the same");
            Links::External(ports)
        }
        (Kind::External(_), Some(_)) => bail!("device: links: an external device has port-a and port-b instead"),
        (_, given) => {
            let useless = ["port-a", "port-b", "dpdk"].into_iter().find(|name| get(name).is_some());
            ensure!(useless.is_none(), "device: {}: only for an external device", useless.unwrap_or_default());
            match given.unwrap_or(default) {
                "memif" => Links::memif()?,
                "veth" => Links::veth(Driver::Packet, stop)?,
                "xdp" => Links::veth(Driver::Xdp, stop)?,
                "vhost" => Links::vhost()?,
                "tap" => Links::tap()?,
                other => bail!("device: links: {other}: memif, veth, xdp, vhost or tap"),
            }
        }
    };
    Ok(Setup { kind, links, size: USUAL, cores, reset, machine, dpdk: get("dpdk").map(String::from) })
}

/// The device in its virtual machine, if it is to run in one.
fn machine<'a>(kind: Kind, get: &dyn Fn(&str) -> Option<&'a str>) -> anyhow::Result<(Kind, vm::Setup)> {
    let kind = match (kind, get("image")) {
        (Kind::Sluice(function), Some(_)) => Kind::Vm(function),
        (_, Some(_)) => bail!("device: image: only for a function of Sluice"),
        (kind, None) => kind,
    };
    if let Some(name) = ["accel", "cpus", "memory"].into_iter().find(|name| get(name).is_some()) {
        ensure!(kind.is_machine(), "device: {name}: only for a virtual machine");
    }
    let number = |name: &str, range: RangeInclusive<u32>, without: u32| match get(name) {
        None => Ok(without),
        Some(text) => {
            let read = text.parse().ok().filter(|n| range.contains(n));
            read.with_context(|| format!("device: {name}: {} to {}", range.start(), range.end()))
        }
    };
    let plain = Resources::default();
    let accelerator = match get("accel") {
        None => plain.accelerator,
        Some(word) => {
            Wanted::from_str(word, false).map_err(|_| anyhow::anyhow!("device: accel: {word}: auto, kvm or tcg"))?
        }
    };
    let resources = Resources {
        memory: number("memory", 32..=65_536, plain.memory)?,
        cpus: number("cpus", 1..=64, plain.cpus)?,
        accelerator,
    };
    let image = get("image").map(Image::open).transpose().context("device: image")?;
    Ok((kind, vm::Setup { image, resources }))
}

fn kind<'a>(get: &dyn Fn(&str) -> Option<&'a str>) -> anyhow::Result<Kind> {
    let word = get("kind").context("device: kind is missing: which device?")?;
    let next = |name: &str| -> anyhow::Result<Option<EtherAddr>> {
        let read =
            |text: &str| text.parse().map_err(|_| anyhow::anyhow!("device: {name}: {text}: no Ethernet address"));
        get(name).map(read).transpose()
    };
    let path = match (next("next-a")?, next("next-b")?) {
        (None, None) => Path::Bridge,
        (Some(a), Some(b)) => Path::Fixed([a, b]),
        _ => bail!("device: next-a and next-b go together"),
    };
    ensure!(path == Path::Bridge || word == "external", "device: next-a: only for an external device");
    let rules: u16 = match get("rules") {
        None => 25,
        Some(text) => text.parse().ok().filter(|n| (1..=10_000).contains(n)).context("device: rules: 1 to 10000")?,
    };
    ensure!(get("rules").is_none() || word == "firewall", "device: rules: only for a firewall");
    Ok(match word {
        "forward" => Kind::Sluice(Function::Forward),
        "router" => Kind::Sluice(Function::Router),
        "firewall" => Kind::Sluice(Function::Firewall(rules)),
        "sff" => Kind::Sluice(Function::Sff),
        "testpmd" => Kind::TestPmd,
        "bridge" => Kind::Bridge,
        "bridge-vm" => Kind::BridgeVm,
        "external" => Kind::External(path),
        "external-router" => Kind::External(Path::Router),
        other => {
            bail!(
                "device: kind: {other}: forward, router, firewall, sff, testpmd, bridge, bridge-vm, external or external-router"
            )
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[(&str, &str)]) -> anyhow::Result<Kind> {
        let table = words.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        setup(&table, vec![0, 1], &Stop::new()?).map(|s| s.kind)
    }

    #[test]
    fn names_are_sorted() {
        assert!(NAMES.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn devices_are_read_with_their_settings() {
        assert_eq!(read(&[("kind", "testpmd")]).unwrap(), Kind::TestPmd);
        let firewall = read(&[("kind", "firewall"), ("links", "memif"), ("rules", "1")]).unwrap();
        assert_eq!(firewall, Kind::Sluice(Function::Firewall(1)));
        let ports = [("kind", "external"), ("port-a", "eth0"), ("port-b", "dpdk:0000:03:00.0")];
        assert_eq!(read(&ports).unwrap(), Kind::External(Path::Bridge));
        let next = [("next-a", "02:00:00:00:00:01"), ("next-b", "02:00:00:00:00:02")];
        let fixed = Path::Fixed([EtherAddr([2, 0, 0, 0, 0, 1]), EtherAddr([2, 0, 0, 0, 0, 2])]);
        assert_eq!(read(&[&ports[..], &next].concat()).unwrap(), Kind::External(fixed));
    }

    #[test]
    fn a_virtual_machine_is_read_with_what_it_is_given() {
        let words = [("kind", "bridge-vm"), ("memory", "64"), ("cpus", "2"), ("accel", "tcg")];
        let table = words.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        let setup = setup(&table, vec![0], &Stop::new().unwrap()).unwrap();
        assert_eq!((setup.kind, setup.reset), (Kind::BridgeVm, ResetBy::Machine));
        assert!(matches!(setup.links, Links::Vhost(_)));
        let wanted = Resources { memory: 64, cpus: 2, accelerator: Wanted::Tcg };
        assert_eq!(setup.machine.resources, wanted);
    }

    #[test]
    fn every_mistake_is_named() {
        let external = [("kind", "external"), ("port-a", "eth0")];
        for (words, text) in [
            (&[][..], "kind is missing"),
            (&[("kind", "hub")], "kind: hub: forward, router"),
            (
                &[("kind", "router"), ("link", "veth")],
                "link: there is no such name (there are accel, cpus, dpdk, image, kind",
            ),
            (&[("kind", "router"), ("links", "rope")], "links: rope: memif, veth, xdp, vhost or tap"),
            (&[("kind", "router"), ("rules", "3")], "rules: only for a firewall"),
            (&[("kind", "router"), ("reset", "knock")], "reset: knock: kill, swap or machine"),
            (&[("kind", "testpmd"), ("reset", "swap")], "reset: swap: only for a function of Sluice"),
            (&[("kind", "bridge"), ("reset", "kill")], "reset: only for a device that is a program"),
            (&[("kind", "router"), ("reset", "machine")], "reset: machine: only for a virtual machine"),
            (&[("kind", "bridge-vm"), ("reset", "kill")], "reset: kill: only for a device that is a program"),
            (&[("kind", "bridge"), ("image", "full")], "image: only for a function of Sluice"),
            (&[("kind", "router"), ("memory", "64")], "memory: only for a virtual machine"),
            (&[("kind", "bridge-vm"), ("memory", "much")], "memory: 32 to 65536"),
            (&[("kind", "bridge-vm"), ("cpus", "0")], "cpus: 1 to 64"),
            (&[("kind", "bridge-vm"), ("accel", "xen")], "accel: xen: auto, kvm or tcg"),
            (&[("kind", "router"), ("image", "./none")], "device: image"),
            (&[("kind", "firewall"), ("rules", "0")], "rules: 1 to 10000"),
            (&[("kind", "router"), ("port-a", "eth0")], "port-a: only for an external device"),
            (&external, "an external device needs port-b"),
            (&[external[0], external[1], ("port-b", "eth0")], "are the same"),
            (&[external[0], external[1], ("port-b", "usb:0")], "there is no driver usb"),
            (&[external[0], ("links", "veth")], "has port-a and port-b instead"),
            (&[external[0], ("next-a", "02:00:00:00:00:01")], "go together"),
            (&[external[0], ("next-a", "02:00")], "next-a: 02:00: no Ethernet address"),
        ] {
            let why = read(words).unwrap_err().to_string();
            assert!(why.contains(text), "{why}");
        }
    }
}
