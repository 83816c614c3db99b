//! All that is done to the kernel and the machine: file systems, huge pages, network devices, disks, power.
//!
//! What goes wrong is noted down, and the boot goes on: a machine without huge pages still forwards, and one without a
//! function still answers its manager.
pub mod button;
pub mod data;
pub mod devices;
pub mod dpdk;
pub mod kernel;
pub mod memory;
pub mod mounts;
pub mod power;
pub mod slots;
