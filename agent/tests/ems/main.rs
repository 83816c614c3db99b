//! The EMS of a real VNF, over real sockets, while real traffic flows.
mod agent;
mod boot;
#[path = "../../../mgmt/tests/callback/mod.rs"]
mod callback;
mod chain;
mod client;
#[path = "../common/mod.rs"]
mod common;
mod live;
mod lost;
mod machine;
#[cfg(feature = "wasm")]
mod mixed;
mod more_rows;
mod observe;
mod rig;
mod rows;
mod secured;
#[cfg(feature = "snmp")]
mod snmp;
