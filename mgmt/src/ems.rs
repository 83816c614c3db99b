//! The one place where commands are done: who may, what it is called in the audit log, and by whom it is answered.
use crate::alarms::{Alarms, Cause, Severity};
use crate::auth::Actor;
use crate::clock;
use crate::command::{Answer, Command, Vnf, Wanted};
use crate::events::{Events, What};
use crate::functions::{Change, Functions};
use crate::journal::Journal;
use crate::problem::Problem;
use crate::rates::Rates;
use crate::sol002::{Sol002, indicators};
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
    /// What SOL 002 keeps.
    pub sol002: Sol002,
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
        let (sampled, sol002) = (Mutex::default(), Sol002::default());
        Arc::new(Ems { identity, vnf, functions, store, alarms, events, journal, sol002, started, sampled })
    }

    /// Does a command for somebody. Whatever takes time is done on a thread that may wait.
    ///
    /// # Errors
    /// 401 without an actor, 403 when it may not, and what the command says.
    pub async fn execute(self: &Arc<Self>, actor: Option<Actor>, command: Command) -> Result<Answer, Problem> {
        let Some(actor) = actor else {
            return Err(Problem::unauthorized("give a token: Authorization: Bearer ..."));
        };
        let needs = command.role();
        if actor.role < needs {
            let detail = format!("{} is {}; this takes {}", actor.name, actor.role.name(), needs.name());
            return Err(Problem::forbidden(detail));
        }
        let me = self.clone();
        tokio::task::spawn_blocking(move || {
            let audited = command.audited();
            let done = me.perform(&actor, command);
            if let Some(what) = audited {
                let outcome = done.as_ref().err().map_or("done".to_string(), |e| e.to_string());
                me.journal.say("ems", &format!("{}: {what}: {outcome}", actor.name));
            }
            done
        })
        .await
        .unwrap_or_else(|e| Err(Problem::internal(format!("the command ended without an answer: {e}"))))
    }

    pub(crate) fn perform(self: &Arc<Self>, actor: &Actor, command: Command) -> Result<Answer, Problem> {
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
            Command::Indicators => Answer::Indicators(self.identity.id.clone(), self.indicators()),
            Command::Subscriptions => Answer::Subscriptions(self.sol002.subscriptions.all()),
            Command::Subscribe(wanted, base) => {
                let (subscription, already) = self.sol002.subscriptions.subscribe(*wanted, base)?;
                Answer::Subscribed(Box::new(subscription), already)
            }
            Command::Unsubscribe(id) => {
                self.sol002.subscriptions.unsubscribe(&id)?;
                Answer::Done
            }
            Command::Coordinate(r) => Answer::Coordination(Box::new(self.sol002.coordinations.begin(self, actor, *r)?)),
            Command::Coordination(id) => Answer::Coordination(Box::new(self.sol002.coordinations.get(&id)?)),
            Command::CancelCoordination(id) => Answer::Coordination(Box::new(self.sol002.coordinations.cancel(&id)?)),
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

    fn indicators(&self) -> Vec<indicators::Indicator> {
        indicators::all(&self.vnf.status(), &self.vnf.snapshot(), &self.rates())
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
        self.sol002.subscriptions.look(&self.identity, || self.indicators());
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

fn done(result: Result<(), crate::vnf::Refusal>) -> Result<Answer, Problem> {
    result.map(|()| Answer::Done).map_err(Problem::from)
}
