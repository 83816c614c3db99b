//! Images of virtual machines in which Sluice is the only program, and QEMU to run them.
//!
//! An image is a kernel and an initramfs; a recipe says what goes in. Nothing here needs root, and what is made depends on
//! nothing but what it is made of: the same recipe gives the same bytes.
//!
//! Reading order: [`recipe`] (what is wanted), [`kernel`], [`program`] and [`initramfs`] (the parts), [`build`] (all
//! together), [`disk`] (what boots by BIOS and by UEFI, and bundles to upgrade it with), [`libvirt`] and [`xen`] (what
//! hypervisors are told), [`manifest`] (what came out), [`qemu`] (a machine that runs it).
#![forbid(unsafe_code)]

pub mod build;
pub mod cache;
pub mod cpio;
pub mod digest;
pub mod disk;
pub mod formats;
pub mod initramfs;
pub mod kernel;
pub mod libvirt;
pub mod manifest;
pub mod program;
pub mod qemu;
pub mod recipe;
pub mod tool;
pub mod xen;

#[cfg(test)]
mod scratch;
