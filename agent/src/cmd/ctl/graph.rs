//! The running graph, drawn.
use super::session::{Done, Session, print};
use sluice_mgmt::client::{Call, path};

/// The running graph with its counters: a picture, or for tools.
#[derive(clap::Args)]
pub(crate) struct Graph {
    /// What to make of it; json with --json.
    #[arg(long, value_enum, default_value_t = Format::Dot)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Graphviz's language.
    Dot,
    /// A picture.
    Svg,
    /// Elements, connections and counters.
    Json,
}

pub(super) fn graph(s: &Session, args: &Graph) -> Done {
    let format = match args.format {
        Format::Svg => "svg",
        Format::Dot => "dot",
        Format::Json => "json",
    };
    let json = s.json || args.format == Format::Json;
    let format = if json { "json" } else { format };
    let path = path::query(&path::v1(&["graph"]), &[("format", Some(format.into())), s.which_function()]);
    if json {
        return print(&format!("{:#}\n", s.get(&path)?));
    }
    let text = s.send(&Call::get(path))?.text()?;
    print(&if text.ends_with('\n') { text } else { text + "\n" })
}
