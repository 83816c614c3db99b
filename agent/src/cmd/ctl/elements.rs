//! The elements of the function and their handlers.
use super::session::{Done, Session, Trouble};
use super::table::{Table, plain};
use crate::report::grouped;
use serde_json::json;
use sluice_mgmt::client::{Call, path};
use sluice_mgmt::vnf::Element;

/// The elements of the running function, or one of them with its handlers.
#[derive(clap::Args)]
pub(crate) struct Elements {
    /// An element, such as q or router/q.
    name: Option<String>,
}

/// Reads a handler of an element.
#[derive(clap::Args)]
pub(crate) struct Read {
    /// As q.length.
    #[arg(value_name = "ELEMENT.HANDLER")]
    handler: String,
}

/// Writes a handler of an element; `config` changes the arguments of elements that allow it.
#[derive(clap::Args)]
pub(crate) struct Set {
    /// As q.capacity.
    #[arg(value_name = "ELEMENT.HANDLER")]
    handler: String,
    /// The value; handlers that only do something need none.
    #[arg(default_value = "", allow_hyphen_values = true)]
    value: String,
}

pub(super) fn elements(s: &Session, args: &Elements) -> Done {
    let of = |names: &[&str]| path::query(&path::v1(names), &[s.which_function()]);
    match &args.name {
        None => s.show(&s.get(&of(&["elements"]))?, |all| Ok(list(&s.as_type::<Vec<Element>>(all)?))),
        Some(name) => s.show(&s.get(&of(&["elements", name]))?, |one| Ok(page(&s.as_type(one)?))),
    }
}

fn list(all: &[Element]) -> String {
    let mut t = Table::new(&["element", "class", "in", "out", "dropped", "held"], &[2, 3, 4, 5]);
    for e in all {
        let c = &e.counters;
        let counts = [c.packets_in, c.packets_out, c.dropped.values().sum(), c.held].map(grouped);
        t.row([plain(&e.name), e.class.clone()].into_iter().chain(counts));
    }
    t.or("there is no element")
}

fn page(e: &Element) -> String {
    let c = &e.counters;
    let mut out = format!("{} :: {}({})\n", e.name, e.class, e.config);
    out += if e.live { "its arguments can be changed while it runs\n" } else { "other arguments take an apply\n" };
    out += &format!(
        "in {}, out {}, held {}, dropped {}\n",
        grouped(c.packets_in),
        grouped(c.packets_out),
        grouped(c.held),
        grouped(c.dropped.values().sum())
    );
    c.dropped.iter().for_each(|(why, n)| out += &format!("  {why} {}\n", grouped(*n)));
    let mut t = Table::new(&["handler", "", "what it is"], &[]);
    for h in &e.handlers {
        let can = [(h.read, 'r'), (h.write, 'w')].iter().map(|(is, c)| if *is { *c } else { '-' }).collect();
        t.row([h.name.clone(), can, h.doc.clone()]);
    }
    plain(&(out + "\n" + &t.or("it has no handlers")))
}

/// The path of a handler.
fn handler(s: &Session, text: &str) -> Result<String, Trouble> {
    let Some((element, handler)) = text.split_once('.').filter(|(e, h)| !e.is_empty() && !h.is_empty()) else {
        return Err(Trouble::Usage(format!("‘{text}’: give it as ELEMENT.HANDLER, such as q.length")));
    };
    Ok(path::query(&path::v1(&["elements", element, "handlers", handler]), &[s.which_function()]))
}

pub(super) fn read(s: &Session, args: &Read) -> Done {
    let text = s.send(&Call::get(handler(s, &args.handler)?).accept("text/plain"))?.text()?;
    answered(s, text)
}

pub(super) fn set(s: &Session, args: &Set) -> Done {
    let call = Call::put(handler(s, &args.handler)?).body("text/plain; charset=utf-8", args.value.as_str());
    let text = s.send(&call)?.text()?;
    if text.is_empty() && !s.json { Ok(()) } else { answered(s, text) }
}

/// Handlers answer a text; as JSON it is a string.
fn answered(s: &Session, text: String) -> Done {
    s.show(&json!(text), |_| {
        Ok(if text.is_empty() || text.ends_with('\n') { text.clone() } else { text.clone() + "\n" })
    })
}
