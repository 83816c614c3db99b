//! The one place where commands are done: who may, what it is called in the audit log, and by whom it is answered.
use crate::alarms::{Alarms, Cause, Severity};
use crate::audit::Audit;
use crate::auth::{Actor, Call};
use crate::clock;
use crate::command::{Answer, Command, Vnf, Wanted};
use crate::events::{Events, What};
use crate::functions::{Change, Functions};
use crate::journal::Journal;
use crate::problem::Problem;
use crate::rates::Rates;
use crate::requests::Requests;
use crate::store::{Origin, Store};
use crate::vnf::{End, Identity, ManagedVnf, News, Snapshot, State};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// Pieces of a tap's stream that a client may fall behind; then packets are lost to it.
const TAP_BEHIND: usize = 256;
/// Between two looks at counters and timers.
pub const TICK: Duration = Duration::from_millis(250);
/// Rates are measured over this.
const RATES_OVER: Duration = Duration::from_secs(1);

/// The element management system of one VNF.
pub struct Ems {
    /// Who the VNF is.
    pub identity: Identity,
    /// The VNF.
    pub vnf: Arc<dyn ManagedVnf>,
    /// Its functions.
    pub functions: Functions,
    /// Their revisions.
    pub store: Arc<Store>,
    /// What is wrong.
    pub alarms: Arc<Alarms>,
    /// What happens.
    pub events: Arc<Events>,
    /// What was said.
    pub journal: Arc<Journal>,
    /// Who changed what.
    pub audit: Arc<Audit>,
    /// What was asked.
    pub requests: Arc<Requests>,
    started: (u64, Duration),
    sampled: Mutex<(Arc<Snapshot>, Arc<Rates>)>,
}

impl Ems {
    /// The EMS of `vnf`.
    pub fn new(identity: Identity, vnf: Arc<dyn ManagedVnf>, store: Arc<Store>, journal: Arc<Journal>) -> Arc<Ems> {
        let events = Arc::new(Events::default());
        let alarms = Arc::new(Alarms::new(events.clone()));
        let functions = Functions::new(vnf.clone(), store.clone(), events.clone(), alarms.clone());
        let started = (clock::wall(), clock::monotonic());
        let sampled = Mutex::default();
        let (audit, requests) = (Arc::default(), Arc::default());
        Arc::new(Ems { identity, vnf, functions, store, alarms, events, journal, audit, requests, started, sampled })
    }

    /// Does a command for somebody. Whatever takes time is done on a thread that may wait.
    ///
    /// # Errors
    /// 401 without an actor, 403 when it may not, and what the command says.
    pub async fn execute(self: &Arc<Self>, actor: Option<Actor>, command: Command) -> Result<Answer, Problem> {
        self.execute_call(actor, Call::default(), command).await
    }

    /// The same for a request, which the audit log names.
    ///
    /// # Errors
    /// The same.
    pub async fn execute_call(
        self: &Arc<Self>,
        actor: Option<Actor>,
        call: Call,
        command: Command,
    ) -> Result<Answer, Problem> {
        let actor = actor.ok_or_else(|| Problem::unauthorized("give a token: Authorization: Bearer ..."))?;
        let me = self.clone();
        let work = move || {
            let audited = command.audited();
            let done = may(&actor, &command).and_then(|()| me.perform(&actor, command));
            if let Some(what) = audited {
                // Not the detail: it may quote what somebody wrote, and that may be a secret.
                let outcome = done.as_ref().err().map_or("done".into(), |e| format!("{} {}", e.status, e.title));
                me.audit.record(&me.alarms, &actor, &call, &what, &outcome);
                let line = format!("{}: {what}: {outcome}", actor.name);
                me.journal.say("ems", &crate::auth::without_tokens(&line));
            }
            done
        };
        let mut waiting = Waiting(tokio::task::spawn_blocking(work));
        let done = (&mut waiting.0).await;
        done.unwrap_or_else(|e| Err(Problem::internal(format!("the command ended without an answer: {e}"))))
    }

    fn perform(self: &Arc<Self>, actor: &Actor, command: Command) -> Result<Answer, Problem> {
        let vnf = &self.vnf;
        Ok(match command {
            Command::Vnf => Answer::Vnf(Box::new(self.describe())),
            Command::SetState(wanted) => {
                vnf.set_running(wanted == Wanted::Running)?;
                Answer::Vnf(Box::new(self.describe()))
            }
            Command::Shutdown => done(vnf.end(End::Shutdown))?,
            Command::Reboot => done(vnf.end(End::Reboot))?,
            Command::Functions => Answer::Functions(vnf.functions()),
            Command::Function(name) => Answer::Function(Box::new(self.functions.get(&name)?)),
            Command::ChangeFunction(name, change, terms) => {
                Answer::Changed(self.functions.change(&name, change, &terms, &actor.name, Origin::Api)?)
            }
            Command::Confirm(name) => Answer::Changed(self.functions.confirm(&name)?),
            Command::Revert(name) => Answer::Changed(self.functions.revert(&name)?),
            Command::Revisions(name) => Answer::Revisions(self.functions.revisions(&name)?),
            Command::Revision(name, number) => {
                let all = self.functions.revisions(&name)?;
                let at = all.iter().position(|r| r.number == number);
                let at = at.ok_or_else(|| Problem::not_found(format!("‘{name}’ has no revision {number}")))?;
                let before = at.checked_sub(1).map(|i| all[i].clone());
                Answer::Revision(Box::new((all[at].clone(), before)))
            }
            Command::Restore(name, number, terms) => {
                let all = self.functions.revisions(&name)?;
                let old = all.into_iter().find(|r| r.number == number);
                let old = old.ok_or_else(|| Problem::not_found(format!("‘{name}’ has no revision {number}")))?;
                let change = Change {
                    text: Some(old.configuration.text),
                    parameters: Some(old.configuration.parameters),
                    comment: Some(format!("restored from revision {number}")),
                };
                Answer::Changed(self.functions.change(&name, change, &terms, &actor.name, Origin::Api)?)
            }
            Command::Elements(function) => Answer::Elements(vnf.elements(&function)?),
            Command::Element(function, name) => {
                let found = vnf.elements(&function)?.into_iter().find(|e| e.name == name);
                let none = || Problem::not_found(format!("there is no element ‘{name}’"));
                Answer::Element(Box::new(found.ok_or_else(none)?))
            }
            Command::ReadHandler(f, element, handler, parameter) => {
                Answer::Text(vnf.read_handler(&f, &element, &handler, &parameter)?)
            }
            Command::WriteHandler(f, element, handler, value) => {
                Answer::Text(vnf.write_handler(&f, &element, &handler, &value)?)
            }
            Command::Graph(function) => Answer::Graph(vnf.graph(&function)?),
            Command::Drawing(function, form) => Answer::Drawing(form, vnf.drawing(&function, form)?),
            Command::Stats => Answer::Stats(vnf.snapshot(), self.rates()),
            Command::Log(after, most) => Answer::Log(self.journal.lines(after, most)),
            Command::StartTrace(request) => {
                let id = vnf.start_trace(&request)?;
                Answer::Trace(vnf.trace(id)?)
            }
            Command::Trace(id) => Answer::Trace(vnf.trace(id)?),
            Command::Tap(request) => {
                let (to, from) = mpsc::channel(TAP_BEHIND);
                // Full: the client is slow, and misses what does not fit.
                let sink = move |piece| !matches!(to.try_send(piece), Err(mpsc::error::TrySendError::Closed(_)));
                vnf.tap(&request, Box::new(sink))?;
                Answer::Stream(from)
            }
            Command::Alarms => Answer::Alarms(self.alarms.active()),
            Command::AlarmHistory => Answer::Alarms(self.alarms.history()),
            Command::Events => Answer::Events(self.events.listen()),
            Command::Audit(after, most) => {
                if !(1..=1000).contains(&most) {
                    return Err(Problem::unprocessable("limit: 1 to 1000"));
                }
                Answer::Audit(self.audit.entries(after, most))
            }
        })
    }

    fn describe(&self) -> Vnf {
        let revision = |f: crate::vnf::FunctionInfo| Some((f.name.clone(), self.functions.get(&f.name).ok()?.revision));
        Vnf {
            started: clock::rfc3339(self.started.0),
            uptime_seconds: (clock::monotonic() - self.started.1).as_secs(),
            revisions: self.vnf.functions().into_iter().filter_map(revision).collect(),
            durable: self.store.is_durable(),
            versions: self.vnf.versions(),
            ..Vnf::of(self.identity.clone(), self.vnf.status())
        }
    }

    /// The rates of the last second.
    pub fn rates(&self) -> Arc<Rates> {
        self.sampled.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// What is looked after from time to time: rates, link alarms, confirmations that did not come.
    pub fn tick(&self) {
        for name in self.functions.tick(clock::monotonic()) {
            self.journal.say("ems", &format!("nobody confirmed the change of {name}: it was taken back"));
        }
        let now = self.vnf.snapshot();
        let mut sampled = self.sampled.lock().unwrap_or_else(PoisonError::into_inner);
        if now.monotonic.saturating_sub(sampled.0.monotonic) < RATES_OVER.as_nanos() as u64 {
            return;
        }
        let rates = if sampled.0.monotonic == 0 { Rates::default() } else { Rates::between(&sampled.0, &now) };
        *sampled = (now, Arc::new(rates));
    }

    /// What the VNF tells by itself.
    pub fn news(&self, news: News) {
        match news {
            News::Status(status) => {
                let text = status.detail.clone().unwrap_or_else(|| format!("failed: {}", status.phase));
                match status.state {
                    State::Failed => {
                        self.alarms.raise("vnf", Cause::SoftwareProgramAbnormallyTerminated, Severity::Critical, &text)
                    }
                    _ => self.alarms.clear("vnf", Cause::SoftwareProgramAbnormallyTerminated),
                }
                let state = format!("{:?}", status.state).to_lowercase();
                self.events.tell(What::State { state, phase: status.phase });
            }
            News::Link { port, up } => {
                let object = format!("port/{port}");
                if up {
                    self.alarms.clear(&object, Cause::LossOfSignal);
                } else {
                    self.alarms.raise(&object, Cause::LossOfSignal, Severity::Major, &format!("{port} is down"));
                }
                self.events.tell(What::Link { port, up });
            }
        }
    }
}

/// Whether somebody may give a command.
fn may(actor: &Actor, command: &Command) -> Result<(), Problem> {
    let needs = command.role();
    if actor.role < needs {
        let detail = format!("{} is {}; this takes {}", actor.name, actor.role.name(), needs.name());
        return Err(Problem::forbidden(detail));
    }
    Ok(())
}

/// Work that nobody waits for any more is not begun: a VNF that hangs does not gather requests without bound.
struct Waiting<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for Waiting<T> {
    fn drop(&mut self) {
        self.0.abort(); // does nothing to what is being done
    }
}

fn done(result: Result<(), crate::vnf::Refusal>) -> Result<Answer, Problem> {
    result.map(|()| Answer::Done).map_err(Problem::from)
}
