//! The first process of a virtual machine in which Sluice is the only program.
//!
//! It is a program of its own that happens to live in the same file as `sluice`: it knows nothing of packets or HTTP. It
//! prepares the machine, writes what it found and was told into one description ([`boot`], `vnf.toml`), and keeps
//! `sluice run` alive.
//!
//! Reading order: [`boot`] (what it tells the VNF), [`config`] (what it was told, and where), [`net`] (the management
//! address), [`machine`] (all that is done to the kernel), [`supervise`] (the VNF's process).
#![forbid(unsafe_code)]

pub mod boot;
pub mod config;
pub mod machine;
pub mod net;
pub mod supervise;
