//! Coordination of a life cycle operation of the VNF manager with the VNF (SOL 002 clause 10).
//!
//! | action | what it does | input | mode |
//! |---|---|---|---|
//! | `drain` | closes the entrances and waits until no packet is inside; else opens them again: ABORT | `timeoutSeconds`, 1 to 3600 (30) | asynchronous |
//! | `quiesce` | stops the VNF: its ports are closed | | synchronous |
//! | `resume` | opens the entrances again and lets the VNF run | | synchronous |
//! | `snapshot` | tells the configuration, its revisions and all counters | | synchronous |
//!
//! A VNF descriptor may put whose action it is before the name: of `prv.example.drain`, the last part counts.
use super::coordination::{Coordination, Outcome, Request, Verdict};
use super::drain::{self, End, Entrance};
use super::version::Caller;
use super::{body, identifier};
use crate::auth::Actor;
use crate::command::{Answer, Command, Wanted};
use crate::ems::Ems;
use crate::problem::Problem;
use crate::vnf::State;
use axum::Json;
use axum::extract::{Path, Request as HttpRequest};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Coordinations that are remembered.
pub const KEPT: usize = 256;
/// Requests and results that are remembered, bytes; the last one is in any case.
const KEPT_BYTES: usize = 8 << 20;
/// Longest request that is remembered, bytes.
const LONGEST: usize = 64 << 10;
/// Clients that wait look again after so many seconds.
const AGAIN: u64 = 1;
/// Time to drain if the request says none, seconds.
const DRAIN: u64 = 30;
/// The longest, seconds.
const LONGEST_DRAIN: u64 = 3600;

/// All coordinations, the oldest first.
#[derive(Debug, Default)]
pub struct Coordinations {
    list: Mutex<VecDeque<Arc<Entry>>>,
    /// Held while one is begun, and while one goes on that takes no time.
    beginning: Mutex<()>,
}

#[derive(Debug)]
struct Entry {
    coordination: Mutex<(Coordination, bool)>,
    /// What it takes up, about, bytes.
    size: usize,
    cancelled: Condvar,
}

impl Entry {
    /// It, and whether it is to be cancelled.
    fn now(&self) -> MutexGuard<'_, (Coordination, bool)> {
        self.coordination.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, outcome: Outcome) {
        self.now().0.outcome = Some(outcome);
    }

    /// Sleeps, unless it is cancelled.
    fn wait(&self, time: Duration) -> bool {
        let woken = self.cancelled.wait_timeout_while(self.now(), time, |now| !now.1);
        woken.is_ok_and(|(now, _)| now.1)
    }
}

impl Coordinations {
    fn list(&self) -> MutexGuard<'_, VecDeque<Arc<Entry>>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entry(&self, id: &str) -> Result<Arc<Entry>, Problem> {
        let found = self.list().iter().find(|e| e.now().0.id == id).cloned();
        found.ok_or_else(|| Problem::not_found(format!("there is no coordination ‘{id}’")))
    }

    /// One of them.
    ///
    /// # Errors
    /// 404
    pub fn get(&self, id: &str) -> Result<Coordination, Problem> {
        Ok(self.entry(id)?.now().0.clone())
    }

    /// Cancels one that goes on.
    ///
    /// # Errors
    /// 404; 409 when it has ended.
    pub fn cancel(&self, id: &str) -> Result<Coordination, Problem> {
        let entry = self.entry(id)?;
        let mut now = entry.now();
        if now.0.outcome.is_some() {
            return Err(Problem::conflict(format!("coordination {id} has ended")));
        }
        now.1 = true;
        entry.cancelled.notify_all();
        Ok(now.0.clone())
    }

    fn remember(&self, request: Request, outcome: Option<Outcome>) -> Result<Arc<Entry>, Problem> {
        let output = outcome.as_ref().map_or(0, |o| length(&o.output));
        let size = length(&request).saturating_add(output);
        let coordination = Coordination { id: identifier()?, request, outcome };
        let cancelled = Condvar::new();
        let entry = Arc::new(Entry { coordination: Mutex::new((coordination, false)), size, cancelled });
        let mut list = self.list();
        let full = |list: &VecDeque<Arc<Entry>>| {
            list.len() >= KEPT || list.iter().map(|e| e.size).sum::<usize>().saturating_add(size) > KEPT_BYTES
        };
        while full(&list) {
            let Some(oldest) = list.iter().position(|e| e.now().0.outcome.is_some()) else { break };
            list.remove(oldest);
        }
        list.push_back(entry.clone());
        Ok(entry)
    }

    /// Does an action, or begins it.
    ///
    /// # Errors
    /// 403 for what cannot be done; 409 while another one goes on; 413 for a request that is too long; 422 for wrong input;
    /// 503 while the VNF starts.
    pub fn begin(&self, ems: &Arc<Ems>, actor: &Actor, request: Request) -> Result<Coordination, Problem> {
        if length(&request) > LONGEST {
            let detail = format!("the request has more than {LONGEST} bytes");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
        let busy = || Problem::conflict("another coordination goes on");
        let _alone = self.beginning.try_lock().map_err(|_| busy())?;
        if self.list().iter().any(|e| e.now().0.outcome.is_none()) {
            return Err(busy());
        }
        if ems.vnf.status().state == State::Starting {
            return Err(Problem::unavailable("the VNF is starting", AGAIN));
        }
        let warnings = stranger(ems, &request);
        let outcome = match request.coordination_action_name.rsplit('.').next().unwrap_or_default() {
            "drain" => return self.drain(ems, request, warnings),
            "quiesce" => {
                ems.perform(actor, Command::SetState(Wanted::Stopped))?;
                Outcome { output: json!({"state": ems.vnf.status().state}), ..Outcome::fine(warnings) }
            }
            "resume" => {
                ems.perform(actor, Command::SetState(Wanted::Running))?;
                let closed: Vec<Entrance> = closable(drain::entrances(&*ems.vnf)?);
                drain::set(&*ems.vnf, &closed, true)?;
                Outcome { output: json!({"state": ems.vnf.status().state}), ..Outcome::fine(warnings) }
            }
            "snapshot" => Outcome { output: snapshot(ems, actor)?, ..Outcome::fine(warnings) },
            _ => {
                let other = &request.coordination_action_name;
                let detail = format!("there is no action ‘{other}’; there are drain, quiesce, resume, snapshot");
                return Err(Problem::forbidden(detail));
            }
        };
        Ok(self.remember(request, Some(outcome))?.now().0.clone())
    }

    fn drain(&self, ems: &Arc<Ems>, request: Request, mut warnings: Vec<String>) -> Result<Coordination, Problem> {
        let within = match request.input_params.as_ref().and_then(|p| p.get("timeoutSeconds")) {
            None => DRAIN,
            Some(v) => v
                .as_u64()
                .or_else(|| v.as_str()?.parse().ok())
                .filter(|s| (1..=LONGEST_DRAIN).contains(s))
                .ok_or_else(|| Problem::unprocessable(format!("timeoutSeconds: 1 to {LONGEST_DRAIN}")))?,
        };
        if ems.vnf.status().state != State::Running {
            // Its ports are closed, and nothing is inside.
            let outcome = Outcome { output: json!({"held": 0, "closed": []}), ..Outcome::fine(warnings) };
            return Ok(self.remember(request, Some(outcome))?.now().0.clone());
        }
        let all = drain::entrances(&*ems.vnf)?;
        let stay = all.iter().filter(|e| !e.closable).map(|e| format!("{} cannot be closed", e.shown));
        warnings.extend(stay);
        let closed = closable(all);
        if closed.is_empty() {
            return Err(Problem::forbidden("no entrance of this function can be closed; use quiesce"));
        }
        drain::set(&*ems.vnf, &closed, false)?;
        let entry = self.remember(request, None)?;
        let begun = entry.now().0.clone();
        let (vnf, works, again) = (ems.vnf.clone(), entry, closed.clone());
        let work = move || {
            let end = drain::until_empty(&*vnf, Duration::from_secs(within), |time| works.wait(time));
            let names: Vec<&str> = closed.iter().map(|e| e.shown.as_str()).collect();
            let (verdict, held, error) = match end {
                End::Empty => (Verdict::Continue, 0, None),
                End::Cancelled => (Verdict::Cancelled, vnf.snapshot().totals.held, None),
                End::Late(held) => {
                    let detail =
                        format!("{held} packets are still inside after {within} s; the entrances are open again");
                    (Verdict::Abort, held, Some(Problem::new(StatusCode::GATEWAY_TIMEOUT, detail)))
                }
            };
            if verdict != Verdict::Continue
                && let Err(why) = drain::set(&*vnf, &closed, true)
            {
                warnings.push(format!("an entrance stays closed: {why}"));
            }
            works.end(Outcome { verdict, output: json!({"held": held, "closed": names}), warnings, error });
        };
        if let Err(why) = std::thread::Builder::new().name("ems-drain".into()).spawn(work) {
            drain::set(&*ems.vnf, &again, true)?;
            self.list().retain(|e| e.now().0.id != begun.id);
            return Err(Problem::unavailable(format!("no thread: {why}"), AGAIN));
        }
        Ok(begun)
    }
}

/// Managers may know this VNF by a name of their own: that is worth a warning, not a refusal.
fn stranger(ems: &Ems, request: &Request) -> Vec<String> {
    let id = &ems.identity.id;
    let other = request.vnf_instance_id != *id;
    other.then(|| format!("vnfInstanceId: this is {id}")).into_iter().collect()
}

/// Bytes of its JSON.
fn length(of: &impl Serialize) -> usize {
    serde_json::to_vec(of).map_or(usize::MAX, |text| text.len())
}

fn closable(all: Vec<Entrance>) -> Vec<Entrance> {
    all.into_iter().filter(|e| e.closable).collect()
}

/// The state of the VNF: who it is, what runs and since which revision, and everything that is counted.
fn snapshot(ems: &Arc<Ems>, actor: &Actor) -> Result<Value, Problem> {
    let Answer::Vnf(vnf) = ems.perform(actor, Command::Vnf)? else { return Err(unexpected()) };
    let Answer::Stats(counted, rates) = ems.perform(actor, Command::Stats)? else { return Err(unexpected()) };
    let mut functions = Map::new();
    for name in ems.vnf.functions().into_iter().map(|f| f.name) {
        functions.insert(name.clone(), json!(ems.functions.get(&name)?));
    }
    Ok(json!({"vnf": vnf, "functions": functions, "counters": *counted, "rates": *rates}))
}

fn unexpected() -> Problem {
    Problem::internal("an answer to another command")
}

async fn asked(caller: &Caller, command: Command) -> Result<Coordination, Problem> {
    match caller.ask.clone().for_(command).await? {
        Answer::Coordination(c) => Ok(*c),
        _ => Err(unexpected()),
    }
}

/// Begins one.
pub(super) async fn create(caller: Caller, request: HttpRequest) -> Result<Response, Problem> {
    let request: Request = body::typed(request).await?;
    let made = asked(&caller, Command::Coordinate(Box::new(request))).await?;
    let location = (header::LOCATION, caller.base.link(&made.path()));
    Ok(match &made.outcome {
        Some(outcome) => (StatusCode::CREATED, [location], Json(made.show(outcome, &caller.base))).into_response(),
        None => (StatusCode::ACCEPTED, [location, (header::RETRY_AFTER, AGAIN.to_string())]).into_response(),
    })
}

/// One of them: its result, or that it has none yet.
pub(super) async fn one(caller: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    let found = asked(&caller, Command::Coordination(id)).await?;
    Ok(match &found.outcome {
        Some(outcome) => Json(found.show(outcome, &caller.base)).into_response(),
        None => (StatusCode::ACCEPTED, [(header::RETRY_AFTER, AGAIN.to_string())]).into_response(),
    })
}

/// Cancels it.
pub(super) async fn cancel(caller: Caller, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    asked(&caller, Command::CancelCoordination(id)).await?;
    Ok(StatusCode::ACCEPTED)
}
