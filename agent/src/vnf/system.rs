//! The process and the system around the VNF, as the kernel describes them.
use rustix::time::{ClockId, clock_gettime};
use sluice_init::boot::{self, Boot};
use sluice_init::machine::slots::{self, Bundle, Error, Manifest, Partition, Slot};
use sluice_mgmt::alarms::Severity;
use sluice_mgmt::system::{Installed, Interface, Setting, System, Trouble};
use sluice_mgmt::vnf::Refusal;
use std::collections::BTreeMap;
use std::path::Path;

/// Processor time of a thread of this process, nanoseconds; 0 if it is gone.
pub(super) fn thread_cpu_ns(thread: u32) -> u64 {
    let folder = format!("/proc/self/task/{thread}");
    let scheduled = std::fs::read_to_string(format!("{folder}/schedstat")).ok();
    if let Some(ns) = scheduled.and_then(|s| s.split_whitespace().next()?.parse().ok()) {
        return ns;
    }
    // A kernel without scheduler statistics counts ticks: fields 14 and 15 of proc_pid_stat(5), behind a name in brackets.
    let ticks = || {
        let stat = std::fs::read_to_string(format!("{folder}/stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
    };
    ticks().unwrap_or(0) * (1_000_000_000 / rustix::param::clock_ticks_per_second().max(1))
}

/// Processor time of the process, nanoseconds.
pub(super) fn process_cpu_ns() -> u64 {
    let t = clock_gettime(ClockId::ProcessCPUTime);
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

/// Memory of the process that lies in RAM, bytes.
pub(super) fn resident_bytes() -> u64 {
    let pages = || std::fs::read_to_string("/proc/self/statm").ok()?.split_whitespace().nth(1)?.parse::<u64>().ok();
    pages().unwrap_or(0) * rustix::param::page_size() as u64
}

/// Versions of what runs here.
pub(super) fn versions() -> BTreeMap<String, String> {
    let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
    #[allow(unused_mut)]
    let mut all = BTreeMap::from([("sluice".into(), env!("CARGO_PKG_VERSION").into()), ("kernel".into(), kernel)]);
    #[cfg(feature = "dpdk")]
    all.insert("dpdk".into(), sluice_dataplane::io::dpdk::version());
    all
}

/// The machine, as its first process describes it.
pub(super) fn around(file: &Path) -> System {
    let told = std::fs::read_to_string(file).map_err(|e| e.to_string());
    let told = told.and_then(|text| toml::from_str(&text).map_err(|e| e.to_string()));
    let boot: Boot = told.unwrap_or_else(|e| {
        let detail = format!("{}: {e}", file.display());
        let problem = boot::Problem { object: "init".into(), severity: boot::Severity::Minor, detail };
        Boot { problems: vec![problem], ..Boot::default() }
    });
    let setting = |s: boot::Setting| Setting { name: s.name, value: s.value, from: s.from };
    let interface = |i: boot::Interface| {
        let boot::Interface { name, mac, bus, role, driver, reason } = i;
        Interface { name, mac, bus, role, driver, reason }
    };
    let trouble = |p: boot::Problem| Trouble { severity: severity(p.severity), object: p.object, detail: p.detail };
    System {
        appliance: true,
        data: boot.data,
        restarts: boot.restarts,
        last_words: boot.last_words,
        settings: boot.settings.into_iter().map(setting).collect(),
        interfaces: boot.interfaces.into_iter().map(interface).collect(),
        problems: boot.problems.into_iter().map(trouble).collect(),
    }
}

/// Installs another image of the machine.
pub(super) fn install(appliance: bool, bundle: &[u8]) -> Result<Installed, Refusal> {
    let command_line = std::fs::read_to_string("/proc/cmdline").unwrap_or_default();
    let running = Slot::running(&command_line).filter(|_| appliance);
    let none = || Refusal::Conflict("this machine does not boot from a disk with two slots".into());
    let running = running.ok_or_else(none)?;
    let wrong = |why: String| Refusal::Invalid(format!("the bundle cannot be installed: {why}"));
    let mut bundle = Bundle::open(bundle).map_err(|e| wrong(e.to_string()))?;
    let manifest: Manifest =
        serde_json::from_slice(bundle.manifest()).map_err(|e| wrong(format!("manifest.json: {e}")))?;
    let refuse = |e: Error| match e {
        Error::NoDisk | Error::SeveralDisks(_) | Error::Busy | Error::OnTrial => Refusal::Conflict(e.to_string()),
        Error::Bundle(_) | Error::NoRoom(..) => Refusal::Invalid(e.to_string()),
        Error::Io(..) => Refusal::Unavailable(e.to_string()),
    };
    let partition = Partition::find(Path::new(slots::FOLDER)).map_err(refuse)?;
    let slot = slots::install::<Hash>(&partition, running, &manifest, &mut bundle).map_err(refuse)?;
    Ok(Installed { slot: slot.name().into(), name: manifest.name, version: manifest.version })
}

/// SHA-256 for whoever checks a bundle.
#[derive(Default)]
struct Hash(sha2::Sha256);

impl slots::Sha256 for Hash {
    fn update(&mut self, bytes: &[u8]) {
        sha2::Digest::update(&mut self.0, bytes);
    }
    fn hex(self) -> String {
        sha2::Digest::finalize(self.0).iter().map(|b| format!("{b:02x}")).collect()
    }
}

fn severity(of: boot::Severity) -> Severity {
    match of {
        boot::Severity::Critical => Severity::Critical,
        boot::Severity::Major => Severity::Major,
        boot::Severity::Minor => Severity::Minor,
        boot::Severity::Warning => Severity::Warning,
    }
}

/// What an engineer asks for first.
pub(super) fn support_files() -> Vec<(String, String)> {
    let files = ["status", "limits", "net/dev", "net/packet", "interrupts"];
    let read = |name: &&str| {
        let path = match *name {
            "interrupts" => "/proc/interrupts".to_string(),
            _ => format!("/proc/self/{name}"),
        };
        Some((format!("proc-{}.txt", name.replace('/', "-")), std::fs::read_to_string(path).ok()?))
    };
    let meminfo = std::fs::read_to_string("/proc/meminfo").map(|t| ("proc-meminfo.txt".to_string(), t));
    files.iter().filter_map(read).chain(meminfo).collect()
}
