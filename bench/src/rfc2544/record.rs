//! A trial as it is kept, with what it was for.
use super::trial::{Fault, Frames, Offered, Outcome, nanos};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// A trial that was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Counts from 1 in the order in which trials were made.
    pub(crate) number: u32,
    /// When it began, after the begin of the run.
    #[serde(rename = "begun_ns", with = "nanos")]
    pub(crate) begun: Duration,
    /// What it was for.
    pub(crate) step: Step,
    /// What was offered.
    pub(crate) offered: Offered,
    /// What came out, also of a trial that failed, as far as it came.
    pub(crate) outcome: Option<Outcome>,
    /// Why it failed.
    pub(crate) fault: Option<Fault>,
}

impl Record {
    /// What came out, if the trial came to its end.
    pub(crate) fn complete(&self) -> Option<&Outcome> {
        if self.fault.is_none() { self.outcome.as_ref() } else { None }
    }

    /// Whether this trial was for a test of these frames.
    pub(crate) fn is(&self, test: Test, frames: &Frames) -> bool {
        self.step.test() == Some(test) && self.offered.frames == *frames
    }
}

/// The tests of section 26.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Test {
    /// 26.1
    Throughput,
    /// 26.2
    Latency,
    /// 26.3
    FrameLoss,
    /// 26.4, RFC 9004
    BackToBack,
    /// 26.5
    Recovery,
    /// 26.6, RFC 6201
    Reset,
}

impl Test {
    /// All, in the order in which they are made: later ones need the throughput.
    pub(crate) const ALL: [Test; 6] =
        [Test::Throughput, Test::Latency, Test::FrameLoss, Test::BackToBack, Test::Recovery, Test::Reset];

    /// As profiles name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Test::Throughput => "throughput",
            Test::Latency => "latency",
            Test::FrameLoss => "frame-loss",
            Test::BackToBack => "back-to-back",
            Test::Recovery => "recovery",
            Test::Reset => "reset",
        }
    }
}

/// What a trial is for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "for")]
pub(crate) enum Step {
    /// A step of the search for the throughput.
    Throughput,
    /// Half the throughput: more than that is forwarded, so this must be, too.
    Half,
    /// One tagged frame at the throughput (section 26.2).
    Tagged {
        /// From 1.
        repetition: u32,
    },
    /// Every frame stamped, at a share of the throughput.
    Latency {
        /// Per cent of the throughput.
        percent: f64,
    },
    /// A step of the frame loss test.
    FrameLoss {
        /// Per cent of the highest rate.
        percent: f64,
    },
    /// A step of the search for the longest burst.
    BackToBack {
        /// From 1.
        repetition: u32,
    },
    /// An overload, then half of it.
    Recovery,
    /// A reset under load.
    Reset {
        /// From 1.
        repetition: u32,
    },
    /// Whether the device, which was silent, still forwards what it forwarded before.
    Alive,
}

impl Step {
    /// The test that it belongs to.
    pub(crate) fn test(self) -> Option<Test> {
        Some(match self {
            Step::Throughput | Step::Half => Test::Throughput,
            Step::Tagged { .. } | Step::Latency { .. } => Test::Latency,
            Step::FrameLoss { .. } => Test::FrameLoss,
            Step::BackToBack { .. } => Test::BackToBack,
            Step::Recovery => Test::Recovery,
            Step::Reset { .. } => Test::Reset,
            Step::Alive => return None,
        })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Throughput => write!(f, "throughput"),
            Step::Half => write!(f, "half the throughput"),
            Step::Tagged { repetition } => write!(f, "latency of a tagged frame, {repetition}"),
            Step::Latency { percent } => write!(f, "latency at {percent} % of the throughput"),
            Step::FrameLoss { percent } => write!(f, "frame loss at {percent} %"),
            Step::BackToBack { repetition } => write!(f, "back-to-back, {repetition}"),
            Step::Recovery => write!(f, "system recovery"),
            Step::Reset { repetition } => write!(f, "reset, {repetition}"),
            Step::Alive => write!(f, "whether the device still forwards"),
        }
    }
}
