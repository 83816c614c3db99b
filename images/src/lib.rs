//! The parts of `sluice-image` that stand alone: disks, and what hypervisors are told.
//!
//! [`disk`] makes images that boot by BIOS and by UEFI, and bundles to upgrade them with; [`libvirt`] and [`xen`] describe
//! the machine to a hypervisor.
#![forbid(unsafe_code)]

pub mod disk;
pub mod libvirt;
pub mod tool;
pub mod xen;
