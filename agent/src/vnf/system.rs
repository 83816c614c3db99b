//! The process and the system around the VNF, as the kernel describes them.
use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeMap;

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
