//! Delays packets, by chance and by different times.
use super::Dice;
use super::dice::{ACTIVE, SEED};
use alloc::collections::BTreeMap;
use alloc::format;
use core::any::Any;
use sluice_dataplane::args::{Args, Fraction, Interval};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info, State};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;

/// Delays packets, by chance and by different times.
pub struct RandomDelay {
    /// Nanoseconds.
    delay: u64,
    jitter: u64,
    share: Fraction,
    capacity: usize,
    dice: Dice,
    active: bool,
    /// By the time when they go, nanoseconds since the epoch, then in the order in which they came.
    held: BTreeMap<(u64, u64), Packet>,
    /// Packets delayed so far.
    count: u64,
}

impl RandomDelay {
    /// When a packet goes that comes at `now`.
    fn due(&mut self, cx: &mut Context<'_>, now: u64) -> u64 {
        let from = self.delay.saturating_sub(self.jitter);
        let span = self.delay.saturating_add(self.jitter) - from;
        let more = if span == 0 { 0 } else { self.dice.below(cx, span.saturating_add(1)) };
        now.saturating_add(from).saturating_add(more)
    }
    fn set_timer(&self, cx: &mut Context<'_>) {
        match self.held.first_key_value() {
            Some((&(due, _), _)) => cx.timer_at(due),
            None => cx.clear_timer(),
        }
    }
}

impl Configure for RandomDelay {
    const INFO: &'static Info = &Info {
        flow: "h/h",
        live: true,
        state: State::Single,
        args: &[
            Arg::required("DELAY", "time", "mean delay, seconds by default"),
            Arg::optional("JITTER", "time", "0", "delays differ from DELAY by up to this"),
            Arg::optional("P", "0 to 1", "1", "share of the packets that are delayed"),
            Arg::keyword("CAPACITY", "packets", "1000", "packets it can hold"),
            SEED,
            ACTIVE,
        ],
        handlers: &[
            Handler::both("delay", "mean delay"),
            Handler::both("jitter", "delays differ from that by up to this"),
            Handler::both("probability", "share of the packets that are delayed"),
            Handler::both("active", "if false, packets that come pass at once"),
            Handler::read("length", "packets inside"),
            Handler::read("count", "packets delayed so far"),
        ],
        doc: "Holds each packet with probability P for a time between DELAY - JITTER and DELAY + JITTER, each time as likely \
              as the others; the other packets pass at once. So packets overtake each other if JITTER is greater than the \
              time between them, or P less than 1. A packet that finds CAPACITY others inside is dropped as `queue_full`.",
        example: "RatedSource(RATE 100, LIMIT 5) -> RandomDelay(20ms, 5ms) -> Discard;",
        see: &["DelayUnqueue", "RandomReorder", "RandomDrop", "RandomDuplicate", "RandomBitErrors"],
        ..Info::new("RandomDelay", "impairment", "delays packets, by chance and by different times")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let delay = args.required::<Interval>("DELAY").0;
        let jitter = args.optional("JITTER", Interval(0)).0;
        let share = args.optional("P", Fraction::ONE);
        let capacity = args.keyword("CAPACITY", 1000usize);
        let (dice, active) = (Dice::configure(args), args.keyword("ACTIVE", true));
        RandomDelay { delay, jitter, share, capacity, dice, active, held: BTreeMap::new(), count: 0 }
    }
}

impl Element for RandomDelay {
    fn start(&mut self, cx: &mut Context<'_>) {
        self.set_timer(cx);
    }
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        if !self.active {
            return;
        }
        let now = cx.recent();
        let mut out = cx.spare();
        for p in batch.drain() {
            if !self.dice.happens(cx, self.share) {
                out.push(p);
            } else if self.held.len() >= self.capacity {
                cx.drop(p, Reason::QueueFull);
            } else {
                self.count += 1;
                let due = self.due(cx, now);
                self.held.insert((due, self.count), p);
            }
        }
        self.set_timer(cx);
        out.append_to(batch);
        cx.give_spare(out);
    }
    fn timer(&mut self, cx: &mut Context<'_>, batch: &mut Batch) {
        let now = cx.now();
        while let Some(e) = self.held.first_entry().filter(|e| e.key().0 <= now) {
            batch.push(e.remove());
        }
        self.set_timer(cx);
    }
    fn held(&self) -> usize {
        self.held.len()
    }
    fn release(&mut self) -> Option<Packet> {
        self.held.pop_first().map(|h| h.1)
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_mut::<RandomDelay>() {
            self.dice.inherit(&old.dice);
            self.count = old.count;
            while self.held.len() < self.capacity
                && let Some((key, p)) = old.held.pop_first()
            {
                self.held.insert(key, p);
            }
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "delay" => format!("{}", Interval(self.delay)),
            "jitter" => format!("{}", Interval(self.jitter)),
            "probability" => format!("{}", self.share),
            "active" => format!("{}", self.active),
            "length" => format!("{}", self.held.len()),
            _ => format!("{}", self.count),
        })
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        match handler {
            "delay" => self.delay = value::<Interval>(text, handler)?.0,
            "jitter" => self.jitter = value::<Interval>(text, handler)?.0,
            "probability" => self.share = value(text, handler)?,
            _ => self.active = value(text, handler)?,
        }
        Ok(())
    }
}
