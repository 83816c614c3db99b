//! The five figures of Click-on-OSv, each in whole percent, 0 to 100.
use crate::rates::Rates;
use crate::vnf::Snapshot;

/// What a port can carry in one direction, bits a second. Click-on-OSv takes every link for one of 1 Gbit/s.
const LINK: f64 = 1e9;

/// What the machine has, and how much of it is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Memory, bytes.
    pub memory: u64,
    /// Blocks of the root file system: used ones, and those that are used or could be.
    pub disk: [u64; 2],
}

impl Machine {
    /// Asks the kernel. What it does not tell is 0.
    pub fn look() -> Machine {
        let info = rustix::system::sysinfo();
        let memory = (info.totalram as u64).saturating_mul(u64::from(info.mem_unit.max(1)));
        let disk = rustix::fs::statvfs("/").map_or([0, 0], |fs| {
            let used = fs.f_blocks.saturating_sub(fs.f_bfree);
            [used, used.saturating_add(fs.f_bavail)] // as df: what is reserved for root is not there
        });
        Machine { memory, disk }
    }
}

/// Name and value of each figure, in the order of its `id`:
///
/// - CPU: processor time of the process in the last second, against one core for each worker;
/// - disk: used part of the root file system;
/// - memory: what of the process lies in RAM, against the memory of the machine;
/// - TX and RX: bits of all ports in the last second, against 1 Gbit/s for each.
pub fn figures(machine: Machine, snapshot: &Snapshot, rates: &Rates) -> [(&'static str, u64); 5] {
    let percent = |part: f64, of: f64| if of > 0.0 { (part / of * 100.0).clamp(0.0, 100.0) as u64 } else { 0 };
    let net = |side: &std::collections::BTreeMap<String, crate::rates::Rate>| {
        percent(side.values().map(|r| r.bits_per_second).sum(), side.len() as f64 * LINK)
    };
    [
        ("CPU Usage", percent(rates.process_load, snapshot.workers.len().max(1) as f64)),
        ("Disk Usage", percent(machine.disk[0] as f64, machine.disk[1] as f64)),
        ("Memory Usage", percent(snapshot.resident_bytes as f64, machine.memory as f64)),
        ("Net TX", net(&rates.sent)),
        ("Net RX", net(&rates.received)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rates::Rate;
    use crate::vnf::Worker;

    #[test]
    fn figures_are_percent_of_what_there_is() {
        let machine = Machine { memory: 200 << 20, disk: [30, 120] };
        let snapshot =
            Snapshot { workers: vec![Worker::default(); 2], resident_bytes: 20 << 20, ..Snapshot::default() };
        let rate = |bits| Rate { bits_per_second: bits, ..Rate::default() };
        let rates = Rates {
            process_load: 1.1,
            sent: [("a".to_string(), rate(5e8)), ("b".to_string(), rate(0.0))].into(),
            received: [("a".to_string(), rate(4e9))].into(),
            ..Rates::default()
        };
        let values = figures(machine, &snapshot, &rates).map(|f| f.1);
        assert_eq!(values, [55, 25, 10, 25, 100]);
        assert_eq!(figures(Machine::default(), &Snapshot::default(), &Rates::default()).map(|f| f.1), [0; 5]);
    }

    #[test]
    fn the_kernel_tells_memory_and_disk() {
        let machine = Machine::look();
        assert!(machine.memory > 0 && machine.disk[1] >= machine.disk[0] && machine.disk[1] > 0, "{machine:?}");
    }
}
