//! `sluice elements`: the manual, from the elements themselves.
use crate::driver::{classes, console};
use crate::manual::{self, json, markdown};
use sluice_dataplane::context::Stream;
use sluice_dataplane::lang::{Classes as _, did_you_mean};
use sluice_elements::TABLE;
use std::io::IsTerminal as _;
use std::process::ExitCode;

/// Lists all element classes, or tells all about one.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A class, such as Queue.
    name: Option<String>,
    /// One JSON document with everything.
    #[arg(long)]
    json: bool,
    /// The whole manual as one Markdown document (elements/MANUAL.md).
    #[arg(long, conflicts_with_all = ["name", "json"])]
    manual: bool,
}

pub(crate) fn main(args: Args) -> anyhow::Result<ExitCode> {
    let table = classes();
    let text = match args.name {
        None if args.manual => markdown::manual(&TABLE),
        None if args.json => serde_json::to_string_pretty(&json::Manual::of(&table))? + "\n",
        None => manual::list(&table, width()),
        Some(name) => {
            let Some(class) = table.find(&name) else {
                eprintln!("sluice: there is no element class ‘{name}’");
                let hint = did_you_mean(&name, table.names());
                eprintln!("  hint: {}", hint.as_deref().unwrap_or("`sluice elements` lists all"));
                return Ok(ExitCode::FAILURE);
            };
            match args.json {
                true => serde_json::to_string_pretty(&json::Element::of(class.info))? + "\n",
                false => manual::page(class.info, width()),
            }
        }
    };
    console(Stream::Out, &text);
    Ok(ExitCode::SUCCESS)
}

/// Columns of the terminal, within what is good to read; 80 if there is none.
fn width() -> usize {
    let out = std::io::stdout();
    let columns = match out.is_terminal() {
        true => rustix::termios::tcgetwinsize(out).map_or(0, |size| usize::from(size.ws_col)),
        false => 0,
    };
    if columns == 0 { 80 } else { columns.clamp(40, 100) }
}
