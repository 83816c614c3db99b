//! The one place where commands are done: who may, what it is called in the audit log, and by whom it is answered.
use crate::alarms::{Alarms, Cause, Severity};
use crate::audit::Audit;
use crate::auth::{Actor, Call};
use crate::clock;
use crate::command::{Answer, Command, Vnf, Wanted};
use crate::events::{Events, LISTENERS, What};
use crate::functions::{Change, Functions};
use crate::journal::Journal;
use crate::links::{Links, Seen};
use crate::metrics::{Format, Scrape};
use crate::ports;
use crate::problem::Problem;
use crate::rates::Rates;
use crate::requests::Requests;
use crate::snmp::directory::{self, Directory};
use crate::sol002::{Sol002, indicators};
use crate::store::{Origin, Store};
use crate::tap::{self, TAPS};
use crate::thresholds::{Limits, Thresholds};
use crate::vnf::{End, Identity, ManagedVnf, News, Snapshot, State, Status, TraceRequest};
use crate::{agent, archive, backup, bundle, workers};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

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
    /// What others add to a support bundle.
    pub support: bundle::Sources,
    /// Who changed what.
    pub audit: Arc<Audit>,
    /// What was asked.
    pub requests: Arc<Requests>,
    /// What SOL 002 keeps.
    pub sol002: Sol002,
    /// The users of the SNMP agent, if there is one.
    pub snmp: OnceLock<Arc<dyn Directory>>,
    started: (u64, Duration),
    sampled: Mutex<(Arc<Snapshot>, Arc<Rates>)>,
    /// As the last look found it.
    status: Mutex<Option<Status>>,
    thresholds: Mutex<Thresholds>,
    links: Mutex<Links>,
    taps: Arc<Semaphore>,
}

impl Ems {
    /// The EMS of `vnf`.
    pub fn new(identity: Identity, vnf: Arc<dyn ManagedVnf>, store: Arc<Store>, journal: Arc<Journal>) -> Arc<Ems> {
        let events = Arc::new(Events::default());
        let alarms = Arc::new(Alarms::new(events.clone()));
        if !store.damaged().is_empty() {
            let text = store.damaged().join("; ");
            journal.say("ems", &text);
            alarms.raise("store", Cause::CorruptData, Severity::Major, &text);
        }
        let functions = Functions::new(vnf.clone(), store.clone(), events.clone(), alarms.clone());
        let audit = Arc::new(Audit::default());
        let support = bundle::Sources::default();
        support.add("audit.jsonl", {
            let audit = audit.clone();
            move || audit.tail()
        });
        let started = (clock::wall(), clock::monotonic());
        Arc::new(Ems {
            identity,
            vnf,
            functions,
            store,
            alarms,
            events,
            journal,
            support,
            sol002: Sol002::default(),
            snmp: OnceLock::new(),
            audit,
            requests: Arc::default(),
            started,
            sampled: Mutex::default(),
            status: Mutex::default(),
            thresholds: Mutex::default(),
            links: Mutex::default(),
            taps: Arc::new(Semaphore::new(TAPS)),
        })
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

    pub(crate) fn perform(self: &Arc<Self>, actor: &Actor, command: Command) -> Result<Answer, Problem> {
        let vnf = &self.vnf;
        Ok(match command {
            Command::Identity => Answer::Identity(self.identity.clone()),
            Command::Vnf => Answer::Vnf(Box::new(self.describe())),
            Command::System => Answer::System(Box::new(vnf.system())),
            Command::Install(bundle) => Answer::Installed(vnf.install(&bundle)?),
            Command::SetState(wanted) => {
                vnf.set_running(wanted == Wanted::Running)?;
                Answer::Vnf(Box::new(self.describe()))
            }
            Command::Shutdown => done(vnf.end(End::Shutdown))?,
            Command::Reboot => done(vnf.end(End::Reboot))?,
            Command::Functions => Answer::Functions(self.functions.list()),
            Command::Function(name) => Answer::Function(Box::new(self.functions.get(&name)?)),
            Command::ChangeFunction(name, change, terms) => {
                Answer::Changed(self.functions.change(&name, change, &terms, &actor.name, Origin::Api)?)
            }
            Command::Confirm(name) => Answer::Changed(self.functions.confirm(&name)?),
            Command::Revert(name) => Answer::Changed(self.functions.revert(&name)?),
            Command::Revisions(name) => Answer::Revisions(self.functions.history(&name)?),
            Command::Revision(name, number) => Answer::Revision(Box::new(self.functions.revision(&name, number)?)),
            Command::Restore(name, number, terms) => {
                let change = Change {
                    comment: Some(format!("restored from revision {number}")),
                    ..Change::to(self.functions.revision(&name, number)?.revision.configuration)
                };
                Answer::Changed(self.functions.change(&name, change, &terms, &actor.name, Origin::Api)?)
            }
            Command::SetFunctionState(name, wanted) => {
                vnf.set_function_running(&name, wanted == Wanted::Running)?;
                let list = self.functions.list();
                Answer::Functions(list.into_iter().filter(|f| f.name == name).collect())
            }
            Command::Interfaces => Answer::Interfaces(agent::interfaces(self)),
            Command::Rules => {
                let (rules, etag) = agent::rules(self)?;
                Answer::Rules(rules, etag)
            }
            Command::Paths => {
                let (paths, etag) = agent::paths(self)?;
                Answer::Paths(paths, etag)
            }
            Command::ChangeRules(rules, terms) => {
                Answer::Changed(agent::change(self, &actor.name, terms, |a| a.rules = rules)?)
            }
            Command::ChangePaths(paths, terms) => {
                Answer::Changed(agent::change(self, &actor.name, terms, |a| a.paths = paths)?)
            }
            Command::ChangeAgent(agent, terms) => {
                Answer::Changed(agent::change(self, &actor.name, terms, |a| *a = *agent)?)
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
            Command::Metrics(format) => Answer::Metrics(format, self.metrics(format)?),
            Command::Ports => Answer::Ports(ports::all(&vnf.snapshot(), &self.rates())),
            Command::Port(name) => {
                let found = ports::all(&vnf.snapshot(), &self.rates()).into_iter().find(|p| p.port.name == name);
                let none = || Problem::not_found(format!("there is no port ‘{name}’"));
                Answer::Port(Box::new(found.ok_or_else(none)?))
            }
            Command::Workers => Answer::Workers(workers::all(&vnf.snapshot(), &self.rates())),
            Command::Log(after, most) => Answer::Log(self.journal.lines(after, most)),
            Command::StartTrace(request) => {
                let most = TraceRequest::MOST;
                if !(1..=most).contains(&request.count) {
                    return Err(Problem::unprocessable(format!("count: 1 to {most}, not {}", request.count)));
                }
                let id = vnf.start_trace(&request)?;
                Answer::Trace(vnf.trace(id)?)
            }
            Command::Trace(id) => Answer::Trace(vnf.trace(id)?),
            Command::Tap(request, time) => {
                tap::check(&request, time)?;
                let full = |_| Problem::unavailable(format!("there are {TAPS} taps already"), 1);
                let seat = self.taps.clone().try_acquire_owned().map_err(full)?;
                let (sink, stream) = tap::pair(&request.edge, time, seat, self.journal.clone());
                vnf.tap(&request, sink)?;
                Answer::Stream(stream)
            }
            Command::Alarms => Answer::Alarms(self.alarms.active()),
            Command::AlarmHistory => Answer::Alarms(self.alarms.history().into_iter().rev().collect()),
            Command::Events(after) => {
                let full = || Problem::unavailable(format!("{LISTENERS} listen already"), 5);
                Answer::Events(self.events.follow(after).ok_or_else(full)?)
            }
            Command::SupportBundle => Answer::Archive(archive::file_name("support"), bundle::make(self)?),
            Command::Backup => Answer::Archive(archive::file_name("backup"), backup::make(self)?),
            Command::RestoreBackup(bytes, dry_run) => {
                Answer::Restored(backup::restore(self, &bytes, dry_run, &actor.name)?)
            }
            Command::Audit(after, most) => {
                if !(1..=1000).contains(&most) {
                    return Err(Problem::unprocessable("limit: 1 to 1000"));
                }
                Answer::Audit(self.audit.entries(after, most))
            }
            Command::SnmpUsers => Answer::SnmpUsers(directory::of(self)?.list()),
            Command::CreateSnmpUser(wanted) => Answer::KeyedUser(Box::new(directory::of(self)?.create(&wanted)?)),
            Command::RotateSnmpUser(name, rotation) => {
                Answer::KeyedUser(Box::new(directory::of(self)?.rotate(&name, &rotation)?))
            }
            Command::RemoveSnmpUser(name, engine) => {
                directory::of(self)?.remove(&name, engine.as_deref())?;
                Answer::Done
            }
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

    /// When it started, nanoseconds since the Unix epoch.
    pub fn started(&self) -> u64 {
        self.started.0
    }

    /// Who the VNF is, and how it does.
    pub fn describe(&self) -> Vnf {
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

    fn metrics(&self, format: Format) -> Result<String, Problem> {
        let names = self.vnf.functions().into_iter().map(|f| f.name);
        let scrape = Scrape {
            snapshot: self.vnf.snapshot(),
            rates: self.rates(),
            state: self.vnf.status().state,
            versions: self.vnf.versions(),
            revisions: names.map(|name| (name.clone(), self.functions.current(&name))).collect(),
            alarms: self.alarms.active(),
            events: self.events.told(),
            requests: self.requests.all(),
            started: self.started.0,
        };
        scrape.render(format).map_err(|e| Problem::internal(format!("metrics: {e}")))
    }

    fn indicators(&self) -> Vec<indicators::Indicator> {
        indicators::all(&self.vnf.status(), &self.vnf.snapshot(), &self.rates())
    }

    /// The rates of the last second.
    pub fn rates(&self) -> Arc<Rates> {
        self.sampled.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// What is too much, from now on.
    pub fn set_limits(&self, limits: Limits) {
        self.thresholds.lock().unwrap_or_else(PoisonError::into_inner).set_limits(limits);
    }

    /// What is looked after from time to time: rates, thresholds, links, confirmations that did not come.
    pub fn tick(&self) {
        for name in self.functions.tick(clock::monotonic()) {
            self.journal.say("ems", &format!("nobody confirmed the change of {name}: it was taken back"));
        }
        self.look_at_status();
        self.sol002.subscriptions.look(&self.identity, || self.indicators());
        let now = self.vnf.snapshot();
        self.look_at_links(&now);
        if let Some(rates) = self.sample(&now) {
            self.look_at_thresholds(&now, &rates);
        }
    }

    /// The rates up to now, if it is time to measure them again.
    fn sample(&self, now: &Arc<Snapshot>) -> Option<Arc<Rates>> {
        let mut sampled = self.sampled.lock().unwrap_or_else(PoisonError::into_inner);
        if now.monotonic.saturating_sub(sampled.0.monotonic) < RATES_OVER.as_nanos() as u64 {
            return None;
        }
        let rates = if sampled.0.monotonic == 0 { Rates::default() } else { Rates::between(&sampled.0, now) };
        let rates = Arc::new(rates);
        *sampled = (now.clone(), rates.clone());
        Some(rates)
    }

    fn look_at_status(&self) {
        let status = self.vnf.status();
        let was = self.status.lock().unwrap_or_else(PoisonError::into_inner).replace(status.clone());
        // What it was when the first look came is no change, but it may be a failure.
        if was.as_ref().map_or(status.state == State::Failed, |was| *was != status) {
            self.news(News::Status(status));
        }
    }

    fn look_at_links(&self, now: &Snapshot) {
        // The ports of a VNF that was stopped are closed on purpose: none is missed.
        let ports = match self.vnf.status().state {
            State::Running => now.ports.as_slice(),
            State::Stopped => &[],
            State::Starting | State::Failed => return,
        };
        let watch = self.thresholds.lock().unwrap_or_else(PoisonError::into_inner).limits().port_up;
        let seen = self.links.lock().unwrap_or_else(PoisonError::into_inner).look(ports, watch);
        for seen in seen {
            match seen {
                Seen::Link { port, up } => self.news(News::Link { port, up }),
                Seen::Gone { port } => self.alarms.clear(&format!("port/{port}"), Cause::LossOfSignal),
            }
        }
    }

    fn look_at_thresholds(&self, now: &Snapshot, rates: &Rates) {
        let crossed = self.thresholds.lock().unwrap_or_else(PoisonError::into_inner).look(now, rates);
        for c in crossed {
            if c.above {
                self.alarms.raise(&c.object, Cause::ThresholdCrossed, c.severity, &c.text);
            } else {
                self.alarms.clear(&c.object, Cause::ThresholdCrossed);
            }
            self.events.tell(What::Threshold { indicator: c.indicator, value: c.value, above: c.above });
        }
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
                self.links.lock().unwrap_or_else(PoisonError::into_inner).told(&port, up);
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
