//! The element management system (EMS) of Sluice: what a VNF manager, an operator and Prometheus talk to.
//!
//! It knows the VNF only through the trait [`vnf::ManagedVnf`] (the reference point that Vines calls Em-Vnf), and runs on
//! a thread and a runtime of its own, so it never makes a worker wait.
//!
//! Reading order: [`vnf`] (what is managed), [`command`] (all that can be asked: one enum), [`ems`] (who may ask it, and
//! the one place where it is done), [`problem`] (what an error looks like). Then what commands work on: [`functions`] (how
//! a function is replaced, confirmed and taken back), [`store`] (its revisions, which survive a power cut), [`backup`] and
//! [`bundle`] (all of it in an [`archive`]), [`alarms`], [`events`] and [`journal`] (what is wrong, what happens, what was
//! said), [`rates`], [`thresholds`] and [`metrics`] (figures), [`tap`] (packets), [`audit`] (who changed what). Then who
//! talks to it: [`auth`] (who somebody is), [`tls`] (what needs keys), [`server`] (sockets to requests, and the limits of each), [`routes`]
//! (paths of the native API to commands, from which [`openapi`] makes the document), [`sol002`] (the interfaces that a VNF
//! manager expects: configuration, indicators, coordination), [`click_on_osv`] (those of an older platform, for its tools), [`snmp`] (what a network manager speaks),
//! and at the other end of the wire [`client`], which is behind `sluice ctl`. What a `vnf.toml` says of it is in
//! [`settings`]. A request passes [`server`], [`auth`], [`routes`] and [`ems`] in this order; all others are called by [`ems`].
#![forbid(unsafe_code)]
#![allow(clippy::result_large_err)] // an error is the end of a request: its size costs nothing
pub mod agent;
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
pub mod encoding;
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
pub mod snmp;
pub mod sol002;
pub mod store;
pub mod system;
pub mod tap;
pub mod thresholds;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(not(feature = "tls"))]
#[path = "no_tls.rs"]
pub mod tls;
pub mod vnf;
pub mod workers;
