//! Images, booted: what a VNF manager and its packets see of them. Each test takes a QEMU of its own, without KVM.
//!
//! They need the images `full` and `socket` (`make image`), or say that they are skipped.
#[path = "../common/mod.rs"]
mod common;
mod configuration;
mod disks;
mod life;
mod machines;
mod many;
mod rig;
mod traffic;
