//! `sluice graph`: the flat graph as a picture, or for tools.
use crate::driver::{Driver, Source, console, defines};
use crate::graph::{dot, json, svg};
use sluice_dataplane::context::Stream;
use sluice_dataplane::lang::render_native;
use std::path::PathBuf;
use std::process::ExitCode;

/// Draws the graph that a configuration makes, compounds expanded, push and pull resolved.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The configuration; `-` is standard input.
    file: PathBuf,
    /// Parameters, NAME=VALUE.
    parameters: Vec<String>,
    /// What to make of it.
    #[arg(long, value_enum, default_value_t = Format::Dot)]
    format: Format,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    /// Graphviz's language.
    Dot,
    /// A picture.
    Svg,
    /// Elements, ports and connections for tools.
    Json,
}

pub(crate) fn main(args: Args) -> anyhow::Result<ExitCode> {
    let source = Source::read(&args.file)?;
    match Driver::new(defines(&args.parameters)?).check(&source) {
        Ok(checked) => {
            eprint!("{}", render_native(&checked.warnings));
            let graph = checked.topology();
            let text = match args.format {
                Format::Dot => dot::draw(graph),
                Format::Svg => svg::draw(graph),
                Format::Json => serde_json::to_string_pretty(&json::Graph::of(graph))? + "\n",
            };
            console(Stream::Out, &text);
            Ok(ExitCode::SUCCESS)
        }
        Err(errors) => {
            eprint!("{}", render_native(&errors));
            Ok(ExitCode::FAILURE)
        }
    }
}
