//! The SNMP agent of a VNF that runs.
use crate::vnf::description::Description;
use sluice_mgmt::ems::Ems;
use std::sync::Arc;

/// Starts it, if the description has one. A machine of its own does without one that cannot be, and says why.
#[cfg(feature = "snmp")]
pub(crate) fn start(
    ems: &Arc<Ems>,
    description: Option<&Description>,
    quiet: bool,
) -> anyhow::Result<Option<sluice_mgmt::snmp::agent::Agent>> {
    use anyhow::Context as _;
    use sluice_mgmt::alarms::{Cause, Severity};
    use sluice_mgmt::snmp::agent::Agent;
    let Some(d) = description else { return Ok(None) };
    match Agent::start(ems, &d.ems) {
        Ok(agent) => {
            if let Some(agent) = agent.as_ref().filter(|_| !quiet) {
                eprintln!("SNMP: {}", agent.address());
            }
            Ok(agent)
        }
        Err(why) if d.boot.is_some() => {
            let text = format!("no SNMP: {why}");
            eprintln!("sluice: {text}");
            ems.alarms.raise("snmp", Cause::ConfigurationOrCustomizationError, Severity::Major, &text);
            Ok(None)
        }
        Err(why) => Err(why).context("SNMP"),
    }
}

/// There is none in this program; settings that want one were refused.
#[cfg(not(feature = "snmp"))]
pub(crate) fn start(
    _: &Arc<Ems>,
    _: Option<&Description>,
    _: bool,
) -> anyhow::Result<Option<std::convert::Infallible>> {
    Ok(None)
}
