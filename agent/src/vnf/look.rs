//! What the running graph consists of, and its handlers.
use crate::graph;
use sluice_dataplane::control::Handlers as _;
use sluice_dataplane::engine::Engine;
use sluice_dataplane::handler::{Call, HandlerError, Reply};
use sluice_dataplane::info::Flow;
use sluice_dataplane::worker::crew::Crew;
use sluice_mgmt::vnf::{Connection, Drawing, Element, ElementCounters, Graph, HandlerInfo, Refusal, Snapshot};

fn gone() -> Refusal {
    Refusal::Unavailable("the workers have ended".into())
}

/// Runs `f` on the worker that leads.
fn on_leader<R: Send + 'static>(crew: &Crew, f: impl FnOnce(&mut Engine) -> R + Send + 'static) -> Result<R, Refusal> {
    crew.remotes().first().ok_or_else(gone)?.run(f).map_err(|_| gone())
}

fn counters(of: &str, snapshot: &Snapshot) -> ElementCounters {
    snapshot.elements.iter().find(|e| e.name == of).map(|e| e.counters.clone()).unwrap_or_default()
}

/// The elements of the graph.
pub(super) fn elements(crew: &Crew, snapshot: &Snapshot) -> Result<Vec<Element>, Refusal> {
    let mut all = on_leader(crew, |e| {
        let names: Vec<String> = e.topology().nodes.iter().map(|n| n.name.clone()).collect();
        let lists: Vec<String> =
            names.iter().map(|n| e.call(Call::read(format!("{n}.handlers"), "")).unwrap_or_default()).collect();
        let element = |(n, list): (&sluice_dataplane::graph::Node, &String)| Element {
            name: n.name.clone(),
            class: n.class.info.class.into(),
            config: n.config.clone(),
            live: n.class.info.live,
            handlers: handlers(list, n.class.info.handlers),
            counters: ElementCounters::default(),
        };
        e.topology().nodes.iter().zip(&lists).map(element).collect::<Vec<_>>()
    })?;
    all.iter_mut().for_each(|e| e.counters = counters(&e.name, snapshot));
    Ok(all)
}

/// Reads the list `name<TAB>rw` that the handler `handlers` gives.
fn handlers(list: &str, known: &[sluice_dataplane::info::Handler]) -> Vec<HandlerInfo> {
    let line = |line: &str| {
        let (name, access) = line.split_once('\t')?;
        let doc = known.iter().find(|h| h.name == name).map_or("", |h| h.doc);
        Some(HandlerInfo {
            name: name.into(),
            read: access.contains('r'),
            write: access.contains('w'),
            doc: doc.into(),
        })
    };
    list.lines().filter_map(line).collect()
}

fn answer(reply: Option<Reply>) -> Result<String, Refusal> {
    reply.ok_or_else(gone)?.map_err(|why| {
        let text = why.to_string();
        match why {
            HandlerError::NoElement(_) | HandlerError::NoHandler(_) => Refusal::NotFound(text),
            HandlerError::NotReadable(_) => Refusal::NotAllowed(text, "write"),
            HandlerError::NotWritable(_) => Refusal::NotAllowed(text, "read"),
            HandlerError::Failed(_) => Refusal::Invalid(text),
            HandlerError::GaveUp(_) => Refusal::Unavailable(text),
        }
    })
}

/// The path of a handler. Only elements of the graph are reached so, not its global handlers, nor elements by number.
fn path(crew: &Crew, element: &str, handler: &str) -> Result<String, Refusal> {
    let name = element.to_string();
    if handler.contains('.') || !on_leader(crew, move |e| e.topology().find(&name).is_some())? {
        return Err(Refusal::NotFound(HandlerError::NoElement(element.into()).to_string()));
    }
    Ok(format!("{element}.{handler}"))
}

pub(super) fn read(crew: &Crew, element: &str, handler: &str, parameter: &str) -> Result<String, Refusal> {
    answer(crew.call(Call::read(path(crew, element, handler)?, parameter)))
}

pub(super) fn write(crew: &Crew, element: &str, handler: &str, value: &str) -> Result<String, Refusal> {
    answer(crew.call(Call::write(path(crew, element, handler)?, value)))
}

/// The graph with its counters.
pub(super) fn graph(crew: &Crew, snapshot: &Snapshot) -> Result<Graph, Refusal> {
    let survey = |e: &mut Engine| {
        let t = e.topology();
        let end = |i: u32| t.nodes[i as usize].name.clone();
        let connection =
            |(edge, count): (&sluice_dataplane::graph::Edge, &sluice_dataplane::count::Count)| Connection {
                from: end(edge.from),
                output: edge.from_port,
                to: end(edge.to),
                input: edge.port,
                flow: t.nodes[edge.from as usize]
                    .out_flow
                    .get(usize::from(edge.from_port))
                    .map_or(Flow::Push, |f| *f)
                    .name()
                    .into(),
                packets: count.get(),
            };
        t.edges.iter().zip(&t.counts.edges).map(connection).collect::<Vec<_>>()
    };
    let mut all = crew.run_all(crew.remotes().iter().map(|_| survey)).map_err(|_| gone())?.into_iter();
    let mut connections = all.next().unwrap_or_default();
    for other in all {
        for c in other {
            let same = |k: &&mut Connection| (&k.from, k.output, &k.to, k.input) == (&c.from, c.output, &c.to, c.input);
            match connections.iter_mut().find(same) {
                Some(known) => known.packets += c.packets,
                None => connections.push(c),
            }
        }
    }
    Ok(Graph { elements: snapshot.elements.clone(), connections })
}

/// The graph as a picture, or for Graphviz.
pub(super) fn drawing(crew: &Crew, form: Drawing) -> Result<String, Refusal> {
    on_leader(crew, move |e| match form {
        Drawing::Svg => graph::svg::draw(e.topology()),
        Drawing::Dot => graph::dot::draw(e.topology()),
    })
}
