//! A tester with a simulated device: trials in virtual time. It is what the searches are checked with,
//! and shows a report in a second.
pub(crate) mod catalogue;
pub(crate) mod device;
mod groups;

use super::trial::{
    Control, Counts, Direction, Failure, Fault, Gap, Length, Load, Offered, Outcome, Reset, Sent, Stamps, Tester,
    Trial, latency_histogram,
};
use device::{Death, Device, Down, Queue, one_in};
use hdrhistogram::Histogram;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The tester.
pub(crate) struct Simulation {
    /// The device, the same in each direction.
    device: Device,
    name: String,
    /// Bits a second of its lines.
    line: f64,
    /// Frames a second that the tester can send.
    ceiling: Option<f64>,
    /// Virtual time since the begin of the run, in seconds.
    life: f64,
    /// Frames of each direction in the device's life.
    seen: [u64; 2],
    reset: Arc<AtomicBool>,
}

impl Simulation {
    pub(crate) fn new(name: &str, device: Device, line: f64) -> Simulation {
        let reset = Arc::new(AtomicBool::new(false));
        Simulation { device, name: name.to_owned(), line, ceiling: None, life: 0.0, seen: [0; 2], reset }
    }

    #[cfg(test)]
    /// A tester that cannot send more frames a second.
    pub(crate) fn with_ceiling(mut self, rate: f64) -> Simulation {
        self.ceiling = Some(rate);
        self
    }

    /// What resets the device.
    pub(crate) fn resetter(&self) -> SimulatedReset {
        SimulatedReset(self.reset.clone())
    }

    #[cfg(test)]
    /// Virtual time since the begin of the run.
    pub(crate) fn now(&self) -> Duration {
        Duration::try_from_secs_f64(self.life).unwrap_or(Duration::MAX)
    }

    /// When the device is down in this trial, in trial time.
    fn down(&self, reset_at: Option<f64>) -> Down {
        let dies = self.device.dies.map(|d| (d.0 - self.life).max(0.0));
        match (dies, reset_at) {
            (Some(at), _) => Some((at, f64::INFINITY)),
            (None, Some(at)) => Some((at, at + self.device.reset)),
            (None, None) => None,
        }
    }

    fn one_direction(&mut self, offered: &Offered, direction: Direction, down: Down, until: f64) -> Counts {
        let mean = offered.frames.mean();
        let line = offered.frames.line(self.line);
        let most = self.ceiling.unwrap_or(f64::INFINITY).min(line);
        let mut queue = Queue::new(&self.device, mean);
        let (mut now, mut phases) = (0.0, Vec::new());
        for phase in &offered.phases {
            let rate = if let Load::Rate(rate) = phase.load { rate.min(most) } else { most };
            let time = match phase.length {
                Length::Time(time) => time.as_secs_f64(),
                Length::Frames(n) => n as f64 / rate,
            };
            let time = time.min((until - now).max(0.0));
            let lost = whole(queue.lost);
            queue.offer(rate, now, now + time, self.life, down);
            now += time;
            let took = Duration::try_from_secs_f64(time).unwrap_or_default();
            let sent = whole(rate * time);
            let lost = (whole(queue.lost) - lost).min(sent);
            phases.push(Sent { sent, lost, took });
        }
        let index = usize::from(direction == Direction::BToA);
        let sent: u64 = phases.iter().map(|p| p.sent).sum();
        let from = self.seen.get(index).copied().unwrap_or(0);
        if let Some(seen) = self.seen.get_mut(index) {
            *seen += sent;
        }
        let d = &self.device;
        let corrupted = one_in(d.corrupt_every, from, from + sent);
        let mut last_lost = queue.last_lost;
        lose_more(&mut phases, corrupted + one_in(d.lose_every, from, from + sent), now, &mut last_lost);
        if d.drops_all || d.reflects_all {
            lose_more(&mut phases, u64::MAX, now, &mut last_lost);
        }
        let lost: u64 = phases.iter().map(|p| p.lost).sum();
        let received = sent - lost;
        let silence = queue.silences.iter().copied().filter(|s| s.0 > 0.0 && s.1 < now);
        let silence = silence.reduce(|a, b| if b.1 - b.0 > a.1 - a.0 { b } else { a });
        let time = |t: f64| Duration::try_from_secs_f64(t).unwrap_or_default();
        let even = Gap { from: Duration::ZERO, to: time(now / received.max(1) as f64) };
        let gap = silence.map_or(even, |(from, to)| Gap { from: time(from), to: time(to) });
        let slow = groups::slow_share(d, &offered.traffic, None);
        let mut counts = Counts {
            direction,
            phases,
            received,
            duplicated: one_in(d.duplicate_every, from, from + received),
            reordered: one_in(d.reorder_every, from, from + received),
            corrupted,
            returned: if d.reflects_all { sent } else { 0 },
            foreign: 0,
            last_lost: last_lost.map(time),
            gap: (received > 1).then_some(gap),
            latency: latency(&queue, offered.stamps, received, slow),
            groups: Vec::new(),
        };
        counts.groups = groups::groups(d, &queue, &offered.traffic, offered.stamps, &counts);
        counts
    }
}

/// Frames that are whole but for rounding.
fn whole(frames: f64) -> u64 {
    (frames + 1e-6).floor() as u64
}

/// Takes so many frames more from those that arrived, as far as there are, evenly over the phases.
fn lose_more(phases: &mut [Sent], more: u64, end: f64, last: &mut Option<f64>) {
    let mut left = more;
    for phase in phases.iter_mut().rev() {
        let taken = left.min(phase.sent - phase.lost);
        phase.lost += taken;
        left -= taken;
        if taken > 0 {
            *last = Some(end);
        }
    }
}

/// The tagged frame, if there is one, is not of the slower server.
fn latency(queue: &Queue<'_>, stamps: Stamps, received: u64, slow: f64) -> Option<Histogram<u64>> {
    let mut histogram = latency_histogram();
    match stamps {
        Stamps::Off => return None,
        Stamps::OneAt(at) => {
            let at = at.as_secs_f64();
            let piece = queue.latencies.iter().find(|p| p.frames > 0.0 && (p.from..p.to).contains(&at));
            if let (Some(p), true) = (piece, received > 0) {
                let along = (at - p.from) / (p.to - p.from);
                histogram.saturating_record(nanos(p.first + along * (p.last - p.first)));
            }
        }
        Stamps::Every => spread(&mut histogram, queue, received, slow),
    }
    Some(histogram)
}

/// Records the latencies of so many frames, of which the share `slow` is of the slower server.
fn spread(histogram: &mut Histogram<u64>, queue: &Queue<'_>, received: u64, slow: f64) {
    let more = queue.device.uneven.map_or(0.0, |u| u.1);
    let total: f64 = queue.latencies.iter().map(|p| p.frames).sum();
    for p in queue.latencies.iter().filter(|_| total > 0.0) {
        // Between its ends a piece is even: parts of it stand for all of it.
        let parts = if p.first == p.last { 1 } else { 64 };
        for part in 0..parts {
            let along = (f64::from(part) + 0.5) / f64::from(parts);
            let time = p.first + along * (p.last - p.first);
            let count = p.frames / total * received as f64 / f64::from(parts);
            for (time, count) in [(time, count * (1.0 - slow)), (time + more, count * slow)] {
                // Even none of a value would count for the least and the most.
                if count.round() > 0.0 {
                    histogram.saturating_record_n(nanos(time), count.round() as u64);
                }
            }
        }
    }
}

fn nanos(seconds: f64) -> u64 {
    (seconds * 1e9).round() as u64
}

impl Trial for Simulation {
    fn tester(&self) -> Tester {
        Tester {
            name: "simulation in virtual time".into(),
            device: format!("simulated: {}", self.name),
            line: Some(self.line),
            stamps: "exact".into(),
            shared_core: false,
            floor: Some(0.0),
            facts: vec![("model".into(), format!("{:?}", self.device))],
        }
    }

    fn ceiling(&mut self, _: &Offered, _: &mut Control<'_>) -> Option<f64> {
        self.ceiling
    }

    fn run(&mut self, offered: &Offered, control: &mut Control<'_>) -> Result<Outcome, Failure> {
        if control.stopped() {
            return Err(Failure { fault: Fault::Interrupted, so_far: None });
        }
        let line = offered.frames.line(self.line).min(self.ceiling.unwrap_or(f64::INFINITY));
        let expected = offered.expected(line).as_secs_f64();
        let mut reset_at = None;
        if let Some(event) = &mut control.event {
            let died = |why| Failure { fault: Fault::Died(why), so_far: None };
            event.act.reset().map_err(died)?;
            reset_at = self.reset.swap(false, Ordering::Relaxed).then_some(event.at.as_secs_f64());
        }
        let down = self.down(reset_at);
        let known = self.device.dies.is_some_and(|d| d.1 == Death::Known);
        let dead = down.filter(|d| known && d.0 < expected).map(|d| d.0);
        let until = dead.unwrap_or(f64::INFINITY);
        let counts: Vec<Counts> =
            offered.directions.each().iter().map(|d| self.one_direction(offered, *d, down, until)).collect();
        self.life += expected.min(until);
        let outcome = Outcome { counts, queries: None };
        match dead {
            Some(_) => Err(Failure { fault: Fault::Died("the simulated process ended".into()), so_far: Some(outcome) }),
            None => Ok(outcome),
        }
    }
}

/// Resets the simulated device.
pub(crate) struct SimulatedReset(Arc<AtomicBool>);

impl Reset for SimulatedReset {
    fn name(&self) -> String {
        "reset of the simulated device".into()
    }

    fn reset(&mut self) -> Result<(), String> {
        self.0.store(true, Ordering::Relaxed);
        Ok(())
    }
}
