//! Writing: SET in its two phases (RFC 3416 section 4.2.5). All bindings are tried on a copy of the agent's configuration;
//! then the whole copy takes the way of a request to the REST API: role, check, swap, revision, audit.
use super::access::Rights;
use super::answer::Answer;
use super::mib;
use crate::auth::{Actor, Call};
use crate::command::Command;
use crate::ems::Ems;
use crate::functions::Terms;
use crate::problem::Problem;
use async_snmp::{ErrorStatus, VarBind};
use std::sync::Arc;

/// So often it is tried again when somebody else was faster.
const TRIES: usize = 3;

/// Does what the bindings want, or nothing of it.
pub(super) async fn set(
    ems: &Arc<Ems>,
    kept: &mib::Kept,
    rights: Option<Rights<'_>>,
    actor: Actor,
    call: Call,
    wanted: &[VarBind],
) -> Answer {
    let Some(rights) = rights.filter(Rights::writes) else { return Answer::Wrong(ErrorStatus::AuthorizationError, 0) };
    if let Some(n) = wanted.iter().position(|b| !rights.write(&b.oid)) {
        return Answer::Wrong(ErrorStatus::NoAccess, n + 1);
    }
    if wanted.is_empty() {
        return Answer::Bindings(Vec::new());
    }
    for _ in 0..TRIES {
        // There is no structural agent.
        let Some((before, etag)) = kept.agent(ems) else { return Answer::Wrong(ErrorStatus::NoCreation, 1) };
        let after = match mib::write(&before, wanted) {
            Ok(after) => after,
            Err(mib::Refused { status, index }) => return Answer::Wrong(status, index),
        };
        if after == *before {
            return Answer::Bindings(wanted.to_vec());
        }
        let terms = Terms { if_match: Some(etag), ..Terms::default() };
        let command = Command::ChangeAgent(Box::new(after), terms);
        match ems.execute_call(Some(actor.clone()), call.clone(), command).await {
            Ok(_) => return Answer::Bindings(wanted.to_vec()),
            Err(Problem { status: 412, .. }) => {}
            Err(why) => return refused(&why),
        }
    }
    Answer::Wrong(ErrorStatus::ResourceUnavailable, 1)
}

/// The whole is wrong, or cannot be had now: no binding of it is to blame more than the first.
fn refused(why: &Problem) -> Answer {
    match why.status {
        403 => Answer::Wrong(ErrorStatus::AuthorizationError, 0),
        400 | 422 => Answer::Wrong(ErrorStatus::InconsistentValue, 1),
        409 | 412 | 503 => Answer::Wrong(ErrorStatus::ResourceUnavailable, 1),
        _ => Answer::Wrong(ErrorStatus::CommitFailed, 1),
    }
}
