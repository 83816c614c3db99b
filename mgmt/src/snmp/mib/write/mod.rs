//! What is changed by SNMP: the structural agent's rules, paths and next hops.
//!
//! Pure: a SET is applied to a copy, all its variable bindings as if at the same time (RFC 3416 section 4.2.5), and what comes of
//! it is a whole configuration, or the first error. Whether that configuration can run is for others to say.
//!
//! Reading order: this file, `cell` (one variable binding), `rows` (those of one table), then a file for each table.
mod cell;
mod paths;
mod rows;
mod rules;

use crate::agent::Agent;
use async_snmp::{ErrorStatus, VarBind};
use cell::{Place, Wish};
use rows::Rows;

/// Why a SET is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("variable binding {index}: {status}")]
pub struct Refused {
    /// The `error-status` of the response.
    pub status: ErrorStatus,
    /// The `error-index`: the variable binding that is wrong, from 1 on.
    pub index: usize,
}

fn refused<T>(status: ErrorStatus, index: usize) -> Result<T, Refused> {
    Err(Refused { status, index })
}

/// What an agent becomes by a SET.
///
/// # Errors
/// The first that RFC 3416 section 4.2.5 names: `notWritable`, `wrongType`, `wrongLength`, `wrongValue`, `noCreation` of a
/// single variable binding; then `inconsistentName` and `inconsistentValue` of what they are together (RFC 2579 section 2,
/// `RowStatus`). Nothing is changed then.
pub fn write(agent: &Agent, wanted: &[VarBind]) -> Result<Agent, Refused> {
    let (mut rules, mut paths, mut hops) = (Rows::default(), Rows::default(), Rows::default());
    let single = |(at, binding)| cell::read(binding).or_else(|status| refused(status, at));
    let wishes = (1..).zip(wanted).map(|b| Ok((b.0, single(b)?))).collect::<Result<Vec<(usize, Wish)>, Refused>>()?;
    for (at, Wish { place, column, cell }) in wishes {
        match place {
            Place::Rule(name) => rules.add(name, column, at, cell)?,
            Place::Path(id) => paths.add(id, column, at, cell)?,
            Place::NextHop(next) => hops.add(next, column, at, cell)?,
        }
    }
    Ok(Agent {
        rules: rules::apply(&agent.rules, &rules)?,
        paths: paths::apply(&agent.paths, &paths, &hops)?,
        ..agent.clone()
    })
}

#[cfg(test)]
mod tests;
