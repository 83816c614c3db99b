//! Lets packets overtake others, by chance.
use super::Dice;
use super::dice::{ACTIVE, SEED};
use alloc::collections::VecDeque;
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

/// Lets packets overtake others, by chance.
pub struct RandomReorder {
    share: Fraction,
    distance: u64,
    /// Nanoseconds.
    timeout: u64,
    dice: Dice,
    active: bool,
    /// Packets that came so far.
    came: u64,
    held: VecDeque<Held>,
    /// Packets held back so far.
    count: u64,
}

/// A packet that others overtake.
struct Held {
    packet: Packet,
    /// It goes behind the packet of this number.
    behind: u64,
    /// Or at this time, nanoseconds since the epoch.
    due: u64,
}

impl RandomReorder {
    /// Moves to `out` what was overtaken often enough, or waited long enough.
    fn let_go(&mut self, now: u64, out: &mut Batch) {
        while self.held.front().is_some_and(|h| h.behind <= self.came || h.due <= now) {
            out.extend(self.held.pop_front().map(|h| h.packet));
        }
    }
    fn set_timer(&self, cx: &mut Context<'_>) {
        match self.held.front() {
            Some(h) => cx.timer_at(h.due),
            None => cx.clear_timer(),
        }
    }
}

impl Configure for RandomReorder {
    const INFO: &'static Info = &Info {
        flow: "h/h",
        live: true,
        state: State::Single,
        args: &[
            Arg::required("P", "0 to 1", "share of the packets that are overtaken"),
            Arg::optional("DISTANCE", "packets", "3", "so many packets overtake one, at least 1"),
            Arg::keyword("TIMEOUT", "time", "100ms", "a packet that is not overtaken so soon goes on all the same"),
            SEED,
            ACTIVE,
        ],
        handlers: &[
            Handler::both("probability", "share of the packets that are overtaken"),
            Handler::both("active", "if false, packets pass unchanged"),
            Handler::read("count", "packets held back so far"),
        ],
        doc: "Holds back each packet with probability P until DISTANCE later ones have come; it follows directly behind \
              the last of them. Packets held back do not overtake each other. (RFC 4737 section 4.2 calls DISTANCE the \
              reordering extent.)",
        example: "InfiniteSource(LIMIT 50) -> RandomReorder(5%, 2) -> Discard;",
        see: &["RandomDelay", "RandomDrop", "RandomDuplicate", "RandomBitErrors"],
        ..Info::new("RandomReorder", "impairment", "lets packets overtake others, by chance")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let share = args.required("P");
        let distance = args.optional("DISTANCE", 3u32);
        if distance == 0 {
            args.error("DISTANCE must be at least 1");
        }
        let timeout = args.keyword("TIMEOUT", Interval(100_000_000)).0;
        let (dice, active) = (Dice::configure(args), args.keyword("ACTIVE", true));
        let held = VecDeque::new();
        RandomReorder { share, distance: distance.into(), timeout, dice, active, came: 0, held, count: 0 }
    }
}

impl Element for RandomReorder {
    fn start(&mut self, cx: &mut Context<'_>) {
        self.set_timer(cx);
    }
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let now = cx.recent();
        let mut out = cx.spare();
        for packet in batch.drain() {
            self.came += 1;
            if self.active && self.dice.happens(cx, self.share) {
                self.count += 1;
                let (behind, due) = (self.came + self.distance, now.saturating_add(self.timeout));
                self.held.push_back(Held { packet, behind, due });
            } else {
                out.push(packet);
            }
            self.let_go(now, &mut out);
        }
        self.set_timer(cx);
        out.append_to(batch);
        cx.give_spare(out);
    }
    fn timer(&mut self, cx: &mut Context<'_>, batch: &mut Batch) {
        self.let_go(cx.now(), batch);
        self.set_timer(cx);
    }
    fn held(&self) -> usize {
        self.held.len()
    }
    fn release(&mut self) -> Option<Packet> {
        self.held.pop_front().map(|h| h.packet)
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_mut::<RandomReorder>() {
            self.dice.inherit(&old.dice);
            (self.came, self.count) = (old.came, old.count);
            self.held.append(&mut old.held);
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "probability" => format!("{}", self.share),
            "active" => format!("{}", self.active),
            _ => format!("{}", self.count),
        })
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        match handler {
            "probability" => self.share = value(text, handler)?,
            _ => self.active = value(text, handler)?,
        }
        Ok(())
    }
}
