//! `sluice check`: all errors of a configuration, without running it.
use crate::driver::{Driver, Source, defines};
use sluice_dataplane::lang::render_native;
use std::path::PathBuf;
use std::process::ExitCode;

/// Checks a configuration without opening anything.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The configuration; `-` is standard input.
    file: PathBuf,
    /// Parameters, NAME=VALUE.
    parameters: Vec<String>,
}

pub(crate) fn main(args: Args) -> anyhow::Result<ExitCode> {
    let source = Source::read(&args.file)?;
    Ok(match Driver::new(defines(&args.parameters)?).check(&source) {
        Ok(checked) => {
            eprint!("{}", render_native(&checked.warnings));
            let t = checked.topology();
            println!("{}: {} elements, {} connections, no error", source.file, t.nodes.len(), t.edges.len());
            ExitCode::SUCCESS
        }
        Err(errors) => {
            eprint!("{}", render_native(&errors));
            ExitCode::FAILURE
        }
    })
}
