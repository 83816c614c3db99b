//! The static facts of an element class: what the engine needs to know before it runs one, and the
//! documentation from which manual, listing and checks are made.
use crate::merge::Merge;

/// Who moves the packets through a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Flow {
    /// The upstream element hands packets over.
    Push,
    /// The downstream element asks for packets.
    Pull,
    /// As the other end; the agnostic ports of one element agree.
    Agnostic,
}

impl Flow {
    /// The word that messages use.
    pub fn name(self) -> &'static str {
        match self {
            Flow::Push => "push",
            Flow::Pull => "pull",
            Flow::Agnostic => "agnostic",
        }
    }
}

/// How state behaves when a graph runs on several workers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// There is none.
    None,
    /// Each worker has its own; readings add up.
    Replicated,
    /// Each worker has its own table; what one learns is told to the others.
    ReplicatedTable,
    /// Read-only and shared by reference.
    Shared,
    /// One worker owns it; the others hand their packets over.
    Single,
}

/// Whether the engine gives the element turns of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Task {
    /// Never.
    No,
    /// In every round in which it is runnable.
    Yes,
    /// Only when its first input pulls.
    IfPull,
    /// Only when its first output pushes.
    IfPush,
}

/// Which outputs packets of an input may reach, inside the element (Click's flow code). Agnostic
/// ports that are joined so agree on who moves the packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Paths {
    /// Every output, from every input: `x/x`.
    All,
    /// The output of the same number: `#/#`.
    Same,
    /// None: `x/y`.
    None,
}

/// How an argument is given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Given {
    /// By position or by keyword; must be there.
    Required,
    /// By position or by keyword; may be left out.
    Optional,
    /// By keyword only; may be left out.
    Keyword,
    /// Any number of further arguments.
    Rest,
}

/// One argument of a class.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    /// Keyword.
    pub name: &'static str,
    /// How it is given.
    pub given: Given,
    /// Type, as the manual names it: `packets`, `IP address`, `boolean` ...
    pub kind: &'static str,
    /// Value when it is left out; empty when there is none.
    pub default: &'static str,
    /// What it does.
    pub doc: &'static str,
}

impl Arg {
    /// A mandatory argument, by position or keyword.
    pub const fn required(name: &'static str, kind: &'static str, doc: &'static str) -> Arg {
        Arg { name, given: Given::Required, kind, default: "", doc }
    }
    /// An optional argument, by position or keyword.
    pub const fn optional(name: &'static str, kind: &'static str, default: &'static str, doc: &'static str) -> Arg {
        Arg { name, given: Given::Optional, kind, default, doc }
    }
    /// A keyword argument.
    pub const fn keyword(name: &'static str, kind: &'static str, default: &'static str, doc: &'static str) -> Arg {
        Arg { name, given: Given::Keyword, kind, default, doc }
    }
    /// Any number of arguments.
    pub const fn rest(name: &'static str, kind: &'static str, doc: &'static str) -> Arg {
        Arg { name, given: Given::Rest, kind, default: "", doc }
    }
}

/// What may be done with a handler.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Read.
    Read,
    /// Write.
    Write,
    /// Both.
    ReadWrite,
}

impl Access {
    /// Whether it can be read.
    pub fn reads(self) -> bool {
        self != Access::Write
    }
    /// Whether it can be written.
    pub fn writes(self) -> bool {
        self != Access::Read
    }
}

/// One handler of a class.
#[derive(Clone, Copy, Debug)]
pub struct Handler {
    /// Name.
    pub name: &'static str,
    /// What may be done with it.
    pub access: Access,
    /// What it gives or does.
    pub doc: &'static str,
    /// How the readings of several workers become one.
    pub merge: Merge,
}

impl Handler {
    /// A read handler.
    pub const fn read(name: &'static str, doc: &'static str) -> Handler {
        Handler { name, access: Access::Read, doc, merge: Merge::Auto }
    }
    /// A write handler.
    pub const fn write(name: &'static str, doc: &'static str) -> Handler {
        Handler { name, access: Access::Write, doc, merge: Merge::Auto }
    }
    /// A handler to read and to write.
    pub const fn both(name: &'static str, doc: &'static str) -> Handler {
        Handler { name, access: Access::ReadWrite, doc, merge: Merge::Auto }
    }
    /// The same, with readings of several workers that become one so.
    pub const fn merged(self, merge: Merge) -> Handler {
        Handler { merge, ..self }
    }
}

/// The static facts of a class. Build it from [`Info::new`] with `..`.
#[derive(Debug)]
pub struct Info {
    /// Name of the class.
    pub class: &'static str,
    /// The folder it lies in: `ip`, `queues`, ...
    pub family: &'static str,
    /// One line: what it does.
    pub synopsis: &'static str,
    /// Click's port count code: `inputs/outputs`, each a number, `a-b`, `a-` or `-`; `=` for as
    /// many outputs as inputs, `=+` for one more.
    pub ports: &'static str,
    /// Click's processing code: `h` push, `l` pull, `a` agnostic, one letter for each port, the
    /// last one for all further ports; `inputs/outputs`.
    pub flow: &'static str,
    /// Arguments, positional ones first, in order.
    pub args: &'static [Arg],
    /// Handlers beyond those that every element has.
    pub handlers: &'static [Handler],
    /// Paragraphs of the manual.
    pub doc: &'static str,
    /// A configuration that passes `sluice check`.
    pub example: &'static str,
    /// Related classes.
    pub see: &'static [&'static str],
    /// How its state behaves on several workers.
    pub state: State,
    /// Whether it gets turns.
    pub task: Task,
    /// It calls `wake` and `rest`; tasks that pull from it sleep while it rests. If it has `gates`
    /// too, it may give packets while it rests: those that come through it.
    pub notifies: bool,
    /// It says with `set_full` when it takes no more packets; sources upstream sleep then.
    pub says_full: bool,
    /// It opens and shuts the ways through it with `gate_input` and `gate_output`; tasks that could
    /// pull through shut ones only sleep.
    pub gates: bool,
    /// Which outputs packets of an input may reach.
    pub paths: Paths,
    /// An output and an input. While a pull at another output has got no answer yet, a pull at this
    /// output goes straight on to the input: the element is busy, and so is on its own way upstream.
    pub straight: Option<(u16, u16)>,
    /// Its arguments can be changed while it runs, by writing `config`.
    pub live: bool,
    /// It gives names or defaults to others, so it is configured before them.
    pub informs: bool,
    /// It asks to whom the link layer addressed a packet ([`Packet::kind`](crate::packet::Packet::kind)). Ports for
    /// which the answer costs a look at the frame give it only to graphs that have such an element.
    pub asks_kind: bool,
}

impl Info {
    /// Stateless, one input, one output, agnostic: the common case.
    pub const fn new(class: &'static str, family: &'static str, synopsis: &'static str) -> Info {
        Info {
            class,
            family,
            synopsis,
            ports: "1/1",
            flow: "a/a",
            args: &[],
            handlers: &[],
            doc: "",
            example: "",
            see: &[],
            state: State::None,
            task: Task::No,
            notifies: false,
            says_full: false,
            gates: false,
            paths: Paths::All,
            straight: None,
            live: false,
            informs: false,
            asks_kind: false,
        }
    }
}

/// Smallest and largest number of ports on one side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Count {
    /// At least.
    pub min: usize,
    /// At most; `usize::MAX` when there is no limit.
    pub max: usize,
    /// As many as on the input side, and this many more; `None` if they do not depend on the inputs.
    pub same: Option<usize>,
}

/// Reads one side of a port count code.
fn count(code: &str) -> Count {
    let number = |s: &str| s.parse().unwrap_or(0);
    match code.split_once('-') {
        Some((min, max)) => {
            Count { min: number(min), max: if max.is_empty() { usize::MAX } else { number(max) }, same: None }
        }
        None if code.starts_with('=') => Count { min: 0, max: usize::MAX, same: Some(code.len() - 1) },
        None => Count { min: number(code), max: number(code), same: None },
    }
}

impl Info {
    /// Numbers of inputs and outputs that the class takes.
    pub fn port_counts(&self) -> (Count, Count) {
        let (i, o) = self.ports.split_once('/').unwrap_or((self.ports, self.ports));
        (count(i), count(o))
    }

    /// Flow of input `port`.
    pub fn input_flow(&self, port: usize) -> Flow {
        flow(self.flow.split_once('/').map_or(self.flow, |f| f.0), port)
    }

    /// Flow of output `port`.
    pub fn output_flow(&self, port: usize) -> Flow {
        flow(self.flow.split_once('/').map_or(self.flow, |f| f.1), port)
    }
}

fn flow(code: &str, port: usize) -> Flow {
    match code.as_bytes().get(port).or(code.as_bytes().last()) {
        Some(b'h') => Flow::Push,
        Some(b'l') => Flow::Pull,
        _ => Flow::Agnostic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_click_reads_them() {
        let info = Info { ports: "1-2/-", flow: "hl/ah", ..Info::new("X", "x", "") };
        let (i, o) = info.port_counts();
        assert_eq!((i.min, i.max, o.min, o.max), (1, 2, 0, usize::MAX));
        assert_eq!((info.input_flow(0), info.input_flow(1), info.input_flow(7)), (Flow::Push, Flow::Pull, Flow::Pull));
        assert_eq!((info.output_flow(0), info.output_flow(3)), (Flow::Agnostic, Flow::Push));
        assert_eq!(Info { ports: "1/=", ..Info::new("X", "x", "") }.port_counts().1.same, Some(0));
        assert_eq!(Info { ports: "-/=+", ..Info::new("X", "x", "") }.port_counts().1.same, Some(1));
        assert_eq!(Info { ports: "0/1", ..Info::new("X", "x", "") }.port_counts().0.max, 0);
    }
}
