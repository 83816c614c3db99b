//! The manual for programs. The names of the fields are stable.
use super::access;
use serde::Serialize;
use sluice_dataplane::element::Table;
use sluice_dataplane::info::{self, Given, Info, Paths, State, Task};

/// All classes.
#[derive(Serialize)]
pub(crate) struct Manual {
    elements: Vec<Element>,
}

/// What one class says about itself.
#[derive(Serialize)]
pub(crate) struct Element {
    class: &'static str,
    family: &'static str,
    synopsis: &'static str,
    inputs: Side,
    outputs: Side,
    /// Click's codes.
    port_code: &'static str,
    flow_code: &'static str,
    /// Which outputs the packets of an input may reach.
    paths: &'static str,
    arguments: Vec<Argument>,
    handlers: Vec<Handler>,
    description: &'static str,
    example: &'static str,
    see_also: &'static [&'static str],
    /// How its state behaves on several workers.
    state: &'static str,
    /// When it gets turns of its own.
    task: &'static str,
    /// Tasks that pull from it sleep while it has nothing.
    notifies: bool,
    /// Its arguments can be changed while it runs.
    live: bool,
}

#[derive(Serialize)]
struct Side {
    min: usize,
    /// Nothing when there is no limit.
    max: Option<usize>,
    /// There are so many more than inputs; nothing when the number does not depend on the inputs.
    more_than_inputs: Option<usize>,
    /// Of each port; the last one is that of all further ones.
    flow: Vec<&'static str>,
}

#[derive(Serialize)]
struct Argument {
    name: &'static str,
    given: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    default: Option<&'static str>,
    description: &'static str,
}

#[derive(Serialize)]
struct Handler {
    name: &'static str,
    access: &'static str,
    description: &'static str,
}

impl Manual {
    pub(crate) fn of(table: &Table) -> Manual {
        Manual { elements: table.classes().map(Element::of).collect() }
    }
}

impl Element {
    pub(crate) fn of(info: &'static Info) -> Element {
        let (inputs, outputs) = info.port_counts();
        let (code_in, code_out) = info.flow.split_once('/').unwrap_or((info.flow, info.flow));
        Element {
            class: info.class,
            family: info.family,
            synopsis: info.synopsis,
            inputs: Side::of(inputs, code_in.len(), |p| info.input_flow(p).name()),
            outputs: Side::of(outputs, code_out.len(), |p| info.output_flow(p).name()),
            port_code: info.ports,
            flow_code: info.flow,
            paths: match info.paths {
                Paths::All => "all",
                Paths::Same => "same number",
                Paths::None => "none",
            },
            arguments: info.args.iter().map(Argument::of).collect(),
            handlers: info
                .handlers
                .iter()
                .map(|h| Handler { name: h.name, access: access(h.access), description: h.doc })
                .collect(),
            description: info.doc,
            example: info.example,
            see_also: info.see,
            state: match info.state {
                State::None => "none",
                State::Replicated => "replicated",
                State::ReplicatedTable => "replicated table",
                State::Shared => "shared",
                State::Single => "single",
            },
            task: match info.task {
                Task::No => "never",
                Task::Yes => "always",
                Task::IfPull => "if input 0 pulls",
                Task::IfPush => "if output 0 pushes",
            },
            notifies: info.notifies,
            live: info.live,
        }
    }
}

impl Side {
    fn of(count: info::Count, codes: usize, flow: impl Fn(usize) -> &'static str) -> Side {
        let max = Some(count.max).filter(|m| *m != usize::MAX);
        let shown = codes.max(1).min(max.unwrap_or(usize::MAX));
        Side { min: count.min, max, more_than_inputs: count.same, flow: (0..shown).map(flow).collect() }
    }
}

impl Argument {
    fn of(a: &info::Arg) -> Argument {
        let given = match a.given {
            Given::Required => "required",
            Given::Optional => "optional",
            Given::Keyword => "keyword",
            Given::Rest => "any number",
        };
        let default = Some(a.default).filter(|d| !d.is_empty());
        Argument { name: a.name, given, kind: a.kind, default, description: a.doc }
    }
}
