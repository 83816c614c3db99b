//! What is measured with which device, and what each run gave.
use serde::{Deserialize, Serialize};
use std::fmt;

/// What runs the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Platform {
    /// This machine, without a virtual one.
    Host,
    /// QEMU, by KVM or emulated.
    Qemu,
    /// Xen, paravirtualised.
    XenPv,
    /// Xen, by the processor's extensions.
    XenPvh,
}

impl Platform {
    pub(crate) const ALL: [Platform; 4] = [Platform::Host, Platform::Qemu, Platform::XenPv, Platform::XenPvh];

    /// As `--only` and the JSON have it.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Platform::Host => "host",
            Platform::Qemu => "qemu",
            Platform::XenPv => "xen-pv",
            Platform::XenPvh => "xen-pvh",
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Platform::Host => "no virtual machine",
            Platform::Qemu => "QEMU",
            Platform::XenPv => "Xen, PV",
            Platform::XenPvh => "Xen, PVH",
        })
    }
}

/// Who bridges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Function {
    /// Sluice's image `full`: DPDK where it has a driver for the ports.
    Full,
    /// Sluice's image `socket`; without a virtual machine the program itself.
    Socket,
    /// Linux.
    Bridge,
}

impl Function {
    pub(crate) const ALL: [Function; 3] = [Function::Full, Function::Socket, Function::Bridge];

    /// As `--only` and the JSON have it.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Function::Full => "full",
            Function::Socket => "socket",
            Function::Bridge => "bridge",
        }
    }
}

/// A device: a function on a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Subject {
    pub(crate) platform: Platform,
    pub(crate) function: Function,
}

impl Subject {
    /// All that are measured, in the order in which they are.
    pub(crate) fn all() -> Vec<Subject> {
        let on = |platform| Function::ALL.map(|function| Subject { platform, function });
        let all = Platform::ALL.into_iter().flat_map(on);
        // DPDK's ports are those of machines.
        all.filter(|s| (s.platform, s.function) != (Platform::Host, Function::Full)).collect()
    }

    /// Whether it is meant by this word of `--only`: a platform, or `qemu-full` and the like.
    pub(crate) fn is(self, word: &str) -> bool {
        word == self.platform.key() || word == self.key()
    }

    /// As `--only` has it.
    pub(crate) fn key(self) -> String {
        format!("{}-{}", self.platform.key(), self.function.key())
    }
}

impl Subject {
    /// The device's name among those of its platform.
    pub(crate) fn name(self) -> &'static str {
        match (self.function, self.platform) {
            (Function::Full, _) => "Sluice full",
            (Function::Socket, Platform::Host) => "Sluice process",
            (Function::Socket, _) => "Sluice socket",
            (Function::Bridge, _) => "Linux bridge",
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.platform)
    }
}

/// Traffic of which the round-trip delay is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Flow {
    /// Speech by G.711: 100 datagrams a second.
    Voip,
    /// Keystrokes over TCP, with a time between two as people have it.
    Telnet,
    /// 100 datagrams a second of random sizes, 64 to 1500 bytes with IP and UDP header.
    Udp,
}

impl Flow {
    pub(crate) const ALL: [Flow; 3] = [Flow::Voip, Flow::Telnet, Flow::Udp];
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Flow::Voip => "VoIP (UDP)",
            Flow::Telnet => "Telnet (TCP)",
            Flow::Udp => "UDP, 64 to 1500 bytes",
        })
    }
}

/// What is sent through a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Workload {
    /// A TCP stream as fast as it goes, by messages (calls of `write`) of so many bytes.
    Stream(u32),
    /// A flow whose answers are waited for.
    Flow(Flow),
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Workload::Stream(bytes) => write!(f, "TCP stream, messages of {bytes} bytes"),
            Workload::Flow(flow) => write!(f, "{flow}"),
        }
    }
}

/// What a run measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Measured {
    /// A stream.
    Rate(Rate),
    /// A flow.
    Delay(Delay),
}

/// A stream, as iperf3 says it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rate {
    /// Bits a second of payload that arrived.
    pub(crate) received: f64,
    /// Bits a second of payload that the sender's kernel took.
    pub(crate) sent: f64,
    pub(crate) retransmits: u64,
    /// How long it took, seconds.
    pub(crate) seconds: f64,
}

/// Round-trip delays of a flow, as ITGDec says them; all times in seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Delay {
    /// Packets that came back.
    pub(crate) packets: u64,
    /// Packets that did not.
    pub(crate) dropped: u64,
    pub(crate) seconds: f64,
    pub(crate) mean: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) jitter: f64,
    pub(crate) deviation: f64,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) workload: Workload,
    /// 1 and on; runs of one number have the same random sizes and times on all devices.
    pub(crate) number: u32,
    /// What it measured, or why it failed.
    pub(crate) outcome: Result<Measured, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_device_has_a_word_of_its_own_and_that_of_its_platform() {
        let all = Subject::all();
        assert_eq!(all.len(), 11);
        for subject in &all {
            assert_eq!(all.iter().filter(|s| s.is(&subject.key())).collect::<Vec<_>>(), [subject]);
        }
        assert_eq!(all.iter().filter(|s| s.is("xen-pv")).count(), 3);
        assert_eq!(all.iter().filter(|s| s.is("host")).count(), 2);
    }
}
