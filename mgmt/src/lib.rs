//! The element management system (EMS) of Sluice: what a VNF manager, an operator and Prometheus talk to.
//!
//! It knows the VNF only through the trait [`vnf::ManagedVnf`] (the reference point that Vines calls Em-Vnf), and runs on
//! a thread and a runtime of its own, so it never makes a worker wait.
//!
//! Reading order: [`vnf`] (what is managed), [`command`] (all that can be asked: one enum), [`ems`] (who may ask it, and
//! the one place where it is done), [`problem`] (what an error looks like), [`routes`] (paths to commands), [`server`]
//! (sockets to paths).
#![forbid(unsafe_code)]
#![allow(clippy::result_large_err)] // an error is the end of a request: its size costs nothing
pub mod alarms;
pub mod archive;
pub mod audit;
pub mod auth;
pub mod backup;
pub mod bundle;
pub mod click_on_osv;
pub mod client;
pub mod clock;
pub mod command;
pub mod ems;
pub mod events;
pub mod functions;
pub mod id;
pub mod journal;
pub mod links;
pub mod metrics;
pub mod openapi;
mod page;
pub mod ports;
pub mod problem;
pub mod rates;
pub mod redact;
pub mod requests;
pub mod routes;
pub mod server;
pub mod settings;
pub mod sol002;
pub mod store;
pub mod tap;
pub mod thresholds;
pub mod vnf;
pub mod workers;
