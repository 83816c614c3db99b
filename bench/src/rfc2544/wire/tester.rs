//! One trial on the wire: the plan of what is sent, the threads that send and receive, and the outcome.
use super::arrivals::{Arrivals, Departures};
use super::flow::{self, Flows, Side};
use super::frame::{Service, Shape, Template};
use super::learn;
use super::port::{In, Out};
use super::receive::Receiver;
use super::send::{Sender, Stream};
use super::signature::BESIDE;
use crate::rfc2544::trial::{
    Control, Counts, Direction, Failure, Fault, Frames, Offered, Outcome, Phase, Stamps, Traffic,
};
use rustix::process::setpriority_process;
use sluice_dataplane::io::affinity::pin_to_core;
use sluice_dataplane::time::StampClock;
use sluice_dataplane::wire::EtherAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// Answers to the device's questions that may wait for the sender.
const ANSWERS: usize = 64;
/// Longest turn of a mix, frames.
const LONGEST_TURN: u32 = 4096;
/// From the start of the threads to the first frame, nanoseconds.
const HEAD_START: u64 = 5_000_000;
/// Of the threads that send and receive: nobody else should run on their cores for long.
const PRIORITY: i32 = -10;
/// Between two looks after the ports.
const LOOK_AFTER: u64 = 250_000_000;

/// A port of the tester.
pub(crate) struct Port {
    /// What it is called.
    pub(crate) name: String,
    pub(crate) input: In,
    pub(crate) output: Out,
    /// Its place.
    pub(crate) side: Side,
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

/// What the frames of a trial are made of.
struct Plan {
    /// From A and from B.
    templates: [Vec<Template>; 2],
    broadcasts: [Vec<Template>; 2],
    turns: Vec<u16>,
    flows: Flows,
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
        let flows = flows(&offered.traffic).map_err(|why| fail(Fault::Refused(why)))?;
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
        let plan = self.plan(offered, flows, next).map_err(|why| fail(Fault::Refused(why)))?;
        self.run(offered, &plan, next, control)
    }

    /// Number of this trial, modulo 256.
    pub(super) fn number(&self) -> u8 {
        self.trial
    }

    /// Templates of a size for frames from a side.
    pub(super) fn template(
        &self,
        traffic: &Traffic,
        size: usize,
        from: usize,
        to: EtherAddr,
    ) -> Result<Template, String> {
        let [a, b] = [self.ports[0].side, self.ports[1].side];
        let sides = if from == 0 { [a, b] } else { [b, a] };
        let service = if from == 0 { self.services[0] } else { self.services[1] };
        Template::new(Shape { ip: traffic.ip, nsh: traffic.nsh.then_some(service) }, size, sides, to)
    }

    /// Only sends, at A and as fast as the port takes frames, for `time`: how many frames, the processor time of this thread,
    /// and nanoseconds that passed.
    #[cfg(feature = "dpdk")]
    pub(crate) fn generate(
        &mut self,
        frames: &Frames,
        traffic: &Traffic,
        time: Duration,
        stop: &crate::wire::stop::Stop,
    ) -> Result<(u64, Duration, u64), String> {
        use crate::rfc2544::trial::{Length, Load};
        use sluice_dataplane::io::affinity::thread_cpu_time;
        let (flows, (sizes, turns)) = (flows(traffic)?, sizes(frames)?);
        let to = self.ports[1].side.ether;
        let templates: Result<Vec<Template>, String> =
            sizes.iter().map(|size| self.template(traffic, *size, 0, to)).collect();
        let templates = templates?;
        let phases = [Phase { load: Load::FullSpeed, length: Length::Time(time) }];
        let stream = Stream {
            templates: &templates,
            turns: &turns,
            broadcasts: &[],
            flows,
            from: 0,
            trial: self.trial,
            phases: &phases,
            stamps: Stamps::Every,
            patient: false,
            query: None,
        };
        let (clock, core) = (self.clock, self.cores[0]);
        let (_answers, spoken) = sync_channel(1);
        let output = &mut self.ports[0].output;
        let work = move || {
            let _ = pin_to_core(core); // where it is not allowed, figures are noisier
            let _joined = sluice_dataplane::io::dpdk::join();
            let (start, cpu) = (clock.now(), thread_cpu_time());
            let mut sender = Sender::new(output, stream, start, spoken);
            while !sender.is_done() && !stop.asked() {
                sender.step(clock.now());
            }
            sender.stop(clock.now());
            let frames = sender.departures.phases.iter().map(|p| p.0).sum();
            (frames, thread_cpu_time() - cpu, clock.now() - start)
        };
        std::thread::scope(|s| s.spawn(work).join()).map_err(|_| "the generator panicked".into())
    }

    fn plan(&self, offered: &Offered, flows: Flows, next: [EtherAddr; 2]) -> Result<Plan, String> {
        let (sizes, turns) = sizes(&offered.frames)?;
        let all = |to: [EtherAddr; 2]| -> Result<[Vec<Template>; 2], String> {
            let of = |from, to| -> Result<Vec<Template>, String> {
                sizes.iter().map(|size| self.template(&offered.traffic, *size, from, to)).collect()
            };
            Ok([of(0, to[0])?, of(1, to[1])?])
        };
        let broadcasts = match offered.traffic.broadcast {
            true => all([EtherAddr::BROADCAST; 2])?,
            false => [Vec::new(), Vec::new()],
        };
        Ok(Plan { templates: all(next)?, broadcasts, turns, flows })
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
        let arrivals = || Arrivals::new(offered.phases.len(), measured);
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
            Stream {
                templates: if from == 0 { templates_a } else { templates_b },
                turns: &plan.turns,
                broadcasts: if from == 0 { broadcasts_a } else { broadcasts_b },
                flows: plan.flows,
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

fn outcome(
    directions: &[Direction],
    departures: &[Departures; 2],
    receivers: [Receiver<'_>; 2],
    own_lost: [u64; 2],
    start: u64,
) -> Outcome {
    let [a, b] = receivers;
    let returned = [a.returned, b.returned];
    let (mut at_a, mut at_b) = (Some(a.arrivals), Some(b.arrivals));
    let counts = directions.iter().filter_map(|d| {
        let (arrivals, departures, returned, own_lost) = match d {
            Direction::AToB => (at_b.take(), &departures[0], returned[0], own_lost[1]),
            Direction::BToA => (at_a.take(), &departures[1], returned[1], own_lost[0]),
        };
        let mut arrivals = arrivals?;
        arrivals.returned = returned;
        let mut counts = arrivals.counts(*d, departures, start);
        excuse(&mut counts, own_lost);
        Some(counts)
    });
    Outcome { counts: counts.collect(), queries: None }
}

/// Frames that the tester itself lost on receiving say nothing of the device: they count as not offered.
pub(super) fn excuse(counts: &mut Counts, mut lost: u64) {
    for phase in counts.phases.iter_mut().rev() {
        let n = lost.min(phase.lost);
        phase.sent -= n;
        phase.lost -= n;
        lost -= n;
    }
    if counts.lost() == 0 {
        counts.last_lost = None;
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

/// The flows of the traffic.
fn flows(traffic: &Traffic) -> Result<Flows, String> {
    if !(1..=flow::MOST).contains(&traffic.flows) {
        return Err(format!("{} flows: there are 1 to {}", traffic.flows, flow::MOST));
    }
    if !(1..=256).contains(&traffic.networks) {
        return Err(format!("{} networks: there are 1 to 256", traffic.networks));
    }
    // Each network needs a flow of its own.
    let count = traffic.flows.max(traffic.networks.into());
    Ok(Flows { count, random: traffic.random, networks: traffic.networks })
}

/// The sizes, and which of them comes when: each spread over the turn (as Bresenham's lines are), the commonest first.
fn sizes(frames: &Frames) -> Result<(Vec<usize>, Vec<u16>), String> {
    let shares = match frames {
        Frames::Size(size) => return Ok((vec![usize::from(*size)], vec![0])),
        Frames::Mix(shares) => shares,
    };
    let total = shares.iter().try_fold(0_u32, |sum, s| sum.checked_add(s.weight)).unwrap_or(u32::MAX);
    if !(1..=LONGEST_TURN).contains(&total) {
        return Err(format!("a mix has 1 to {LONGEST_TURN} frames in its cycle, not {total}"));
    }
    let mut owed = vec![0_i64; shares.len()];
    let turns = (0..total).map(|_| {
        owed.iter_mut().zip(shares).for_each(|(owed, share)| *owed += i64::from(share.weight));
        // The first of those that wait most.
        let most = owed.iter().copied().max().unwrap_or(0);
        let at = owed.iter().position(|o| *o == most).unwrap_or(0);
        if let Some(owed) = owed.get_mut(at) {
            *owed -= i64::from(total);
        }
        at as u16
    });
    let turns = turns.collect();
    Ok((shares.iter().map(|s| usize::from(s.size)).collect(), turns))
}

/// What the threads of a trial share.
#[derive(Clone, Copy)]
struct Job<'a> {
    clock: StampClock,
    raised: bool,
    late: Duration,
    stop: &'a AtomicBool,
    /// Everything was sent.
    sent: &'a AtomicBool,
    /// The trial is over.
    over: &'a AtomicBool,
}

impl Job<'_> {
    /// Does work on a core, as a thread of DPDK's if DPDK runs.
    fn on<R>(&self, core: usize, work: impl FnOnce() -> R) -> R {
        // Where these are not allowed, figures are noisier.
        let _ = pin_to_core(core);
        if self.raised {
            let _ = setpriority_process(None, PRIORITY);
        }
        #[cfg(feature = "dpdk")]
        let _joined = sluice_dataplane::io::dpdk::join();
        work()
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn until(&self) -> u64 {
        self.clock.now().saturating_add(u64::try_from(self.late.as_nanos()).unwrap_or(u64::MAX))
    }

    /// Sends and receives by turns.
    fn both(&self, senders: &mut [Sender<'_>; 2], receivers: &mut [Receiver<'_>; 2]) {
        let mut looked = self.clock.now();
        while !senders.iter().all(Sender::is_done) {
            let now = self.clock.now();
            senders.iter_mut().for_each(|s| s.step(now));
            receivers.iter_mut().for_each(|r| r.step(&self.clock));
            if self.stopped() {
                return senders.iter_mut().for_each(|s| s.stop(now));
            }
            if now > looked + LOOK_AFTER {
                looked = now;
                senders.iter_mut().for_each(Sender::revive);
            }
        }
        let until = self.until();
        while self.clock.now() < until && !self.stopped() {
            let now = self.clock.now();
            receivers.iter_mut().for_each(|r| r.step(&self.clock));
            senders.iter_mut().for_each(|s| s.step(now));
        }
    }

    fn send(&self, senders: &mut [Sender<'_>; 2]) {
        let _done = Set(self.sent);
        let mut looked = self.clock.now();
        // Afterwards it answers questions until the receiver ends.
        while !self.over.load(Ordering::Relaxed) {
            let now = self.clock.now();
            senders.iter_mut().for_each(|s| s.step(now));
            if self.stopped() {
                senders.iter_mut().for_each(|s| s.stop(now));
            }
            if now > looked + LOOK_AFTER {
                looked = now;
                senders.iter_mut().for_each(Sender::revive);
            }
            if senders.iter().all(Sender::is_done) {
                self.sent.store(true, Ordering::Release);
            }
        }
        senders.iter_mut().for_each(|s| s.stop(self.clock.now()));
    }

    fn receive(&self, receivers: &mut [Receiver<'_>; 2]) {
        let _over = Set(self.over);
        let mut until = None;
        while until.is_none_or(|until| self.clock.now() < until) && !self.stopped() {
            receivers.iter_mut().for_each(|r| r.step(&self.clock));
            if until.is_none() && self.sent.load(Ordering::Acquire) {
                until = Some(self.until());
            }
        }
    }
}

/// Sets a flag when its value goes, so that no thread waits for one that panicked.
struct Set<'a>(&'a AtomicBool);

impl Drop for Set<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
