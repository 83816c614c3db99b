//! The EMS through SNMP: what can be asked and changed with `snmpget`, `snmpwalk` and `snmpset`, and whom traps and informs
//! tell what happens.
//!
//! A message passes [`agent`] (the socket), [`responder`] (what becomes of it), `usm` (whose it is; `engine`, `users`), `access` (what that one may), and is
//! answered by `answer` from a snapshot (`tree`, `snapshot`, made of [`mib`]) or goes to `set`. What happens goes out through
//! `notify`. Users are kept by `keeper`, which the REST API knows as a [`directory`].
//!
//! Invariants: nothing is read of the VNF for a message that is not authentic. A SET changes all that it names or nothing, by
//! the same command as a request to the REST API. SNMPv1 and SNMPv2c never write.
pub mod directory;

#[cfg(feature = "snmp")]
mod access;
#[cfg(feature = "snmp")]
pub mod agent;
#[cfg(feature = "snmp")]
mod answer;
#[cfg(feature = "snmp")]
mod counters;
#[cfg(feature = "snmp")]
mod engine;
#[cfg(feature = "snmp")]
mod keeper;
#[cfg(feature = "snmp")]
pub mod mib;
#[cfg(feature = "snmp")]
mod notify;
#[cfg(feature = "snmp")]
pub mod responder;
#[cfg(feature = "snmp")]
mod set;
#[cfg(feature = "snmp")]
mod snapshot;
#[cfg(feature = "snmp")]
mod tree;
#[cfg(feature = "snmp")]
mod users;
#[cfg(feature = "snmp")]
mod usm;

#[cfg(feature = "snmp")]
pub use tree::{Table, Tree};
