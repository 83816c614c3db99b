//! What a tester is asked for, and what it answers: the border between the tests of RFC 2544, which
//! only decide, and whatever sends and receives frames.
//!
//! All frame sizes are those of RFC 2544: from the destination address to the frame check sequence
//! (4 bytes, counted whether or not a port shows them). A frame takes 20 bytes more on a line:
//! preamble and start delimiter 8, interframe gap 12. All rates are frames a second in *one*
//! direction. All times count from the first test frame of the trial; senders and receivers of a
//! tester read one clock.
mod outcome;

pub(crate) use outcome::{Counts, Gap, Group, Outcome, Queries, Sent, group_histogram, latency_histogram};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Whatever offers frames to a device and counts what comes out of it.
///
/// Calls come one after another. None may block much longer than [`Offered::expected`] says.
pub(crate) trait Trial {
    /// Who the tester is. Asked once, before the first trial.
    fn tester(&self) -> Tester;

    /// The rate up to which the tester itself, over a loopback, loses none of these frames; `None`
    /// when it does not know. It may take a few seconds to find out, and should remember the answer.
    fn ceiling(&mut self, offered: &Offered, control: &mut Control<'_>) -> Option<f64>;

    /// Makes one trial: learning frames, all phases, waiting for late frames, settling.
    ///
    /// Fails when the trial says nothing about the device at this load. Loss, however much, and a
    /// sender that did not reach the rate are outcomes, not failures.
    fn run(&mut self, offered: &Offered, control: &mut Control<'_>) -> Result<Outcome, Failure>;
}

/// What one trial offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Offered {
    /// Their sizes.
    pub(crate) frames: Frames,
    /// What is in them.
    pub(crate) traffic: Traffic,
    /// From where to where.
    pub(crate) directions: Directions,
    /// One after another without a gap, the same in each direction.
    pub(crate) phases: Vec<Phase>,
    /// Which frames are time-stamped.
    pub(crate) stamps: Stamps,
    /// Whether learning frames go first (section 23 (a)); they are not counted anywhere.
    pub(crate) learn: bool,
    /// How long frames are still received after the last one was sent (section 23 (c)), in
    /// nanoseconds in reports.
    #[serde(rename = "late_ns", with = "nanos")]
    pub(crate) late: Duration,
    /// How long nothing is sent afterwards (section 23 (d)).
    #[serde(rename = "settle_ns", with = "nanos")]
    pub(crate) settle: Duration,
}

impl Offered {
    /// The time that the trial should take in all, when the port's full speed is `line` frames a second.
    pub(crate) fn expected(&self, line: f64) -> Duration {
        let sending: Duration = self.phases.iter().map(|p| p.expected(line)).sum();
        sending + self.late + self.settle
    }
}

/// The sizes of the frames of a trial, in bytes with frame check sequence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Frames {
    /// All frames have this size.
    Size(u16),
    /// Sizes in turn, each as often in a cycle as its weight says, spread over the cycle.
    Mix(Vec<Share>),
}

/// A size of a mix, and how often it comes in a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Share {
    /// Bytes with frame check sequence.
    pub(crate) size: u16,
    /// Frames of this size in each cycle; at least 1.
    pub(crate) weight: u32,
}

/// Bytes that a frame takes on a line beyond its size: preamble, start delimiter, interframe gap.
pub(crate) const GAP: f64 = 20.0;

impl Frames {
    /// The simple IMIX: 7 frames of 64 bytes, 4 of 570, 1 of 1518.
    pub(crate) fn imix() -> Frames {
        Frames::Mix([(64, 7), (570, 4), (1518, 1)].map(|(size, weight)| Share { size, weight }).to_vec())
    }

    /// The largest size, bytes; 0 for a mix of nothing.
    pub(crate) fn largest(&self) -> u16 {
        match self {
            Frames::Size(size) => *size,
            Frames::Mix(shares) => shares.iter().map(|s| s.size).max().unwrap_or(0),
        }
    }

    /// The mean size in bytes; 0 for a mix of nothing.
    pub(crate) fn mean(&self) -> f64 {
        match self {
            Frames::Size(size) => f64::from(*size),
            Frames::Mix(shares) => {
                let weight: f64 = shares.iter().map(|s| f64::from(s.weight)).sum();
                let bytes: f64 = shares.iter().map(|s| f64::from(s.size) * f64::from(s.weight)).sum();
                if weight > 0.0 { bytes / weight } else { 0.0 }
            }
        }
    }

    /// Frames a second that fill a line of so many bits a second.
    pub(crate) fn line(&self, bits: f64) -> f64 {
        bits / (8.0 * (self.mean() + GAP))
    }

    /// As tables name it: "64", "IMIX 64x7 570x4 1518x1".
    pub(crate) fn name(&self) -> String {
        match self {
            Frames::Size(size) => size.to_string(),
            Frames::Mix(shares) => {
                let shares: Vec<String> = shares.iter().map(|s| format!("{}x{}", s.size, s.weight)).collect();
                format!("IMIX {}", shares.join(" "))
            }
        }
    }
}

/// What is in the frames: UDP datagrams, each with a sequence number, its direction, a number of
/// the trial (so that late frames of another trial count as foreign), a time stamp where
/// [`Stamps`] asks for one, and a checksum over the payload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Traffic {
    /// IPv4, or IPv6 (RFC 5180).
    pub(crate) ip: Ip,
    /// Whether the packets are encapsulated by NSH (RFC 8300), which the frame sizes include.
    pub(crate) nsh: bool,
    /// Flows in each direction, 1 to 1,000,000.
    pub(crate) flows: u32,
    /// Groups of flows that are counted apart, 1 to [`MOST_GROUPS`]: flow number n is in group n modulo this, as its
    /// destination network is number n modulo [`networks`](Self::networks). With 1 there are no counts of groups.
    pub(crate) groups: u16,
    /// Whether addresses and ports of flows are pseudorandom (RFC 4814) or count up.
    pub(crate) random: bool,
    /// Destination networks, 1 to 256 (section 12).
    pub(crate) networks: u16,
    /// Whether 1 frame in 100 goes to the broadcast address (section 11.1). These are not counted
    /// anywhere: a device need not forward them.
    pub(crate) broadcast: bool,
    /// Whether the device is asked for management data once a second (section 11.2).
    pub(crate) management: bool,
}

/// Most groups of flows.
pub(crate) const MOST_GROUPS: u16 = 64;

impl Default for Traffic {
    fn default() -> Traffic {
        Traffic {
            ip: Ip::V4,
            nsh: false,
            flows: 1,
            groups: 1,
            random: false,
            networks: 1,
            broadcast: false,
            management: false,
        }
    }
}

/// The version of the internet protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Ip {
    /// Version 4.
    #[serde(rename = "ipv4")]
    V4,
    /// Version 6.
    #[serde(rename = "ipv6")]
    V6,
}

/// A direction through the device: from the tester's port A to its port B, or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Direction {
    /// Sent at A, received at B.
    #[serde(rename = "a-to-b")]
    AToB,
    /// Sent at B, received at A.
    #[serde(rename = "b-to-a")]
    BToA,
}

/// The directions of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Directions {
    /// From A to B.
    #[serde(rename = "a-to-b")]
    AToB,
    /// From B to A.
    #[serde(rename = "b-to-a")]
    BToA,
    /// Both at once, each at the given rate (section 14).
    #[serde(rename = "both")]
    Both,
}

impl Directions {
    /// Each of them.
    pub(crate) fn each(self) -> &'static [Direction] {
        match self {
            Directions::AToB => &[Direction::AToB],
            Directions::BToA => &[Direction::BToA],
            Directions::Both => &[Direction::AToB, Direction::BToA],
        }
    }
}

/// A part of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Phase {
    /// How fast.
    pub(crate) load: Load,
    /// How long.
    pub(crate) length: Length,
}

impl Phase {
    /// The time that it should take, when the port's full speed is `line` frames a second.
    pub(crate) fn expected(&self, line: f64) -> Duration {
        match self.length {
            Length::Time(time) => time,
            Length::Frames(n) => {
                let rate = if let Load::Rate(rate) = self.load { rate } else { line };
                Duration::try_from_secs_f64(n as f64 / rate).unwrap_or(Duration::MAX)
            }
        }
    }
}

/// How fast frames are offered.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Load {
    /// Frames a second in each direction, evenly spaced; above 0.
    Rate(f64),
    /// As fast as the port takes them, back to back.
    FullSpeed,
}

/// How long frames are offered.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Length {
    /// For this time.
    #[serde(rename = "time_ns", with = "nanos")]
    Time(Duration),
    /// As many frames in each direction; at least 1.
    #[serde(rename = "frames")]
    Frames(u64),
}

/// Which frames are stamped, and so have a latency.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stamps {
    /// None. The outcome has no latency.
    Off,
    /// Every frame.
    Every,
    /// The first one that is sent at or after this time (section 26.2: after 60 s).
    #[serde(rename = "one_at_ns", with = "nanos")]
    OneAt(Duration),
}

/// A trial that did not come to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// Why.
    pub(crate) fault: Fault,
    /// What was counted until then, where anything was.
    pub(crate) so_far: Option<Outcome>,
}

/// Why a trial did not come to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "why")]
pub(crate) enum Fault {
    /// The tester cannot make such a trial: frames too small for their headers, larger than the
    /// port takes, more flows than it has. Other trials may work.
    Refused(String),
    /// A port of the tester is gone or failed. Ends the run.
    Port(String),
    /// The device is known to have died: its process ended, its link went down. Ends the run. A device
    /// that is merely silent is an outcome, with every frame lost.
    Died(String),
    /// [`Control::stop`] was set. Ends the run.
    Interrupted,
}

/// What reaches into a trial while it runs.
pub(crate) struct Control<'a> {
    /// Set when the run is to end: the trial stops within 100 ms with [`Fault::Interrupted`].
    pub(crate) stop: &'a AtomicBool,
    /// What is to happen to the device meanwhile.
    pub(crate) event: Option<Event<'a>>,
}

impl<'a> Control<'a> {
    /// Nothing happens to the device.
    pub(crate) fn new(stop: &'a AtomicBool) -> Control<'a> {
        Control { stop, event: None }
    }

    /// Whether the run is to end.
    pub(crate) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// A reset at a moment of a trial. The tester calls it once, from another thread than those that
/// send and receive, which go on. If it fails the trial ends with [`Fault::Died`].
pub(crate) struct Event<'a> {
    /// When, after the first test frame.
    pub(crate) at: Duration,
    /// What.
    pub(crate) act: &'a mut dyn Reset,
}

/// Resets the device (RFC 6201).
pub(crate) trait Reset: Send {
    /// What kind of reset it is, for the report: "kill of the process", "reset of the virtual machine".
    fn name(&self) -> String;

    /// Starts it; need not wait until the device works again. The error says what did not work.
    fn reset(&mut self) -> Result<(), String>;
}

/// Who tests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tester {
    /// Generator and receiver, in a few words: "AF_PACKET, generator and receiver on core 1".
    pub(crate) name: String,
    /// The device, in a few words.
    pub(crate) device: String,
    /// Bits a second of the slower of the two lines; `None` where ports have no speed (veth, memif).
    pub(crate) line: Option<f64>,
    /// Where stamps are taken: "before the frame goes to the port, after it came from it".
    pub(crate) stamps: String,
    /// Whether generator and receiver share one core.
    pub(crate) shared_core: bool,
    /// The least latency of a loopback in nanoseconds, where known. Never subtracted.
    pub(crate) floor: Option<f64>,
    /// More to be kept with the results: ports, drivers, their settings, versions, how the device was
    /// started; names and values.
    pub(crate) facts: Vec<(String, String)>,
}

/// Durations as whole nanoseconds, which no reader rounds.
pub(crate) mod nanos {
    use super::Duration;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_rates_count_preamble_and_gap() {
        // RFC 2544 appendix B: Ethernet, 64 bytes: 14,880 frames a second at 10 Mbit/s.
        for (size, rate) in [(64, 14880), (128, 8445), (256, 4528), (512, 2349), (1280, 961), (1518, 812)] {
            assert_eq!(Frames::Size(size).line(10e6) as u64, rate);
        }
        let mean = (7.0 * 64.0 + 4.0 * 570.0 + 1518.0) / 12.0;
        assert_eq!(Frames::imix().mean(), mean);
    }

    #[test]
    fn the_time_of_a_trial_is_that_of_its_phases_and_waits() {
        let phases = vec![
            Phase { load: Load::Rate(500.0), length: Length::Frames(1000) },
            Phase { load: Load::FullSpeed, length: Length::Frames(1000) },
            Phase { load: Load::FullSpeed, length: Length::Time(Duration::from_secs(3)) },
        ];
        let offered = Offered {
            frames: Frames::Size(64),
            traffic: Traffic::default(),
            directions: Directions::Both,
            phases,
            stamps: Stamps::Off,
            learn: true,
            late: Duration::from_secs(2),
            settle: Duration::from_secs(5),
        };
        assert_eq!(offered.expected(1000.0), Duration::from_secs(13));
    }
}
