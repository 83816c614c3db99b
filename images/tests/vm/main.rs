//! Images, booted: what a VNF manager and its packets see of them. Each test takes a QEMU of its own, without KVM.
//!
//! They need the images `full` and `socket` (`make image`), one of them `foreign`, or say that they are skipped.
#[path = "../common/mod.rs"]
mod common;
mod configuration;
mod disks;
mod foreign;
mod life;
mod machines;
mod many;
mod rig;
mod traffic;
