//! Pulls from its inputs in proportion to their tickets.
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::any::Any;
use sluice_dataplane::args::{Args, parse_int};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Access, Arg, Info, State};

/// Most tickets of an input.
const MAX_TICKETS: u32 = 1 << 15;
/// Stride of an input with one ticket.
const STRIDE: u32 = 1 << 16;

/// Pulls from its inputs in proportion to their tickets (Waldspurger and Weihl, "Stride
/// Scheduling", 1995).
pub struct StrideSched {
    inputs: Vec<Input>,
    /// Inputs with tickets, the next one first: by pass.
    order: Vec<usize>,
    /// Inputs that had their turn in the current pull.
    stridden: Vec<usize>,
}

#[derive(Clone, Copy, Default)]
struct Input {
    tickets: u32,
    /// Virtual time of its next turn; wraps.
    pass: u32,
}

impl Input {
    fn stride(&mut self) {
        self.pass = self.pass.wrapping_add(STRIDE.checked_div(self.tickets).unwrap_or(0));
    }
}

/// Whether pass `a` is later than `b`, across wrapping.
fn later(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) > 0
}

impl StrideSched {
    fn new(tickets: &[u32]) -> StrideSched {
        let mut inputs: Vec<Input> = tickets.iter().map(|&tickets| Input { tickets, pass: 0 }).collect();
        inputs.iter_mut().for_each(Input::stride);
        let mut s = StrideSched { inputs, order: Vec::new(), stridden: Vec::new() };
        (0..tickets.len()).rev().filter(|&i| tickets[i] > 0).for_each(|i| s.insert(i));
        s
    }
    /// Before the inputs of the same pass.
    fn insert(&mut self, i: usize) {
        let pass = self.inputs[i].pass;
        let at = self.order.iter().position(|&o| !later(pass, self.inputs[o].pass)).unwrap_or(self.order.len());
        self.order.insert(at, i);
    }
    fn pull_next(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, batch: &mut Batch) -> bool {
        let had = batch.len();
        let turns = self.order.len();
        for _ in 0..turns {
            let i = self.order.remove(0);
            if cx.upstream_active(i) {
                up.pull(cx, i, 1, batch);
            }
            self.inputs[i].stride();
            self.stridden.push(i);
            if batch.len() > had {
                break;
            }
        }
        for n in 0..self.stridden.len() {
            self.insert(self.stridden[n]);
        }
        self.stridden.clear();
        batch.len() > had
    }
    fn set_tickets(&mut self, i: usize, tickets: u32) {
        let first = self.order.first().map(|&o| self.inputs[o].pass);
        let Some(input) = self.inputs.get_mut(i) else { return };
        let had = core::mem::replace(&mut input.tickets, tickets);
        if tickets == 0 {
            self.order.retain(|&o| o != i);
        } else if had == 0 {
            input.pass = first.unwrap_or(0);
            if first.is_some() {
                input.stride();
            }
            self.insert(i);
        }
    }
    fn input_of(&self, handler: &str) -> Option<usize> {
        let i: usize = handler.strip_prefix("tickets")?.parse().ok()?;
        (i < self.inputs.len()).then_some(i)
    }
}

impl Configure for StrideSched {
    const INFO: &'static Info = &Info {
        ports: "1-/1",
        flow: "l/l",
        live: true,
        state: State::Single,
        args: &[Arg::rest("TICKETS", "0 to 32768", "tickets of each input")],
        doc: "Answers each pull with a packet from one of its inputs: over time each input that always has packets gets a \
              share in proportion to its tickets. An input with 0 tickets is never pulled from.\n\nEach input has a \
              handler `ticketsN`, to read and to write.",
        example: "InfiniteSource(LIMIT 5) -> Queue -> s :: StrideSched(2, 1) -> Unqueue -> Discard;
                  InfiniteSource(LIMIT 5) -> Queue -> [1] s;",
        see: &["PrioSched", "RoundRobinSched"],
        ..Info::new("StrideSched", "scheduling", "pulls from its inputs in proportion to their tickets")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let texts = args.rest_strings();
        if texts.len() != env.inputs() {
            args.error(format!("need {} arguments, one per input port", env.inputs()));
        }
        let mut tickets = Vec::new();
        for (i, text) in texts.iter().enumerate() {
            match parse_int::<i64>(text) {
                Err(_) => args.error(format!("argument {i} should be number of tickets (integer)")),
                Ok(n) if n < 0 => args.error(format!("argument {i} (number of tickets) must be >= 0")),
                Ok(n) => tickets.push(n.min(MAX_TICKETS.into()) as u32),
            }
        }
        StrideSched::new(&tickets)
    }
}

impl Element for StrideSched {
    fn pull(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, _port: usize, n: usize, batch: &mut Batch) {
        for _ in 0..n {
            if !self.pull_next(cx, up, batch) {
                break;
            }
        }
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        let Some(old) = old.downcast_ref::<StrideSched>() else { return };
        let same = |(a, b): (&Input, &Input)| a.tickets == b.tickets;
        if old.inputs.len() == self.inputs.len() && self.inputs.iter().zip(&old.inputs).all(same) {
            self.inputs.clone_from(&old.inputs);
            self.order.clone_from(&old.order);
        }
    }
    fn more_handlers(&self) -> Vec<(String, Access)> {
        (0..self.inputs.len()).map(|i| (format!("tickets{i}"), Access::ReadWrite)).collect()
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        let i = self.input_of(handler).ok_or_else(|| HandlerError::NoHandler(handler.into()))?;
        Ok(format!("{}", self.inputs[i].tickets))
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        let i = self.input_of(handler).ok_or_else(|| HandlerError::NoHandler(handler.into()))?;
        let n = parse_int::<i64>(text.trim()).map_err(|_| "tickets value must be integer")?;
        if n < 0 {
            return Err("number of tickets must be >= 0".into());
        }
        self.set_tickets(i, n.min(MAX_TICKETS.into()) as u32);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_follow_the_tickets() {
        let mut s = StrideSched::new(&[4, 2, 1, 0]);
        let mut turns = [0; 4];
        let mut start = Vec::new();
        for n in 0..700_000 {
            let i = s.order.remove(0);
            s.inputs[i].stride();
            s.insert(i);
            turns[i] += 1;
            if n < 7 {
                start.push(i);
            }
        }
        assert_eq!(start, [0, 0, 1, 0, 0, 1, 2]);
        assert_eq!(turns, [400_000, 200_000, 100_000, 0]);
    }

    #[test]
    fn tickets_can_change() {
        let mut s = StrideSched::new(&[1, 0]);
        s.set_tickets(1, 1);
        s.set_tickets(0, 0);
        assert_eq!(s.order, [1]);
    }
}
