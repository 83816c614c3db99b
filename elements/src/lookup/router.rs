//! What the look-up elements share: arguments, handlers, and the way of a packet.
use super::fib::{Begun, Fib, MAX_ROUTES, Refused, Route};
use super::route::{Read, read};
use alloc::format;
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::fmt::Write;
use core::net::Ipv4Addr;
use sluice_dataplane::args::{Args, FromArg, NameDb, shift_word};
use sluice_dataplane::batch::{Batch, MAX_BURST};
use sluice_dataplane::context::{Context, Stream};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Arg, Handler};
use sluice_dataplane::reason::Reason;

/// Beyond all outputs.
const NO_ROUTE: u16 = u16::MAX;
/// Complaints about missing routes, at most.
const COMPLAINTS: u32 = 5;

/// The argument of all classes.
pub(super) const ARGS: &[Arg] = &[Arg::rest("ROUTE", "ADDR/MASK [GATEWAY] OUTPUT", "a route")];
/// The handlers of classes whose routes never change.
pub(super) const READ_HANDLERS: &[Handler] =
    &[Handler::read("table", "the routes, one a line"), Handler::read("lookup", "output and gateway of an address")];
/// The handlers of classes whose routes may change.
pub(super) const HANDLERS: &[Handler] = &[
    READ_HANDLERS[0],
    READ_HANDLERS[1],
    Handler::write("add", "adds a route `ADDR/MASK [GATEWAY] OUTPUT`; fails if there is one for this prefix"),
    Handler::write("set", "adds a route, or replaces the one for its prefix"),
    Handler::write("remove", "removes a route `ADDR/MASK [[GATEWAY] OUTPUT]`; what is given must be as in the table"),
    Handler::write("ctrl", "lines of `add`, `set` and `remove` with their routes: all of them, or none if one fails"),
    Handler::write("flush", "removes all routes"),
];
/// What the manual says of all classes.
pub(super) const DOC: &str = "Looks up the destination address annotation (GetIPAddress sets it) among the routes, the \
    longest prefix first, and sends the packet to the OUTPUT of the route. If the route has a GATEWAY, the annotation is \
    set to that. A packet without a route is dropped as `no_route`.\n\nHost bits of a route's address do not matter. The \
    first of several routes for one prefix counts. All look-up classes share one table with the same speed; they differ in \
    their handlers. Masks must be contiguous. After a hot swap the table stays as it is if the arguments are the same.\n\n\
    The replicas of several workers read one table. A route that changes is changed for all of them, and each has a table of its \
    own from then on: the memory of a large one once more.";

/// A routing table inside an element.
pub(super) struct Router {
    /// The replicas of all workers have one, until a route changes: then each changes one of its own.
    fib: Arc<Fib>,
    /// The routes as configured, to see whether they are the same after a swap.
    texts: Arc<Vec<String>>,
    names: NameDb,
    /// Whether packets without a route are told about, and how often they were.
    complains: bool,
    complaints: u32,
}

/// A table that a replica on another worker has built, with the routes as configured.
#[derive(Default)]
struct Built {
    fib: Weak<Fib>,
    texts: Weak<Vec<String>>,
}

impl Router {
    /// Reads the routes, or takes the table that another worker's replica has read.
    pub(super) fn configure(args: &mut Args<'_>, env: &mut Env<'_>, complains: bool) -> Router {
        let texts = args.rest_strings();
        let names = args.names().clone();
        let shared = env.share_with_replicas::<Built>();
        let built = shared.with(|built| built.fib.upgrade().zip(built.texts.upgrade()));
        if let Some((fib, texts)) = built.filter(|b| *b.1 == texts) {
            return Router { fib, texts, names, complains, complaints: 0 };
        }
        let (fib, texts) = (Arc::new(Self::build(args, env, &texts)), Arc::new(texts));
        shared.with(|built| *built = Built { fib: Arc::downgrade(&fib), texts: Arc::downgrade(&texts) });
        Router { fib, texts, names, complains, complaints: 0 }
    }

    /// Makes the table.
    fn build(args: &mut Args<'_>, env: &mut Env<'_>, texts: &[String]) -> Fib {
        let mut routes = Vec::with_capacity(texts.len());
        let (mut first, mut more) = (None, 0);
        for (i, text) in texts.iter().enumerate() {
            let read = read(text, false, args.names());
            if let Some(r) = read.as_ref().filter(|r| r.prefix.addr != r.prefix.network()) {
                more += u32::from(first.is_some());
                first.get_or_insert((text.clone(), r.prefix.network()));
            }
            match read.map(|r| r.route(env.outputs())) {
                None => args.error(format!("argument {} should be 'ADDR/MASK [GATEWAY] OUTPUT'", i + 1)),
                Some(None) => args.error(format!("argument {} bad OUTPUT", i + 1)),
                Some(Some(route)) => routes.push(route),
            }
        }
        let (fib, doubles) = Fib::build(&routes).unwrap_or_else(|_| {
            args.error(format!("{} routes: at most {MAX_ROUTES} fit", routes.len()));
            Default::default()
        });
        if let Some((text, network)) = first {
            let more = if more > 0 { format!(", and {more} more") } else { String::new() };
            env.warn(format!("route '{text}' has host bits, taken as {network}{more}"));
        }
        if doubles > 0 {
            let routes = if doubles == 1 { "route" } else { "routes" };
            env.warn(format!("{doubles} {routes} replaced by later versions"));
        }
        fib
    }

    /// Sends every packet where its route says.
    #[inline]
    pub(super) fn route(&mut self, cx: &mut Context<'_>, batch: &mut Batch) {
        let Router { fib, complains, complaints, .. } = self;
        if fib.is_growing() {
            Arc::make_mut(fib).settle();
        }
        let fib = &**fib;
        cx.scatter_many(
            batch,
            |some, outs| {
                let mut begun = [Begun::default(); MAX_BURST];
                some.iter().zip(&mut begun).for_each(|(p, b)| *b = fib.begin(p.dst()));
                for ((p, begun), out) in some.iter_mut().zip(begun).zip(outs) {
                    *out = NO_ROUTE;
                    if let Some(hop) = fib.finish(begun, p.dst()) {
                        if !hop.gateway.is_unspecified() {
                            p.set_dst(hop.gateway);
                        }
                        *out = hop.output;
                    }
                }
            },
            |cx, p, _| {
                if *complains && *complaints < COMPLAINTS {
                    *complaints += 1;
                    cx.print(Stream::Err, &format!("IPRouteTable: no route for {}\n", p.dst()));
                }
                cx.drop(p, Reason::NoRoute);
            },
        );
    }

    /// Keeps the table, with all changes since, if the arguments are the same.
    pub(super) fn take_table(&mut self, cx: &Context<'_>, old: &mut Router) {
        self.complaints = old.complaints;
        if self.texts == old.texts {
            core::mem::swap(&mut self.fib, &mut old.fib);
            let lost: Vec<Route> =
                self.fib.routes().filter(|r| usize::from(r.output) >= cx.outputs()).copied().collect();
            for r in lost {
                // It was in the list a moment ago.
                let _ = Arc::make_mut(&mut self.fib).remove(r.addr, r.length, |_| true);
            }
        }
    }

    /// Reads `table` or `lookup`.
    pub(super) fn read(&self, handler: &str, parameter: &str) -> Reply {
        match handler {
            "table" => {
                let mut out = String::new();
                for route in self.fib.routes() {
                    let _ = writeln!(out, "{route:#}"); // writing to a string cannot fail
                }
                Ok(out)
            }
            "lookup" => {
                let addr = Ipv4Addr::from_arg(parameter.trim(), &self.names);
                let addr = addr.map_err(|_| HandlerError::from("expected IP address"))?;
                Ok(match self.fib.lookup(addr) {
                    Some(hop) if hop.gateway.is_unspecified() => format!("{}", hop.output),
                    Some(hop) => format!("{} {}", hop.output, hop.gateway),
                    None => "-1".into(),
                })
            }
            _ => Err(HandlerError::NoHandler(handler.into())),
        }
    }

    /// Writes `add`, `set`, `remove`, `ctrl` or `flush`.
    pub(super) fn write(&mut self, cx: &Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        let outputs = cx.outputs();
        match handler {
            "flush" => self.fib = Arc::default(),
            "ctrl" => return self.transaction(text, outputs),
            _ => return self.command(handler, text, outputs).map(|_| ()),
        }
        Ok(())
    }

    /// Carries out all lines, or takes back those before the first that fails.
    fn transaction(&mut self, text: &str, outputs: usize) -> Result<(), HandlerError> {
        let mut done: Vec<Undo> = Vec::new();
        for line in text.lines() {
            let (command, rest) = shift_word(line);
            if command.is_empty() {
                continue;
            }
            let result = if ["add", "set", "remove"].contains(&command) {
                self.command(command, rest, outputs)
            } else {
                Err(format!("bad command '{command}'").into())
            };
            match result {
                Ok(undo) => done.push(undo),
                Err(why) => {
                    // What was just possible in one direction is possible in the other.
                    done.into_iter().rev().for_each(|undo| match undo {
                        Undo::Remove(r) => drop(Arc::make_mut(&mut self.fib).remove(r.addr, r.length, |_| true)),
                        Undo::Restore(r) => drop(Arc::make_mut(&mut self.fib).set(r)),
                    });
                    return Err(why);
                }
            }
        }
        Ok(())
    }

    fn command(&mut self, command: &str, text: &str, outputs: usize) -> Result<Undo, HandlerError> {
        let removes = command == "remove";
        let form = if removes { "ADDR/MASK [GATEWAY OUTPUT]" } else { "ADDR/MASK [GATEWAY] OUTPUT" };
        let wanted = || HandlerError::Failed(format!("expected '{form}'"));
        let read = read(text, removes, &self.names).ok_or_else(wanted)?;
        if removes {
            return self.remove(&read, outputs);
        }
        let route = read.route(outputs).ok_or_else(|| HandlerError::from("bad OUTPUT"))?;
        let result = match command {
            "add" => Arc::make_mut(&mut self.fib).add(route).map(|()| None),
            _ => Arc::make_mut(&mut self.fib).set(route),
        };
        match result {
            Ok(old) => Ok(old.map_or(Undo::Remove(route), Undo::Restore)),
            Err(Refused::Exists(old)) => Err(format!("conflict with existing route '{old}'").into()),
            Err(_) => Err(format!("no memory to store route '{route}'").into()),
        }
    }

    fn remove(&mut self, read: &Read, outputs: usize) -> Result<Undo, HandlerError> {
        let (addr, length) = (u32::from(read.prefix.network()), read.prefix.length().unwrap_or(32));
        // An output of -1 is as good as none.
        let output = read.output.filter(|o| *o != -1);
        if output.is_some_and(|o| usize::try_from(o).map_or(true, |o| o >= outputs)) {
            return Err("bad OUTPUT".into());
        }
        let same = |r: &Route| output.is_none_or(|o| i32::from(r.output) == o && r.gateway == read.gateway);
        Arc::make_mut(&mut self.fib).remove(addr, length, same).map(Undo::Restore).map_err(|_| {
            let gateway = if read.gateway.is_unspecified() { "-".into() } else { format!("{}", read.gateway) };
            let network = read.prefix.network();
            HandlerError::Failed(format!("route '{network}/{length} {gateway} {}' not found", output.unwrap_or(-1)))
        })
    }
}

/// How to take a change back.
enum Undo {
    Remove(Route),
    Restore(Route),
}
