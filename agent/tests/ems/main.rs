//! The EMS of a real VNF, over real sockets, while real traffic flows.
mod boot;
mod client;
#[path = "../common/mod.rs"]
mod common;
mod live;
mod lost;
mod machine;
mod observe;
mod rows;
