//! One trial on the wire, from what is offered to the outcome.
use super::arrivals::Arrivals;
use super::flow::Side;
use super::frame::Service;
use super::job::Job;
use super::learn;
use super::make::Stream;
use super::outcome::outcome;
use super::plan::{self, Plan};
use super::port::{In, Out};
use super::receive::Receiver;
use super::send::Sender;
use super::signature::BESIDE;
use crate::rfc2544::trial::{Control, Direction, Failure, Fault, Offered, Outcome, Phase, Stamps};
use sluice_dataplane::time::StampClock;
use sluice_dataplane::wire::EtherAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// Answers to the device's questions that may wait for the sender.
const ANSWERS: usize = 64;
/// From the start of the threads to the first frame, nanoseconds.
const HEAD_START: u64 = 5_000_000;

/// A port of the tester.
pub(crate) struct Port {
    /// What it is called.
    pub(crate) name: String,
    pub(crate) input: In,
    pub(crate) output: Out,
    /// Its place.
    pub(crate) side: Side,
    /// Largest frame that it sends and receives, frame check sequence included, bytes.
    pub(crate) longest: usize,
}

/// What the device is to the tester.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Path {
    /// It passes frames on as they are, to the Ethernet address that they are for.
    Bridge,
    /// It is a router with address number 1 in the first network of each side; it is asked for its Ethernet addresses.
    Router,
    /// Frames go to these Ethernet addresses, sent from A and from B.
    Fixed([EtherAddr; 2]),
}

/// What is tested with.
pub(crate) struct Wire {
    /// Port A and port B.
    pub(crate) ports: [Port; 2],
    pub(crate) path: Path,
    /// The service header of frames from A and from B, where they are to have one.
    pub(crate) services: [Service; 2],
    /// Where sender and receiver run; the same for both: one thread does both.
    pub(crate) cores: [usize; 2],
    pub(crate) clock: StampClock,
    /// Sender and receiver run before other programs.
    pub(crate) raised: bool,
    /// Number of the last trial, modulo 256.
    trial: u8,
    /// What the tester itself lost in the last trial, and what it did not offer.
    pub(crate) own: Own,
}

/// What went wrong on the tester's side in a trial, of both ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Own {
    /// Received frames that the kernel, the NIC or the pool of buffers lost; test frames among them count as not sent.
    pub(crate) lost: u64,
    /// Frames that were not sent because the tester was late or the line was full.
    pub(crate) not_offered: u64,
    /// Frames that found the device's queue full; they count as sent and lost.
    pub(crate) refused: u64,
}

impl Wire {
    /// A tester on these ports.
    pub(crate) fn new(ports: [Port; 2], path: Path, cores: [usize; 2]) -> Wire {
        let service = Service { path: 1, index: 255, context: false, ethernet: true };
        let clock = StampClock::calibrated();
        Wire { ports, path, services: [service; 2], cores, clock, raised: false, trial: 0, own: Own::default() }
    }

    /// Makes a trial.
    pub(crate) fn trial(&mut self, offered: &Offered, control: &mut Control<'_>) -> Result<Outcome, Failure> {
        let fail = |fault| Failure { fault, so_far: None };
        self.trial = self.trial.wrapping_add(1);
        let flows = plan::flows(&offered.traffic).map_err(|why| fail(Fault::Refused(why)))?;
        // Refused sizes need no frame on the wire.
        let plan = self.plan(offered, flows, [EtherAddr::ZERO; 2]).map_err(|why| fail(Fault::Refused(why)))?;
        if offered.phases.is_empty() || offered.phases.len() >= usize::from(BESIDE) {
            return Err(fail(Fault::Refused(format!(
                "{} phases: there are 1 to {}",
                offered.phases.len(),
                BESIDE - 1
            ))));
        }
        if offered.traffic.management && self.path != Path::Router {
            let why = "management queries need a device with an address or an EMS: a router or a function of Sluice";
            return Err(fail(Fault::Refused(why.into())));
        }
        drop(plan);
        let next = learn::learn(self, offered, flows, control.stop).map_err(fail)?;
        let mut plan = self.plan(offered, flows, next).map_err(|why| fail(Fault::Refused(why)))?;
        plan.spread();
        self.run(offered, &plan, next, control)
    }

    /// Number of this trial, modulo 256.
    pub(super) fn number(&self) -> u8 {
        self.trial
    }

    fn run(
        &mut self,
        offered: &Offered,
        plan: &Plan,
        next: [EtherAddr; 2],
        control: &mut Control<'_>,
    ) -> Result<Outcome, Failure> {
        let measured = offered.stamps != Stamps::Off;
        let patient = control.event.is_some();
        let directions = offered.directions.each();
        let query = offered.traffic.management.then(|| learn::query(&self.ports[0].side, next[0], offered.traffic.ip));
        let (clock, cores, trial) = (self.clock, self.cores, self.trial);
        let [a, b] = &mut self.ports;
        let names = [a.name.clone(), b.name.clone()];
        let (answers_a, spoken_a) = sync_channel(ANSWERS);
        let (answers_b, spoken_b) = sync_channel(ANSWERS);
        let groups = offered.traffic.groups;
        let arrivals = || Arrivals::new(offered.phases.len(), measured).by_groups(plan.flows.count, groups);
        let mut receivers = [
            Receiver::new(&mut a.input, a.side, trial, arrivals(), answers_a),
            Receiver::new(&mut b.input, b.side, trial, arrivals(), answers_b),
        ];
        let start = clock.now() + HEAD_START;
        // A side from which nothing goes still answers questions.
        let phases = |from: u8| -> &[Phase] {
            let sends = directions.iter().any(|d| from_of(*d) == from);
            if sends { &offered.phases } else { &[] }
        };
        let stream = |from: u8| {
            let [templates_a, templates_b] = &plan.templates;
            let [broadcasts_a, broadcasts_b] = &plan.broadcasts;
            let [rows_a, rows_b] = &plan.rows;
            Stream {
                templates: if from == 0 { templates_a } else { templates_b },
                turns: &plan.turns,
                broadcasts: if from == 0 { broadcasts_a } else { broadcasts_b },
                flows: plan.flows,
                rows: if from == 0 { rows_a } else { rows_b },
                from,
                trial,
                phases: phases(from),
                stamps: offered.stamps,
                patient,
                query: query.clone().filter(|_| from == 0),
            }
        };
        let mut senders = [
            Sender::new(&mut a.output, stream(0), start, spoken_a),
            Sender::new(&mut b.output, stream(1), start, spoken_b),
        ];
        receivers.iter_mut().for_each(Receiver::forget_lost);
        let (sent, over) = (AtomicBool::new(false), AtomicBool::new(false));
        let job = Job { clock, raised: self.raised, late: offered.late, stop: control.stop, sent: &sent, over: &over };
        let event = control.event.take();
        let mut fault = std::thread::scope(|scope| {
            let event = event.map(|event| {
                let at = start.saturating_add(u64::try_from(event.at.as_nanos()).unwrap_or(u64::MAX));
                scope.spawn(move || {
                    while clock.now() < at && !job.over.load(Ordering::Relaxed) {
                        std::thread::sleep(Duration::from_micros(200));
                    }
                    if clock.now() >= at { event.act.reset() } else { Ok(()) }
                })
            });
            let [receive, send] = if cores[0] == cores[1] {
                let (senders, receivers) = (&mut senders, &mut receivers);
                [Some(scope.spawn(move || job.on(cores[0], || job.both(senders, receivers)))), None]
            } else {
                let (senders, receivers) = (&mut senders, &mut receivers);
                [
                    Some(scope.spawn(move || job.on(cores[1], || job.receive(receivers)))),
                    Some(scope.spawn(move || job.on(cores[0], || job.send(senders)))),
                ]
            };
            let mut panicked = false;
            for thread in [send, receive].into_iter().flatten() {
                panicked |= thread.join().is_err();
            }
            over.store(true, Ordering::Relaxed);
            let reset = event.map(|e| e.join().unwrap_or_else(|_| Err("it panicked".into())));
            match (panicked, reset) {
                (true, _) => Some(Fault::Port("a thread of the tester panicked".into())),
                (_, Some(Err(why))) => Some(Fault::Died(format!("the reset failed: {why}"))),
                _ => None,
            }
        });
        if control.stopped() {
            fault = Some(Fault::Interrupted);
        }
        let own_lost = receivers.each_mut().map(Receiver::newly_lost);
        let departures = senders.map(|s| (s.departures.clone(), s.refusal()));
        for (name, refusal) in names.iter().zip(departures.iter().map(|d| &d.1)) {
            if let Some(why) = refusal {
                fault.get_or_insert(Fault::Refused(format!("{name} refused frames: {why}")));
            }
        }
        let departures = departures.map(|d| d.0);
        self.own = Own {
            lost: own_lost.iter().sum(),
            not_offered: departures.iter().map(|d| d.not_offered).sum(),
            refused: departures.iter().map(|d| d.refusals).sum(),
        };
        let outcome = outcome(directions, &departures, receivers, own_lost, start);
        match fault {
            Some(fault) => Err(Failure { fault, so_far: Some(outcome) }),
            None => {
                wait(offered.settle, control);
                Ok(outcome)
            }
        }
    }
}

/// The port that a direction starts from.
fn from_of(direction: Direction) -> u8 {
    match direction {
        Direction::AToB => 0,
        Direction::BToA => 1,
    }
}

/// Sleeps, unless the run is to end.
pub(super) fn wait(time: Duration, control: &Control<'_>) {
    let step = Duration::from_millis(20);
    let mut left = time;
    while !left.is_zero() && !control.stopped() {
        std::thread::sleep(left.min(step));
        left = left.saturating_sub(step);
    }
}
