//! What the machine is told, and where.
//!
//! These are asked in this order, and whoever says something first is heard:
//!
//! 1. A *seed drive*: a disk, partition or CD-ROM with an ISO 9660 or FAT file system that is called `cidata` (NoCloud) or
//!    `config-2` (OpenStack's config drive). Its folder `sluice/` holds the files below. Of what cloud-init takes from such
//!    drives, `meta-data` gives the VNF's id (`instance-id`, if it is a UUID) and name (`local-hostname`), `network-config`
//!    (versions 1 and 2) or `network_data.json` the management network; `user-data` is `#cloud-config` (`hostname`, and
//!    `write_files` beneath `/etc/sluice/`, as text or base64), a `vnf.toml` that begins with `#sluice`, or a function that
//!    begins with `//`.
//! 2. QEMU's `fw_cfg`: `opt/org.sluice/NAME` for each of these files.
//! 3. The kernel's command line, see below.
//! 4. Files in the image, in `/etc/sluice/`.
//!
//! | file | what |
//! |---|---|
//! | `vnf.toml` | the description, as `sluice run` reads it; what it leaves out is filled in |
//! | `function.click` | the function |
//! | `tokens.toml`, `client-ca.pem` | who may ask the EMS (`sluice token` makes the first) |
//! | `certificate.pem`, `key.pem` | its certificate |
//! | `network-config` | the management network, as cloud-init's |
//! | `files/...` | what the function may open |
//!
//! | word | what |
//! |---|---|
//! | `sluice.function=NAME` | a function that the image carries; `base64:TEXT` is its text (RFC 4648, also section 5) |
//! | `sluice.param.NAME=VALUE` | a parameter of the function |
//! | `sluice.ip=...` | the management address, may come several times: `dhcp` (DHCPv4), `dhcp6`, `auto` (IPv6 as routers say), `none`, or `ADDRESS/PREFIX[,GATEWAY[,DNS...]]`; all that works if it does not come |
//! | `sluice.management=MAC` | its interface, the first one otherwise; `none` |
//! | `sluice.ports=MAC,MAC` | the data ports, all others otherwise |
//! | `sluice.driver=dpdk` | or `socket`, or `auto`: DPDK where it can be had |
//! | `sluice.hugepages=MIB` | huge pages for DPDK, as many as fit otherwise |
//! | `sluice.data=DEVICE` | the data disk, that with the label `sluice-data` otherwise; `none` |
//! | `sluice.name=`, `sluice.id=` | who the VNF is |
//! | `sluice.seed=none` | no seed drive is looked for; `wait` waits three seconds for one |
//!
//! The boot loader adds `sluice.slot=` and `sluice.trial=1`. There are no secrets on the command line: whoever is on the
//! machine can read it, and it is kept in logs.
mod cloud;
mod drive;
mod network;
mod words;
mod yaml;

use crate::boot::{Problem, Setting, Severity};
pub use crate::machine::devices::Mac;
pub use crate::net::{Dhcp6, Network};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Longest file, and all of them together, bytes.
const LONGEST: u64 = 4 << 20;
const LONGEST_ALL: usize = 16 << 20;
/// Files that are taken.
const MOST: usize = 256;
/// Files with a meaning, beside those in `files/`.
const NAMES: [&str; 6] = ["vnf.toml", "function.click", "tokens.toml", "certificate.pem", "key.pem", "client-ca.pem"];

/// A value, and where it was said: `seed drive /dev/vda (cidata)`, `fw_cfg`, `kernel command line`, `image`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given<T> {
    /// The value.
    pub value: T,
    /// Where it was said.
    pub from: String,
}

/// What the VNF runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Function {
    /// A function that the image carries: `/functions/NAME.click`.
    Named(String),
    /// Its text.
    Text(Vec<u8>),
}

/// Which interface is for management.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Management {
    /// The one with this address.
    Mac(Mac),
    /// None: all interfaces are the function's.
    None,
}

/// Who moves the frames of data ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Driver {
    /// DPDK where it can be had, packet sockets otherwise.
    #[default]
    Auto,
    /// DPDK.
    Dpdk,
    /// Packet sockets.
    Socket,
}

/// Where the VNF's data lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// On this block device: `/dev/vdb`.
    Device(String),
    /// In memory.
    None,
}

/// All that the machine was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Files by their names, but for the function's.
    pub files: BTreeMap<String, Given<Vec<u8>>>,
    /// Values of the function's parameters.
    pub parameters: BTreeMap<String, Given<String>>,
    /// What the VNF runs.
    pub function: Option<Given<Function>>,
    /// Which interface is for management.
    pub management: Option<Given<Management>>,
    /// The data ports, in their order.
    pub ports: Option<Given<Vec<Mac>>>,
    /// Who moves their frames.
    pub driver: Option<Given<Driver>>,
    /// Memory in huge pages, MiB.
    pub hugepages: Option<Given<u32>>,
    /// Where the VNF's data lie.
    pub data: Option<Given<Data>>,
    /// The VNF's name.
    pub name: Option<Given<String>>,
    /// The VNF's identifier.
    pub id: Option<Given<String>>,
    /// What is wanted of the management interface.
    pub network: Option<Given<Network>>,
    /// The slot of the boot disk that was booted: `a` or `b`.
    pub slot: Option<char>,
    /// It is on trial.
    pub trial: bool,
    /// What was wrong with what was said.
    pub problems: Vec<Problem>,
}

/// Where it is looked: beneath this folder, `/` on a machine.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The root of `/sys`, `/proc`, `/dev` and `/etc`.
    pub root: PathBuf,
}

impl Default for Sources {
    fn default() -> Self {
        Self { root: "/".into() }
    }
}

/// Asks everybody. Nothing fails: what is wrong is in [`Config::problems`].
pub fn gather(sources: &Sources) -> Config {
    let mut config = Config::default();
    let at = |path: &str| sources.root.join(path);
    let line = fs::read_to_string(at("proc/cmdline")).unwrap_or_default();
    let seed = words::seed(&line);
    if seed != words::Seed::None {
        drive::read(&sources.root, seed == words::Seed::Wait, &mut config);
    }
    config.folder(&at("sys/firmware/qemu_fw_cfg/by_name/opt/org.sluice"), "fw_cfg");
    words::read(&line, &mut config);
    config.folder(&at("etc/sluice"), "image");
    config
}

impl Config {
    /// What was set, and where. Files are named only: they may hold secrets.
    #[must_use]
    pub fn settings(&self) -> Vec<Setting> {
        let mut all = Vec::new();
        let mut add = |name: &str, value: String, from: &str| {
            all.push(Setting { name: name.into(), value, from: from.into() });
        };
        for (name, file) in &self.files {
            add(name, String::new(), &file.from);
        }
        for (name, value) in &self.parameters {
            add(&format!("param.{name}"), value.value.clone(), &value.from);
        }
        if let Some(slot) = self.slot {
            add("slot", slot.to_string(), "boot loader");
        }
        let mut one = |name: &str, given: Option<(String, &String)>| {
            if let Some((value, from)) = given {
                add(name, value, from);
            }
        };
        let shown = |f: &Function| match f {
            Function::Named(name) => name.clone(),
            Function::Text(_) => String::new(),
        };
        one("function", self.function.as_ref().map(|g| (shown(&g.value), &g.from)));
        let shown = |m: &Management| match m {
            Management::Mac(mac) => mac.to_string(),
            Management::None => "none".into(),
        };
        one("management", self.management.as_ref().map(|g| (shown(&g.value), &g.from)));
        let shown = |p: &Vec<Mac>| p.iter().map(Mac::to_string).collect::<Vec<_>>().join(",");
        one("ports", self.ports.as_ref().map(|g| (shown(&g.value), &g.from)));
        one("driver", self.driver.as_ref().map(|g| (format!("{:?}", g.value).to_lowercase(), &g.from)));
        one("hugepages", self.hugepages.as_ref().map(|g| (format!("{} MiB", g.value), &g.from)));
        let shown = |d: &Data| match d {
            Data::Device(device) => device.clone(),
            Data::None => "none".into(),
        };
        one("data", self.data.as_ref().map(|g| (shown(&g.value), &g.from)));
        one("name", self.name.as_ref().map(|g| (g.value.clone(), &g.from)));
        one("id", self.id.as_ref().map(|g| (g.value.clone(), &g.from)));
        one("management.network", self.network.as_ref().map(|g| (network::shown(&g.value), &g.from)));
        all
    }

    fn problem(&mut self, object: &str, severity: Severity, detail: String) {
        self.problems.push(Problem { object: object.into(), severity, detail });
    }

    /// Takes the files of a folder that have a meaning. In `fw_cfg` each is a folder with the content in `raw`.
    fn folder(&mut self, folder: &Path, from: &str) {
        let mut left = vec![(folder.to_path_buf(), String::new())];
        let mut seen = 0;
        while let Some((folder, prefix)) = left.pop() {
            let mut entries: Vec<_> = fs::read_dir(&folder).into_iter().flatten().flatten().collect();
            entries.sort_by_key(fs::DirEntry::file_name);
            for entry in entries {
                seen += 1;
                let Some(name) = entry.file_name().to_str().map(|n| format!("{prefix}{n}")) else { continue };
                let path = entry.path();
                let raw = path.join("raw");
                if seen > 4 * MOST {
                    return self.problem(from, Severity::Minor, format!("{} has too many files", folder.display()));
                }
                match () {
                    () if raw.is_file() => self.path(&name, &raw, from),
                    () if path.is_dir() => left.push((path, format!("{name}/"))),
                    () => self.path(&name, &path, from),
                }
            }
        }
    }

    fn path(&mut self, name: &str, path: &Path, from: &str) {
        let mut bytes = Vec::new();
        match fs::File::open(path).and_then(|f| f.take(LONGEST + 1).read_to_end(&mut bytes)) {
            Ok(_) => self.file(name, bytes, from),
            Err(e) => self.problem(name, Severity::Major, format!("{name} ({from}) cannot be read: {e}")),
        }
    }

    /// Takes a file, unless somebody gave it before.
    fn file(&mut self, name: &str, bytes: Vec<u8>, from: &str) {
        let all: usize = self.files.values().map(|f| f.value.len()).sum();
        if bytes.len() as u64 > LONGEST || all + bytes.len() > LONGEST_ALL || self.files.len() >= MOST {
            let text = format!("{name} ({from}) is left out: a file has {LONGEST} bytes, all together {LONGEST_ALL}");
            return self.problem(name, Severity::Major, format!("{text}, and there are {MOST} at most"));
        }
        let inside = |p: &Path| p.components().all(|c| matches!(c, std::path::Component::Normal(_)));
        match name {
            "network-config" => network::read(&String::from_utf8_lossy(&bytes), from, self),
            "function.click" => set(&mut self.function, Function::Text(bytes), from),
            _ if NAMES.contains(&name) || (name.starts_with("files/") && inside(Path::new(name))) => {
                self.files.entry(name.into()).or_insert_with(|| Given { value: bytes, from: from.into() });
            }
            _ => {
                let known = format!("there are {}, network-config and files/...", NAMES.join(", "));
                self.problem(name, Severity::Warning, format!("{name} ({from}) means nothing: {known}"));
            }
        }
    }
}

/// Whoever says it first is heard.
fn set<T>(place: &mut Option<Given<T>>, value: T, from: &str) {
    place.get_or_insert_with(|| Given { value, from: from.into() });
}

#[cfg(test)]
mod tests;
