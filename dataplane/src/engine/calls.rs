//! Handler calls: resolved by name, made on elements at rest, answered to whoever asked.
use super::handover::elsewhere;
use super::{Core, Engine, Slot};
use crate::context::Context;
use crate::graph::{Node, Topology};
use crate::handler::{Call, HandlerError, Op, Outcome, Reply, scopes, split_path};
use crate::info::{Access, State};
use crate::merge::Merge;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Most calls that may wait for each other: a script that calls itself for ever ends here.
const DEPTH: usize = 512;
/// Most calls that one call from outside, or one that an element asked for, may take: chains that
/// never end, end here.
const CALLS: u32 = 1 << 18;
/// The name that stands for every other name among the handlers of an element.
const ANY: &str = "*";
/// Handlers of every element.
const COMMON: [&str; 5] = ["name", "class", "config", "ports", "handlers"];
/// Handlers of every element, or of every task, that Click lists later.
const MORE_COMMON: [&str; 4] = ["drops", "scheduled", "tickets", "home_thread"];

/// Handlers of every element that give what the engine has counted.
const ENGINE_COUNTS: [&str; 2] = ["ports", "drops"];

/// Makes the calls that elements asked for, in order.
#[inline(never)]
pub(super) fn perform_asked(core: &mut Core, slots: &mut [Slot]) {
    while let Some((id, call)) = core.calls.pop_front() {
        let _ = perform(core, slots, Some(id), call); // the asker has the answer
    }
}

/// Makes one call, and those that it takes to answer it. `asker` gets the answer too.
fn perform(core: &mut Core, slots: &mut [Slot], asker: Option<usize>, call: Call) -> Reply {
    let mut waiting: Vec<(usize, Call)> = asker.map(|id| (id, call.clone())).into_iter().collect();
    let mut turn = begin(core, slots, asker, &call);
    let mut made = 0;
    loop {
        turn = match turn {
            (Some(id), Outcome::Yield(next)) => {
                made += 1;
                if waiting.len() >= DEPTH {
                    let why = "handler calls nested too deeply";
                    resume(core, slots, id, &next, Err(HandlerError::GaveUp(why.into())))
                } else if made > CALLS {
                    resume(core, slots, id, &next, Err(HandlerError::GaveUp("too many handler calls at once".into())))
                } else {
                    let begun = begin(core, slots, Some(id), &next);
                    waiting.push((id, next));
                    begun
                }
            }
            (None, Outcome::Yield(_)) => return Err("a global handler cannot wait".into()),
            (_, Outcome::Done(reply)) => match waiting.pop() {
                Some((id, call)) => resume(core, slots, id, &call, reply),
                None => return reply,
            },
        }
    }
}

fn resume(core: &mut Core, slots: &mut [Slot], id: usize, call: &Call, reply: Reply) -> (Option<usize>, Outcome) {
    let outcome = match &mut slots[id] {
        Some(e) => e.resume(&mut Context { core, id }, call, reply),
        None => Outcome::Done(reply),
    };
    if core.dirty {
        core.collect(id, 0);
    }
    (Some(id), outcome)
}

/// Starts a call; says which element has it now.
fn begin(core: &mut Core, slots: &mut [Slot], asker: Option<usize>, call: &Call) -> (Option<usize>, Outcome) {
    let done = |r| (None, Outcome::Done(r));
    let caller = asker.map_or("", |id| core.topo.nodes[id].name.as_str());
    let (target, handler, access) = match find_handler(&core.topo, caller, &call.path) {
        Ok(found) => found,
        Err(why) => return done(Err(why)),
    };
    match &call.op {
        Op::Read(_) if !access.reads() => return done(Err(HandlerError::NotReadable(handler.to_string()))),
        Op::Write(_) if !access.writes() => return done(Err(HandlerError::NotWritable(handler.to_string()))),
        _ => {}
    }
    let Some(id) = target else { return done(core.global(slots, handler, &call.op)) };
    let own = own_access(&core.topo.nodes[id], handler).is_some();
    let home = core.topo.nodes[id].home.map(usize::from).filter(|&home| home != core.worker());
    let known_here = !own && matches!(call.op, Op::Read(_)) && (COMMON.contains(&handler) || handler == "drops");
    if let Some(home) = home.filter(|_| !known_here) {
        return done(Err(elsewhere(&core.topo.nodes[id].name, home)));
    }
    if !own {
        return done(core.common(slots, id, handler, &call.op));
    }
    let outcome = match &mut slots[id] {
        Some(e) => e.call(&mut Context { core, id }, handler, &call.op),
        None => Outcome::Done(Err("element is busy".into())),
    };
    if core.dirty {
        core.collect(id, 0);
    }
    (Some(id), outcome)
}

/// What a path means for the element `caller` (nobody: the empty name): the element, `None` for a
/// global handler; the handler's name; and what may be done with it.
pub(crate) fn find_handler<'p>(
    topo: &Topology,
    caller: &str,
    path: &'p str,
) -> Result<(Option<usize>, &'p str, Access), HandlerError> {
    let (element, handler) = split_path(path);
    let missing = || HandlerError::NoHandler(handler.to_string());
    let Some(element) = element else {
        return super::globals::access(handler).map(|a| (None, handler, a)).ok_or_else(missing);
    };
    let Some(id) = scopes(caller, element).find_map(|name| topo.find(&name)) else {
        return Err(HandlerError::NoElement(element.to_string()));
    };
    let node = &topo.nodes[id];
    let access = own_access(node, handler).or_else(|| common_access(node, handler));
    access.map(|a| (Some(id), handler, a)).ok_or_else(missing)
}

/// Access to a handler of the element itself.
fn own_access(node: &Node, handler: &str) -> Option<Access> {
    let fixed = node.class.info.handlers.iter().find(|h| h.name == handler).map(|h| h.access);
    let more = || node.more.iter().find(|h| h.0 == handler).map(|h| h.1);
    let any = || node.more.iter().find(|h| h.0 == ANY && common_access(node, handler).is_none()).map(|h| h.1);
    fixed.or_else(more).or_else(any)
}

/// Access to a handler that every element, or every task, has.
fn common_access(node: &Node, handler: &str) -> Option<Access> {
    match handler {
        "config" if node.class.info.live => Some(Access::ReadWrite),
        h if COMMON.contains(&h) || h == "drops" => Some(Access::Read),
        "scheduled" | "tickets" if node.task => Some(Access::ReadWrite),
        "home_thread" if node.task => Some(Access::Read),
        _ => None,
    }
}

/// How the readings of several workers become one.
fn merge(node: &Node, handler: &str) -> Merge {
    let info = node.class.info;
    match info.handlers.iter().find(|h| h.name == handler) {
        Some(h) if h.merge != Merge::Auto => h.merge,
        Some(h) if h.access == Access::Read && info.state == State::Replicated => Merge::Sum,
        Some(_) => Merge::First,
        None => match handler {
            "drops" | "ports" => Merge::Column(1, '\t'),
            "home_thread" => Merge::Lines,
            // Lines that may begin with a count, as drop_details.
            name if info.state == State::Replicated && own_access(node, name) == Some(Access::Read) => {
                Merge::Column(0, '\t')
            }
            _ => Merge::First,
        },
    }
}

/// Which workers a handler call from outside is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// This one.
    One(usize),
    /// Each of them; and how what they read becomes one.
    Every(Merge),
}

impl Core {
    /// All handlers of an element: `name<TAB>rw`, one a line.
    pub(super) fn list_handlers(&self, id: usize) -> String {
        let mut all: Vec<(String, Access)> = Vec::new();
        for name in COMMON.iter().chain(&MORE_COMMON) {
            all.extend(common_access(&self.topo.nodes[id], name).map(|a| (name.to_string(), a)));
        }
        let own = self.topo.nodes[id].class.info.handlers.iter().map(|h| (h.name.to_string(), h.access));
        let more = self.topo.nodes[id].more.iter().filter(|h| h.0 != ANY).cloned();
        for (name, access) in own.chain(more) {
            all.retain(|h| h.0 != name);
            all.push((name, access));
        }
        let letters = |a: Access| match a {
            Access::Read => "r",
            Access::Write => "w",
            Access::ReadWrite => "rw",
        };
        all.into_iter().map(|(name, a)| format!("{name}\t{}\n", letters(a))).collect()
    }

    fn common(&mut self, slots: &mut [Slot], id: usize, handler: &str, op: &Op) -> Reply {
        let node = &mut self.topo.nodes[id];
        match (handler, op) {
            ("name", _) => Ok(node.name.clone()),
            ("class", _) => Ok(node.class.info.class.to_string()),
            ("config", Op::Read(_)) => Ok(node.config.clone()),
            ("config", Op::Write(value)) => self.reconfigure(slots, id, value),
            ("ports", _) => Ok(self.list_ports(id)),
            ("handlers", _) => Ok(self.list_handlers(id)),
            ("drops", _) => Ok(self.list_drops(id)),
            ("scheduled", Op::Read(_)) => Ok(node.runnable.to_string()),
            ("scheduled", Op::Write(v)) => {
                node.runnable = boolean(v)?;
                Ok(String::new())
            }
            ("tickets", Op::Read(_)) => Ok(node.tickets.to_string()),
            ("tickets", Op::Write(v)) => {
                let tickets = v.trim().parse().ok().filter(|t| (1..=1 << 15).contains(t));
                node.tickets = tickets.ok_or("tickets must be between 1 and 32768")?;
                node.tickets_set = true;
                Ok(String::new())
            }
            ("home_thread", _) => Ok(self.worker().to_string()),
            _ => Err(HandlerError::NoHandler(handler.to_string())),
        }
    }

    /// Replaces the arguments of one element while it runs: a new one is made aside, takes over the
    /// state of the old one, and starts as after a swap: its task awake, its timer its own.
    fn reconfigure(&mut self, slots: &mut [Slot], id: usize, config: &str) -> Reply {
        let (mut new, said) = crate::graph::plan::rebuild(&self.topo, id, config)?;
        let Some(old) = &mut slots[id] else { return Err("element is busy".into()) };
        if !said.is_empty() {
            let node = &self.topo.nodes[id];
            let head = format!("While configuring ‘{} :: {}’:\n", node.name, node.class.info.class);
            let text = said.iter().fold(head, |text, line| text + &format!("  {line}\n"));
            self.print(crate::context::Stream::Err, &text);
        }
        new.take_state(&mut Context { core: self, id }, &mut **old);
        let mut old = core::mem::replace(old, new);
        if let Some(new) = &mut slots[id] {
            self.topo.nodes[id].timer = u64::MAX;
            self.topo.nodes[id].runnable = self.topo.nodes[id].task;
            self.topo.nodes[id].active = true;
            new.start(&mut Context { core: self, id });
            self.wake_listeners(id);
            if self.dirty {
                self.collect(id, 0);
            }
        }
        while let Some(p) = old.release() {
            Context { core: self, id }.drop(p, crate::reason::Reason::SwapOverflow);
        }
        let node = &mut self.topo.nodes[id];
        node.config = config.to_string();
        node.more = slots[id].as_ref().map_or(Vec::new(), |e| e.more_handlers());
        Ok(String::new())
    }

    /// `reason<TAB>packets`, one a line.
    fn list_drops(&self, id: usize) -> String {
        let dropped = &self.topo.counts.nodes[id].dropped;
        let seen = crate::reason::Reason::ALL.iter().filter(|r| dropped.of(**r) > 0);
        seen.map(|r| format!("{}\t{}\n", r.name(), dropped.of(*r))).collect()
    }

    /// The `ports` handler: flow, packets and connections of each port, as Click prints them.
    fn list_ports(&self, id: usize) -> String {
        let node = &self.topo.nodes[id];
        let info = node.class.info;
        let mut text = String::new();
        for input in [true, false] {
            let flows = if input { &node.in_flow } else { &node.out_flow };
            let side = if input { "input" } else { "output" };
            text += &format!("{} {side}{}\n", flows.len(), if flows.len() == 1 { "" } else { "s" });
            for (port, flow) in flows.iter().enumerate() {
                let declared = if input { info.input_flow(port) } else { info.output_flow(port) };
                let agnostic = if declared == crate::info::Flow::Agnostic { "~" } else { "" };
                let edges = self.topo.edges.iter().enumerate().filter(|(_, e)| {
                    if input {
                        e.to as usize == id && e.port as usize == port
                    } else {
                        e.from as usize == id && e.from_port as usize == port
                    }
                });
                let (mut packets, mut ends) = (0, Vec::new());
                for (i, e) in edges {
                    packets += self.topo.counts.edges[i].get();
                    let (other, at) = if input { (e.from, e.from_port) } else { (e.to, e.port) };
                    let name = &self.topo.nodes[other as usize].name;
                    ends.push(if input { format!("{name} [{at}]") } else { format!("[{at}] {name}") });
                }
                text += &format!("{}{agnostic}\t{packets}\t{}\n", flow.name(), ends.join(", "));
            }
        }
        text
    }
}

pub(super) fn boolean(text: &str) -> Result<bool, HandlerError> {
    match text.trim() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        other => Err(format!("‘{other}’ is not a boolean").into()),
    }
}

impl Engine {
    /// Makes a handler call from outside, between two rounds. A graph that it makes is there when the
    /// answer is, so the next call finds it.
    pub fn call(&mut self, call: Call) -> Reply {
        let reply = perform(&mut self.core, &mut self.slots, None, call);
        self.settle();
        self.change_over();
        reply
    }

    /// Which workers a call from outside is for.
    ///
    /// # Errors
    /// There is no such handler.
    pub fn reach(&self, path: &str) -> Result<Reach, HandlerError> {
        let (element, handler, _) = find_handler(&self.core.topo, "", path)?;
        Ok(match element.map(|id| &self.core.topo.nodes[id]) {
            None => Reach::One(0),
            // What the engine counts is counted where it happens: with who hands over, too.
            Some(node) if ENGINE_COUNTS.contains(&handler) && own_access(node, handler).is_none() => {
                Reach::Every(merge(node, handler))
            }
            Some(Node { home: Some(home), .. }) => Reach::One((*home).into()),
            Some(node) => Reach::Every(merge(node, handler)),
        })
    }

    /// Access to a handler, if there is one of that name.
    pub fn access(&self, path: &str) -> Result<Access, HandlerError> {
        find_handler(&self.core.topo, "", path).map(|found| found.2)
    }
}
