//! A device in virtual time: a queue before a server, computed as a flow from event to event, so that
//! a trial of minutes at any rate takes microseconds, and its answers are known beforehand.

/// What limits the server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Capacity {
    /// Frames a second, whatever their size.
    Frames(f64),
    /// Bits a second of the frames, without preamble and gap.
    Bits(f64),
}

/// Rates, as shares of the capacity, between which a device that is not monotonic loses frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Band {
    pub(crate) from: f64,
    pub(crate) to: f64,
    /// Frames lost for each one offered.
    pub(crate) loss: f64,
}

/// Times in which the server stands still.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stall {
    /// From the begin of one to the begin of the next.
    pub(crate) every: f64,
    /// How long each takes.
    pub(crate) lasts: f64,
}

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Death {
    /// It is silent from then on; nobody says so.
    Silent,
    /// Whoever watches the process knows.
    Known,
}

/// A device. Times are in seconds, buffers in frames.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Device {
    pub(crate) capacity: Capacity,
    pub(crate) buffer: f64,
    /// Latency without a queue.
    pub(crate) latency: f64,
    /// What the latency without a queue grows by at capacity, as a share; with the square of the load.
    pub(crate) latency_growth: f64,
    /// One frame in as many is lost, counted over the device's life.
    pub(crate) lose_every: Option<u64>,
    pub(crate) duplicate_every: Option<u64>,
    pub(crate) reorder_every: Option<u64>,
    pub(crate) corrupt_every: Option<u64>,
    pub(crate) band: Option<Band>,
    pub(crate) stall: Option<Stall>,
    /// One flow in as many takes this much longer: its server is slower than the others.
    pub(crate) uneven: Option<(u16, f64)>,
    /// After an overload it goes on losing a tenth of the frames for this time.
    pub(crate) daze: f64,
    pub(crate) drops_all: bool,
    pub(crate) reflects_all: bool,
    /// At this moment of its life.
    pub(crate) dies: Option<(f64, Death)>,
    /// How long a reset takes.
    pub(crate) reset: f64,
}

impl Device {
    /// A plain device: no buffer, 10 us, a reset of half a second.
    pub(crate) fn new(capacity: Capacity) -> Device {
        Device {
            capacity,
            buffer: 0.0,
            latency: 10e-6,
            latency_growth: 0.0,
            lose_every: None,
            duplicate_every: None,
            reorder_every: None,
            corrupt_every: None,
            band: None,
            stall: None,
            uneven: None,
            daze: 0.0,
            drops_all: false,
            reflects_all: false,
            dies: None,
            reset: 0.5,
        }
    }

    /// Frames a second of this mean size.
    pub(crate) fn frames(&self, mean: f64) -> f64 {
        match self.capacity {
            Capacity::Frames(rate) => rate,
            Capacity::Bits(bits) => bits / (8.0 * mean),
        }
    }
}

/// One in `every` of the frames `from` to `to` of a life.
pub(crate) fn one_in(every: Option<u64>, from: u64, to: u64) -> u64 {
    every.filter(|n| *n > 0).map_or(0, |n| to / n - from / n)
}

/// The queue during one trial, and what it has lost.
pub(crate) struct Queue<'a> {
    pub(crate) device: &'a Device,
    /// Frames a second that the server takes.
    capacity: f64,
    queued: f64,
    overload_until: f64,
    pub(crate) lost: f64,
    pub(crate) last_lost: Option<f64>,
    /// Times in which nothing came out.
    pub(crate) silences: Vec<(f64, f64)>,
    /// Weights and latencies in seconds, of frames that arrived: begin and end of each piece.
    pub(crate) latencies: Vec<Piece>,
}

/// A piece of time in which the latency changes evenly.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) frames: f64,
    pub(crate) first: f64,
    pub(crate) last: f64,
}

/// When the server stands still for another reason than a stall: down from, until; in trial time.
pub(crate) type Down = Option<(f64, f64)>;

impl<'a> Queue<'a> {
    pub(crate) fn new(device: &'a Device, mean: f64) -> Queue<'a> {
        Queue {
            device,
            capacity: device.frames(mean),
            queued: 0.0,
            overload_until: f64::NEG_INFINITY,
            lost: 0.0,
            last_lost: None,
            silences: Vec::new(),
            latencies: Vec::new(),
        }
    }

    /// Frames come at `rate` from time `from` to `to`; the trial began at `life` of the device's life.
    pub(crate) fn offer(&mut self, rate: f64, from: f64, to: f64, life: f64, down: Down) {
        let mut now = from;
        while now < to {
            let end = self.next_event(now, life, down).min(to);
            // Nothing changes before the next event, and its very moment is rounded.
            let middle = (now + end) / 2.0;
            let is_down = down.is_some_and(|(a, b)| (a..b).contains(&middle));
            let stalled = self.stalled(middle + life);
            if is_down {
                self.lose(rate * (end - now), end);
                self.queued = 0.0; // what was in it is gone; it counts as forwarded before
            } else {
                self.flow(rate, if stalled { 0.0 } else { self.capacity }, now, end);
            }
            if is_down || stalled {
                match self.silences.last_mut().filter(|s| s.1 == now) {
                    Some(silence) => silence.1 = end,
                    None => self.silences.push((now, end)),
                }
            }
            now = end;
        }
    }

    fn stalled(&self, life: f64) -> bool {
        self.device.stall.is_some_and(|s| life.rem_euclid(s.every) < s.lasts)
    }

    /// The next moment after `now` at which the server changes.
    fn next_event(&self, now: f64, life: f64, down: Down) -> f64 {
        let mut next = f64::INFINITY;
        if let Some((from, until)) = down {
            for t in [from, until].into_iter().filter(|t| *t > now) {
                next = next.min(t);
            }
        }
        if let Some(s) = self.device.stall {
            let round = ((now + life + 1e-9) / s.every).floor();
            for t in [round * s.every + s.lasts, (round + 1.0) * s.every].map(|t| t - life) {
                // What is nearer than a nanosecond is this moment, rounded.
                if t > now + 1e-9 {
                    next = next.min(t);
                }
            }
        }
        if self.overload_until > now {
            next = next.min(self.overload_until);
        }
        next
    }

    fn flow(&mut self, rate: f64, served: f64, from: f64, to: f64) {
        let base = self.base_latency(rate);
        let daze: f64 = if from < self.overload_until { 0.1 } else { 0.0 };
        let band =
            self.device.band.filter(|b| (b.from..b.to).contains(&(rate / self.capacity))).map_or(0.0, |b| b.loss);
        let share = daze.max(band);
        if share > 0.0 {
            self.lose(rate * share * (to - from), to);
        }
        let arrives = rate * (1.0 - share);
        let net = arrives - served;
        // A rate that is the capacity but for rounding fills nothing.
        let net = if net.abs() < 1e-9 * self.capacity { 0.0 } else { net };
        let room = (self.device.buffer - self.queued).max(0.0);
        let first = base + self.queued / self.capacity;
        let full = if net > 0.0 { (from + room / net).min(to) } else { to };
        self.queued = (self.queued + net * (full - from)).clamp(0.0, self.device.buffer);
        let last = base + self.queued / self.capacity;
        self.latencies.push(Piece { from, to: full, frames: arrives * (full - from), first, last });
        if full < to {
            self.lose(net * (to - full), to);
            self.latencies.push(Piece { from: full, to, frames: served * (to - full), first: last, last });
            self.overload_until = to + self.device.daze;
        }
    }

    fn base_latency(&self, rate: f64) -> f64 {
        let load = (rate / self.capacity).min(1.0);
        self.device.latency * (1.0 + self.device.latency_growth * load * load)
    }

    fn lose(&mut self, frames: f64, until: f64) {
        let before = self.lost.floor();
        self.lost += frames;
        if self.lost.floor() > before {
            self.last_lost = Some(until);
        }
    }
}
