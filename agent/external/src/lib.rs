//! Any Linux program as a function of a VNF: `tcpdump`, an intrusion detection system, a script.
//!
//! The program lives in a network namespace of its own, where it finds ordinary interfaces, and sees nothing of the machine's
//! other networks, processes and devices. Of its files it sees what its user may, unless it has a root file system of its own.
//! The graph has the other ends, and [`ExternalGate`] before them, which knows whether the program works.
//!
//! Reading order: [`Spec`] (what is wanted), [`External`] (what is made of it), `supervise` (its life), `sandbox` (what
//! stands between), `links` (the interfaces), [`Door`] and [`ExternalGate`] (what the graph knows of it).
//!
//! Nothing is left behind, whoever ends how: the namespace has no name and goes away with the last who uses it, a pair of
//! devices with its namespace, the program's processes with the first of them, and that one with its supervisor.
#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]
mod cgroup;
mod click;
mod door;
mod external;
mod gate;
mod links;
mod namespace;
mod owner;
mod pause;
mod program;
mod readiness;
mod run;
mod sandbox;
mod spec;
mod supervise;
mod words;

pub use door::{Door, Passage};
pub use external::{External, State, Status, vdevs};
pub use gate::ExternalGate;
pub use run::{Ended, Sandbox};
pub use sandbox::sandbox;
pub use spec::{Attach, Fail, Limits, Problem, Problems, Ready, Restart, Spec};

use sluice_dataplane::element::Class;

/// The element classes of this crate, sorted by name.
pub const CLASSES: &[Class] = &[Class::of::<ExternalGate>()];
