//! What an element is.
//!
//! An element never calls another. It edits the batch in place (what stays goes to output 0),
//! moves exceptions aside with [`Context::emit`], and ends packets with [`Context::drop`],
//! [`Context::consume`] or [`Context::transmit`]. So the counters of a graph always add up.
use crate::args::Args;
use crate::batch::Batch;
use crate::context::{Context, Upstream};
use crate::env::{Env, SetUp};
use crate::handler::{Call, HandlerError, Op, Outcome, Reply};
use crate::info::{Access, Info};
use crate::packet::Packet;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::any::Any;

/// Bytes of a note.
pub const NOTE_BYTES: usize = 24;

/// What the replica of a table tells those on other workers, in the element's own format.
pub type Note = [u8; NOTE_BYTES];

/// What a task did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Activity {
    /// Worked, and wants another turn.
    Busy,
    /// Found nothing, but something outside (a device) may bring work at any time.
    Waiting,
    /// Do not run again before a notifier upstream, a timer or a handler wakes it.
    Idle,
}

/// One node of a graph. Every method has a default.
pub trait Element: Any + Send {
    /// Opens files and finds errors, before the graph replaces the running one. Not called when a
    /// configuration is only checked.
    fn set_up(&mut self, _cx: &mut SetUp<'_>) -> Result<(), String> {
        Ok(())
    }
    /// On the worker, after [`take_state`](Self::take_state), before the first packet: sets timers.
    fn start(&mut self, _cx: &mut Context<'_>) {}
    /// Packets pushed into input `port`; at most `burst` of them, never none.
    fn process(&mut self, _cx: &mut Context<'_>, _port: usize, _batch: &mut Batch) {}
    /// Packets wanted from output `port`: appends at most `n` to `batch`, which may hold others.
    /// Fewer, even none, does not mean that nothing is left: ask [`Context::upstream_active`]. The
    /// default serves agnostic elements: it pulls from input 0, then processes.
    fn pull(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, _port: usize, n: usize, batch: &mut Batch) {
        let mut got = cx.spare();
        up.pull(cx, 0, n, &mut got);
        if !got.is_empty() {
            self.process(cx, 0, &mut got);
        }
        got.append_to(batch);
        cx.give_spare(got);
    }
    /// A task's turn. What is in `batch` afterwards goes to output 0.
    fn run(&mut self, _cx: &mut Context<'_>, _up: &mut Upstream<'_>, _batch: &mut Batch) -> Activity {
        Activity::Idle
    }
    /// The timer that was set with [`Context::timer_at`]. `batch` as in `run`. A task is made
    /// runnable as well.
    fn timer(&mut self, _cx: &mut Context<'_>, _batch: &mut Batch) {}
    /// What the replica of this element on another worker told with [`Context::tell_others`]. `batch` as
    /// in `run`.
    fn learn(&mut self, _cx: &mut Context<'_>, _note: &Note, _batch: &mut Batch) {}
    /// Packets inside.
    fn held(&self) -> usize {
        0
    }
    /// Gives up the packets inside, oldest first. Whoever holds packets implements this.
    fn release(&mut self) -> Option<Packet> {
        None
    }
    /// Takes over from an element of the same name and class: queued packets, counters, tables.
    /// Cannot fail; packets that do not fit stay in `old`, and the engine counts them.
    fn take_state(&mut self, _cx: &mut Context<'_>, _old: &mut dyn Any) {}
    /// Reads one of the handlers that `INFO` or [`more_handlers`](Self::more_handlers) lists.
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Err(HandlerError::NoHandler(handler.to_string()))
    }
    /// Writes one of those handlers.
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, _value: &str) -> Result<(), HandlerError> {
        Err(HandlerError::NoHandler(handler.to_string()))
    }
    /// Handlers that depend on the configuration. Asked for once, after the element was made. The
    /// name `*` stands for every name that nothing else answers to.
    fn more_handlers(&self) -> Vec<(String, Access)> {
        Vec::new()
    }
    /// A handler call. Only elements that need answers from other elements implement this;
    /// the default reads or writes.
    fn call(&mut self, cx: &mut Context<'_>, handler: &str, op: &Op) -> Outcome {
        Outcome::Done(match op {
            Op::Read(parameter) => self.read(cx, handler, parameter),
            Op::Write(value) => self.write(cx, handler, value).map(|()| String::new()),
        })
    }
    /// The answer to a call that this element asked for: by yielding (then the result counts), or
    /// with [`Context::call`] (then `Done` ends the matter).
    fn resume(&mut self, _cx: &mut Context<'_>, _call: &Call, reply: Reply) -> Outcome {
        Outcome::Done(reply)
    }
    /// Somebody asked the driver to stop. True: this element deals with it, and the driver goes on.
    /// Only elements like DriverManager say so.
    fn driver_stops(&mut self, _cx: &mut Context<'_>) -> bool {
        false
    }
}

/// How an element of a class comes into being.
pub trait Configure: Element + Sized {
    /// The facts of the class.
    const INFO: &'static Info;
    /// From the arguments. Errors are noted in `args`, all of them; the result is thrown away then.
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self;
}

/// One row of the table of classes.
#[derive(Clone, Copy)]
pub struct Class {
    /// What configurations call it: the class's name, or an old one that still counts.
    pub name: &'static str,
    /// The facts.
    pub info: &'static Info,
    /// Makes an element; errors are in the arguments afterwards.
    pub make: fn(&mut Args<'_>, &mut Env<'_>) -> Box<dyn Element>,
}

impl Class {
    /// The row of `E`.
    pub const fn of<E: Configure>() -> Class {
        Class::synonym::<E>(E::INFO.class)
    }
    /// The row of `E` under another name, which old configurations use. In all else it is the class.
    pub const fn synonym<E: Configure>(name: &'static str) -> Class {
        Class { name, info: E::INFO, make: |args, env| Box::new(E::configure(args, env)) }
    }
}

/// All classes there are, sorted by name.
#[derive(Clone, Copy)]
pub struct Table(pub &'static [Class]);

impl Table {
    /// The facts of every class, once for each whatever names it has.
    pub fn classes(&self) -> impl Iterator<Item = &'static Info> {
        self.0.iter().filter(|c| c.name == c.info.class).map(|c| c.info)
    }
    /// The row of a class.
    pub fn find(&self, class: &str) -> Option<&'static Class> {
        self.0.binary_search_by(|c| c.name.cmp(class)).ok().map(|i| &self.0[i])
    }
}

impl crate::lang::Classes for Table {
    fn exists(&self, class: &str) -> bool {
        self.find(class).is_some()
    }
    fn names(&self) -> Vec<&str> {
        self.0.iter().map(|c| c.name).collect()
    }
}
