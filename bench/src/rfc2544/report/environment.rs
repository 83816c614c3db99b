//! The machine that a run was made on: what RFC 8172 section 3 asks to be kept with results of
//! virtual devices.
use crate::guest::settings::Settings;
use serde::{Deserialize, Serialize};
use std::fs;

/// The machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Environment {
    /// This program.
    pub(crate) version: String,
    /// Model, cores that may be used, megahertz.
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) megahertz: Option<f64>,
    /// Whether threads share cores, or "unknown".
    pub(crate) hyperthreading: String,
    /// Bytes.
    pub(crate) memory: Option<u64>,
    /// Huge pages, sizes and numbers.
    pub(crate) huge_pages: Vec<String>,
    pub(crate) numa_nodes: usize,
    /// Release and command line of the kernel (isolated cores, mitigations).
    pub(crate) kernel: String,
    pub(crate) command_line: String,
    pub(crate) distribution: String,
    /// The governor of the first core, if there is one.
    pub(crate) governor: Option<String>,
    /// The hypervisor's processor flag or DMI vendor; `None` on a machine of its own.
    pub(crate) hypervisor: Option<String>,
    /// Network interfaces of the namespace and their drivers.
    pub(crate) interfaces: Vec<String>,
    /// The virtual machine that the device ran in, if it was started here.
    #[serde(default)]
    pub(crate) machine: Option<Settings>,
}

/// First line of a file, if it can be read.
fn line(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.lines().next()?.trim().to_owned()).filter(|l| !l.is_empty())
}

/// Entries of a folder, sorted; none if it cannot be read.
fn names(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names.truncate(256);
    names
}

impl Environment {
    /// Of this machine, now.
    pub(crate) fn this() -> Environment {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let value = |key: &str| info.lines().find_map(|l| l.strip_prefix(key)?.split_once(':')).map(|v| v.1.trim());
        let flag = value("flags").is_some_and(|f| f.split(' ').any(|f| f == "hypervisor"));
        let vendor = line("/sys/class/dmi/id/sys_vendor").filter(|_| flag);
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let kib =
            memory.lines().find_map(|l| l.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        let smt = match line("/sys/devices/system/cpu/smt/active").as_deref() {
            Some("1") => "on",
            Some("0") => "off",
            _ => "unknown",
        };
        let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
        let pretty = release.lines().find_map(|l| l.strip_prefix("PRETTY_NAME=")).map(|n| n.trim_matches('"'));
        let pages = names("/sys/kernel/mm/hugepages").into_iter().filter_map(|size| {
            let count = line(&format!("/sys/kernel/mm/hugepages/{size}/nr_hugepages"))?;
            Some(format!("{}: {count}", size.trim_start_matches("hugepages-")))
        });
        let nodes = names("/sys/devices/system/node");
        Environment {
            version: env!("CARGO_PKG_VERSION").into(),
            processor: value("model name").unwrap_or("unknown").into(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            megahertz: value("cpu MHz").and_then(|m| m.parse().ok()),
            hyperthreading: smt.into(),
            memory: kib.map(|k| k * 1024),
            huge_pages: pages.collect(),
            numa_nodes: nodes
                .iter()
                .filter(|n| n.strip_prefix("node").is_some_and(|n| n.parse::<u32>().is_ok()))
                .count(),
            kernel: line("/proc/sys/kernel/osrelease").unwrap_or_else(|| "unknown".into()),
            command_line: line("/proc/cmdline").unwrap_or_default(),
            distribution: pretty.unwrap_or("unknown").into(),
            governor: line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            hypervisor: flag.then(|| vendor.unwrap_or_else(|| "unknown".into())),
            machine: None,
            interfaces: names("/sys/class/net").iter().map(|n| interface(n)).collect(),
        }
    }

    /// Whether processors are a hypervisor's.
    pub(crate) fn emulated(&self) -> bool {
        self.hypervisor.is_some()
    }

    /// Names and values, for tables.
    pub(crate) fn rows(&self) -> Vec<(&'static str, String)> {
        let or = |v: &Option<String>, without: &str| v.clone().unwrap_or_else(|| without.to_owned());
        let machine = self.machine.iter().flat_map(Settings::rows);
        let own = vec![
            ("Sluice", self.version.clone()),
            ("processor", format!("{}, {} cores to use", self.processor, self.cores)),
            ("clock", self.megahertz.map_or("unknown".into(), |m| format!("{m:.0} MHz"))),
            ("hyperthreading", self.hyperthreading.clone()),
            ("frequency governor", or(&self.governor, "none")),
            ("memory", self.memory.map_or("unknown".into(), |b| format!("{:.1} GiB", b as f64 / f64::from(1 << 30)))),
            ("huge pages", self.huge_pages.join(", ")),
            ("NUMA nodes", self.numa_nodes.to_string()),
            ("kernel", self.kernel.clone()),
            ("kernel command line", self.command_line.clone()),
            ("distribution", self.distribution.clone()),
            ("hypervisor", or(&self.hypervisor, "none")),
            ("network interfaces", self.interfaces.join(", ")),
        ];
        machine.chain(own).collect()
    }
}

/// "eth0 (virtio_net)"
fn interface(name: &str) -> String {
    let driver = fs::read_link(format!("/sys/class/net/{name}/device/driver")).ok();
    let driver = driver.and_then(|d| Some(d.file_name()?.to_string_lossy().into_owned()));
    driver.map_or_else(|| name.to_owned(), |d| format!("{name} ({d})"))
}
