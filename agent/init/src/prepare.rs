//! From a machine that has just booted to a description of the VNF: everything in its order.
use crate::boot::{Boot, Interface, Problem, Severity};
use crate::config::{Config, Data, Driver, Function, Management};
use crate::describe::{self, setting};
use crate::machine::devices::{self, Bus, Device, Mac};
use crate::machine::{data, dpdk, kernel, memory};
use crate::net;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use toml::Table;

/// The VNF's folder, in memory.
pub const FOLDER: &str = "/run/sluice";
/// Functions that the image carries.
const FUNCTIONS: &str = "/functions";
/// Files of the EMS that may be supplied, and the keys in the description that name them.
const EMS_FILES: [(&str, &[&str]); 4] = [
    ("tokens.toml", &["ems", "tokens"]),
    ("certificate.pem", &["ems", "tls", "certificate"]),
    ("key.pem", &["ems", "tls", "key"]),
    ("client-ca.pem", &["ems", "tls", "client_ca"]),
];

/// What the program beside init can do.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// It has DPDK's drivers.
    pub dpdk: bool,
    /// Its EMS has TLS.
    pub tls: bool,
}

/// A machine that is ready for the VNF.
pub struct Prepared {
    /// What the VNF is told.
    pub boot: Boot,
    /// The interface of the management network, if there is one.
    pub management: Option<String>,
    /// Scheme and port of the EMS, for people.
    pub ems: (&'static str, u16),
}

/// Does it all. Nothing here fails: what goes wrong is in [`Boot::problems`].
pub fn machine(config: &Config, program: Program) -> Prepared {
    let mut boot = Boot { settings: config.settings(), problems: config.problems.clone(), ..Boot::default() };
    let disk = match config.data.as_ref().map(|d| &d.value) {
        Some(Data::None) => data::Disk::default(),
        Some(Data::Device(device)) => data::open(Some(device), Path::new(FOLDER), &mut boot.problems),
        None => data::open(None, Path::new(FOLDER), &mut boot.problems),
    };
    boot.data = disk.device.as_ref().map_or_else(|| "memory".into(), |d| format!("{} (ext4)", d.display()));
    let found = devices::all(Path::new("/sys"));
    boot.interfaces = roles(&found, config, &mut boot.problems);
    let (taken, buffers) = data_ports(&found, config, program, &mut boot);
    boot.interfaces.iter().filter(|i| i.role != "management").for_each(|i| kernel::keep_out(&i.name));
    for port in boot.interfaces.iter().filter(|i| i.role == "data" && i.driver == "socket") {
        if let Err(e) = net::raise(&port.name) {
            let detail = format!("{} cannot be switched on: {e}", port.name);
            boot.problems.push(Problem { object: port.name.clone(), severity: Severity::Major, detail });
        }
    }
    let management = boot.interfaces.iter().find(|i| i.role == "management").map(|i| i.name.clone());

    let folder = if disk.device.is_some() && disk.writable { data::FOLDER } else { FOLDER };
    let described = described(config, &mut boot.problems);
    let first = boot.interfaces.first().map(|i| i.mac.clone()).unwrap_or_default();
    let id = config.id.as_ref().map_or_else(|| identity(&first), |i| i.value.clone());
    let name = config.name.as_ref().map_or("sluice", |n| n.value.as_str());
    kernel::set_name(name);
    let description = describe::compose(
        describe::Given {
            described,
            function: function(config, &mut boot),
            parameters: config.parameters.iter().map(|(n, v)| (n.clone(), v.value.clone())).collect(),
            id,
            name: name.into(),
            interfaces: &boot.interfaces,
            dpdk: taken,
            buffers,
            core: cores().saturating_sub(1),
            data: folder,
            durable: disk.device.is_some(),
            ems_files: supply(config, &mut boot.problems),
            tls: program.tls,
            boot: "boot.toml",
        },
        &mut boot.problems,
    );
    write("vnf.toml", description.to_string().as_bytes(), &mut boot.problems);
    let listen = description.get("ems").and_then(|e| e.get("listen")).and_then(|l| l.as_str()).unwrap_or_default();
    let port = listen.rsplit(':').next().and_then(|p| p.parse().ok()).unwrap_or_default();
    let scheme = if description.get("ems").and_then(|e| e.get("tls")).is_some() { "https" } else { "http" };
    Prepared { boot, management, ems: (scheme, port) }
}

/// Who has which device: the first is for management and the others are data ports, if nobody says otherwise.
fn roles(found: &[Device], config: &Config, problems: &mut Vec<Problem>) -> Vec<Interface> {
    let mut tell = |severity, object: &str, detail: String| {
        problems.push(Problem { object: object.into(), severity, detail });
    };
    let there = || {
        let all: Vec<String> = found.iter().map(|d| format!("{} ({})", d.name, d.mac)).collect();
        if all.is_empty() { "none".into() } else { all.join(", ") }
    };
    let ports = config.ports.as_ref().map(|p| &p.value);
    let has = |mac: &Mac| found.iter().any(|d| d.mac == *mac);
    for missing in ports.into_iter().flatten().filter(|m| !has(m)) {
        tell(
            Severity::Major,
            "sluice.ports",
            format!("no network device has the address {missing}: there are {}", there()),
        );
    }
    let management = match config.management.as_ref().map(|m| &m.value) {
        Some(Management::None) => None,
        Some(Management::Mac(mac)) => {
            if !has(mac) {
                let text = format!("no network device has the address {mac}: there are {}", there());
                tell(Severity::Critical, "sluice.management", text);
            }
            Some(*mac).filter(has)
        }
        None => found.iter().map(|d| d.mac).find(|m| !ports.is_some_and(|p| p.contains(m))),
    };
    let role = |d: &Device| match ports {
        _ if Some(d.mac) == management => "management",
        Some(ports) if !ports.contains(&d.mac) => "unused",
        _ => "data",
    };
    let interface = |d: &Device| Interface {
        name: d.name.clone(),
        mac: d.mac.to_string(),
        bus: d.bus.to_string(),
        role: role(d).into(),
        driver: "kernel".into(),
        reason: String::new(),
    };
    let mut all: Vec<Interface> = found.iter().map(interface).collect();
    if let Some(ports) = ports {
        // Data ports in the order that was asked for.
        all.sort_by_key(|i| (i.role == "data").then(|| ports.iter().position(|m| m.to_string() == i.mac)));
    }
    if !all.iter().any(|i| i.role == "data") {
        let text =
            format!("there is no data port: the first network device is for management, and there are {}", there());
        tell(Severity::Major, "ports", text);
    }
    all
}

/// Gives data ports to DPDK, if that is wanted and possible. Those that it has, by name; and how many packet buffers fit.
fn data_ports(found: &[Device], config: &Config, program: Program, boot: &mut Boot) -> (BTreeMap<String, String>, u64) {
    let wanted = config.driver.as_ref().map(|d| d.value).unwrap_or_default();
    let explicit = wanted == Driver::Dpdk;
    let ports = boot.interfaces.iter_mut().filter(|i| i.role == "data");
    let mut can = Vec::new();
    for port in ports {
        port.driver = "socket".into();
        let device = found.iter().find(|d| d.name == port.name);
        port.reason = match device {
            _ if wanted == Driver::Socket => String::new(),
            _ if !program.dpdk => "this image has no DPDK".into(),
            Some(Device { bus: Bus::Pci(address), virtio: true, .. }) => {
                can.push((port, address.clone()));
                continue;
            }
            _ => "it is not virtio on PCI".into(),
        };
    }
    let room = memory::available();
    let mut taken = BTreeMap::new();
    let mut problem = None;
    if !can.is_empty() {
        let mib = config.hugepages.as_ref().map(|h| h.value).or_else(|| memory::fitting(room));
        let none = || format!("{} MiB of memory are too few for huge pages; 64 MiB in all are enough", room >> 20);
        match mib.ok_or_else(none).and_then(memory::reserve) {
            Ok(mib) => {
                if config.hugepages.is_none() {
                    boot.settings.push(setting("hugepages", format!("{mib} MiB"), "default"));
                }
                let addresses = in_order(can.iter().map(|(port, address)| (port.name.as_str(), address.as_str())));
                match dpdk::take(&addresses) {
                    Ok(driver) => {
                        for (port, address) in can {
                            port.driver = driver.into();
                            taken.insert(port.name.clone(), address);
                        }
                    }
                    Err(why) => {
                        can.into_iter().for_each(|(port, _)| port.reason.clone_from(&why));
                        problem = Some(("ports".into(), why));
                    }
                }
                if !taken.is_empty() {
                    return (taken, memory::buffers_in_huge_pages(mib));
                }
                memory::release();
            }
            Err(why) => {
                can.into_iter().for_each(|(port, _)| port.reason.clone_from(&why));
                problem = Some(("hugepages".into(), why));
            }
        }
    }
    if let Some((object, why)) = problem {
        let severity = if explicit { Severity::Major } else { Severity::Minor };
        boot.problems.push(Problem { object, severity, detail: format!("{why}; packet sockets are used instead") });
    }
    (taken, memory::buffers(room))
}

/// Addresses in the order of the interfaces' names: `eth2` is before `eth10`.
fn in_order<'a>(ports: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let mut all: Vec<(usize, &str, &str)> = ports.map(|(name, address)| (name.len(), name, address)).collect();
    all.sort_unstable();
    all.into_iter().map(|(_, _, address)| address.to_string()).collect()
}

/// What the user wrote of the VNF, if it is TOML.
fn described(config: &Config, problems: &mut Vec<Problem>) -> Table {
    let Some(file) = config.files.get("vnf.toml") else { return Table::new() };
    let text = String::from_utf8_lossy(&file.value);
    toml::from_str(&text).unwrap_or_else(|e| {
        let detail = format!("vnf.toml ({}) is not TOML: {e}; defaults are used instead", file.from);
        problems.push(Problem { object: "vnf.toml".into(), severity: Severity::Major, detail });
        Table::new()
    })
}

/// The function's file: the text that was supplied, one that the image carries by its name, or the only one that it carries.
fn function(config: &Config, boot: &mut Boot) -> Option<String> {
    let carried = |name: &str| PathBuf::from(FUNCTIONS).join(format!("{name}.click"));
    if let Some(Function::Text(text)) = config.function.as_ref().map(|f| &f.value) {
        write("function.click", text, &mut boot.problems);
        return Some("function.click".into());
    }
    if let Some(Function::Named(name)) = config.function.as_ref().map(|f| &f.value) {
        if carried(name).is_file() && !name.contains('/') {
            return Some(carried(name).display().to_string());
        }
        let there = names().join(", ");
        let detail =
            format!("the image carries no function ‘{name}’: there are {there}; PUT one to /v1/functions/main");
        boot.problems.push(Problem { object: "function".into(), severity: Severity::Critical, detail });
        return None;
    }
    if config.files.contains_key("vnf.toml") {
        return None; // it says itself
    }
    if let [only] = &names()[..] {
        boot.settings.push(setting("function", only.as_str(), "image"));
        return Some(carried(only).display().to_string());
    }
    let detail = "no function was supplied: put function.click on the seed drive, name one that the image carries \
                  (sluice.function=), or PUT one to /v1/functions/main";
    boot.problems.push(Problem { object: "function".into(), severity: Severity::Critical, detail: detail.into() });
    None
}

/// Names of the functions that the image carries.
fn names() -> Vec<String> {
    let files = fs::read_dir(FUNCTIONS).into_iter().flatten().flatten();
    let name = |f: fs::DirEntry| Some(f.file_name().to_str()?.strip_suffix(".click")?.to_string());
    let mut all: Vec<String> = files.filter_map(name).collect();
    all.sort();
    all
}

/// Writes the other files that were supplied. Those of the EMS, and what in the description names them.
fn supply(config: &Config, problems: &mut Vec<Problem>) -> Vec<(&'static [&'static str], String)> {
    let mut named = Vec::new();
    for (name, file) in &config.files {
        match EMS_FILES.iter().find(|(n, _)| n == name) {
            Some((_, path)) => named.push((*path, name.clone())),
            None if name.starts_with("files/") => {}
            None => continue,
        }
        write(name, &file.value, problems);
    }
    named
}

/// Writes a file into the VNF's folder; it may hold secrets.
pub fn write(name: &str, bytes: &[u8], problems: &mut Vec<Problem>) {
    let path = Path::new(FOLDER).join(name);
    let part = path.with_extension("part");
    let put = || {
        fs::create_dir_all(path.parent().unwrap_or(Path::new(FOLDER)))?;
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        std::io::Write::write_all(&mut file, bytes)?;
        fs::rename(&part, &path)
    };
    if let Err(e) = put() {
        let detail = format!("{} cannot be written: {e}", path.display());
        problems.push(Problem { object: name.into(), severity: Severity::Major, detail });
    }
}

/// The VM's own identifier if the hypervisor gives one, else one that is made of an Ethernet address (RFC 9562 section 5.8).
fn identity(mac: &str) -> String {
    let given = ["/sys/class/dmi/id/product_uuid", "/sys/hypervisor/uuid"];
    let mut given = given.iter().filter_map(|f| fs::read_to_string(f).ok()).map(|t| t.trim().to_ascii_lowercase());
    let nothing = |t: &String| t.bytes().all(|b| matches!(b, b'0' | b'-' | b'f'));
    let digits: String = mac.chars().filter(char::is_ascii_hexdigit).collect();
    given.find(|t| t.len() == 36 && !nothing(t)).unwrap_or_else(|| format!("00000000-0000-8000-8000-{digits:0>12}"))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Given;

    fn device(n: u8) -> Device {
        let bus = Bus::Pci(format!("0000:00:0{n}.0"));
        Device { bus, name: format!("eth{n}"), mac: Mac([0x52, 0x54, 0, 0, 0, n]), virtio: true }
    }

    fn given<T>(value: T) -> Option<Given<T>> {
        Some(Given { value, from: "kernel command line".into() })
    }

    fn shown(config: &Config) -> (Vec<String>, Vec<Problem>) {
        let mut problems = Vec::new();
        let all = roles(&[device(0), device(1), device(2)], config, &mut problems);
        (all.iter().map(|i| format!("{} {}", i.name, i.role)).collect(), problems)
    }

    #[test]
    fn the_first_device_is_for_management_and_the_others_are_data_ports() {
        let (all, problems) = shown(&Config::default());
        assert_eq!(all, ["eth0 management", "eth1 data", "eth2 data"]);
        assert!(problems.is_empty());
    }

    #[test]
    fn addresses_override_that_and_an_unknown_one_is_told() {
        let management = Management::Mac(device(2).mac);
        let (all, _) = shown(&Config { management: given(management), ..Config::default() });
        assert_eq!(all, ["eth0 data", "eth1 data", "eth2 management"]);
        let ports = vec![device(2).mac, device(0).mac];
        let (all, _) = shown(&Config { ports: given(ports), ..Config::default() });
        assert_eq!(all, ["eth1 management", "eth2 data", "eth0 data"]);
        let unknown = Management::Mac(device(9).mac);
        let (all, problems) = shown(&Config { management: given(unknown), ..Config::default() });
        assert_eq!(all, ["eth0 data", "eth1 data", "eth2 data"]);
        assert!(problems[0].detail.contains("52:54:00:00:00:09"), "{problems:?}");
    }

    #[test]
    fn one_device_only_is_management_and_the_missing_data_port_is_told() {
        let mut problems = Vec::new();
        let all = roles(&[device(0)], &Config::default(), &mut problems);
        assert_eq!(all[0].role, "management");
        assert!(problems.iter().any(|p| p.object == "ports"), "{problems:?}");
    }

    #[test]
    fn ports_are_given_back_in_the_order_of_their_names() {
        let ports = [("eth10", "0000:00:0c.0"), ("eth2", "0000:00:04.0"), ("eth1", "0000:01:00.0")];
        assert_eq!(in_order(ports.into_iter()), ["0000:01:00.0", "0000:00:04.0", "0000:00:0c.0"]);
    }

    #[test]
    fn an_identifier_is_made_of_the_address_if_nobody_gives_one() {
        let made = identity("52:54:00:12:34:56");
        assert_eq!(made.len(), 36);
    }
}
