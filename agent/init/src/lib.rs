//! The first process of a virtual machine in which Sluice is the only program.
//!
//! It is a program of its own that happens to live in the same file as `sluice`: it knows nothing of packets or HTTP. It
//! prepares the machine, writes what it found and was told into one description, and keeps `sluice run` alive.
//!
//! Reading order: [`boot`] (what it tells the VNF), [`config`] (what it was told, and where), [`prepare`] (the order of
//! things), [`machine`] (all that is done to the kernel), [`net`] (the management address), [`describe`] (`vnf.toml`),
//! [`supervise`] (the VNF's process), [`run`] (all of it, until the machine ends).
#![forbid(unsafe_code)]

pub mod boot;
pub mod config;
pub mod describe;
pub mod machine;
pub mod net;
pub mod prepare;
pub mod run;
pub mod supervise;
pub mod time;
