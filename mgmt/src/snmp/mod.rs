//! The EMS through SNMP: what can be asked and changed with `snmpget`, `snmpwalk` and `snmpset`, and whom traps and informs
//! tell what happens.
//!
//! Reading order: `tree` (what there is to read, in order), [`mib`] (what it is made of, how it is changed, what is told of).
pub mod mib;
mod tree;

pub use tree::{Table, Tree};
