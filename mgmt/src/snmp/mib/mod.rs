//! The management information: what is read of the VNF, what is changed of it, and what is told of it.
//!
//! `mibs/SLUICE-MIB` describes our own part; the rest is of SNMPv2-MIB (RFC 3418) and IF-MIB (RFC 2863).
//!
//! Reading order: this file, `names` and `value`, then a file for each part: `system`, `interfaces`, `vnf`, `alarms`, `structural`;
//! at last `write` and `notify`.
mod alarms;
mod interfaces;
mod names;
mod notify;
mod structural;
mod system;
mod value;
mod vnf;
mod write;

pub use notify::notification;
pub use write::{Refused, write};

use super::Table;
use crate::agent::{AGENT, Agent, counts};
use crate::ems::Ems;
use crate::vnf::{FunctionInfo, State};
use std::sync::{Arc, Mutex, PoisonError};

/// What the agent is told of itself (RFC 3418 section 2).
#[derive(Clone, Copy, Debug, Default)]
pub struct About<'a> {
    /// `sysUpTime`: hundredths of a second since the SNMP agent started, modulo 2^32.
    pub uptime: u32,
    /// `sysContact`
    pub contact: &'a str,
    /// `sysLocation`
    pub location: &'a str,
}

/// What is kept from one reading to the next: the numbers of ports, and the structural agent's configuration.
#[derive(Debug, Default)]
pub struct Kept {
    numbers: Mutex<interfaces::Numbers>,
    /// With its entity tag.
    agent: Mutex<Option<(String, Arc<Agent>)>>,
}

impl Kept {
    /// The `ifIndex` of a port; none if there were too many.
    fn number(&self, port: &str) -> Option<u32> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner).of(port)
    }

    /// The structural agent's configuration and its entity tag; none if the VNF has no such agent. The text is parsed once for
    /// each revision.
    pub fn agent(&self, ems: &Ems) -> Option<(Arc<Agent>, String)> {
        let function = ems.functions.get(AGENT).ok()?;
        let mut kept = self.agent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((etag, agent)) = kept.as_ref().filter(|(etag, _)| *etag == function.etag) {
            return Some((agent.clone(), etag.clone()));
        }
        let agent = Arc::new(Agent::read(&function.configuration.text).ok()?);
        *kept = Some((function.etag.clone(), agent.clone()));
        Some((agent, function.etag))
    }
}

/// Everything that there is to read of the VNF, as it is now.
pub fn read(ems: &Ems, kept: &Kept, about: &About<'_>) -> Vec<Table> {
    let (status, snapshot) = (ems.vnf.status(), ems.vnf.snapshot());
    let versions = ems.vnf.versions();
    let mut tables = system::tables(&ems.identity, versions.get("sluice").map_or("", String::as_str), about);
    let open = status.state == State::Running;
    let mut numbers = kept.numbers.lock().unwrap_or_else(PoisonError::into_inner);
    tables.extend(interfaces::tables(&snapshot.ports, open, &mut numbers));
    drop(numbers);
    let revision = |name: &str| ems.functions.current(name);
    let numbered = |f: FunctionInfo| (revision(&f.name), f);
    let functions: Vec<_> = ems.vnf.functions().into_iter().map(numbered).collect();
    let of_agent = functions.iter().find(|(_, f)| f.name == AGENT).map_or(0, |(revision, _)| *revision);
    tables.extend([
        vnf::vnf(&ems.identity, &status, ems.started(), of_agent),
        vnf::functions(&functions),
        vnf::drops(&snapshot.dropped),
        alarms::table(&ems.alarms.active()),
    ]);
    let agent = kept.agent(ems).map(|(agent, _)| agent).unwrap_or_default();
    let on_paths = counts(ems, "paths");
    tables.extend([
        structural::rules(&agent.rules, &counts(ems, "rules")),
        structural::paths(&agent.paths, &on_paths),
        structural::hops(&agent.paths, &on_paths),
    ]);
    tables
}
