//! The program `sluice`: runs, checks, traces and explains Click configurations.
//!
//! One file for each command under [`cmd`]; what they share is [`driver`] (from a file to a running
//! worker), [`report`] (what a run leaves behind) and [`live`] (the line of rates while it runs).
#![forbid(unsafe_code)]
mod cmd;
mod cores;
mod dpdk;
mod driver;
mod graph;
mod live;
mod machine;
mod manual;
mod programs;
mod report;
mod services;
mod signals;
mod snmp;
mod tap;
mod vnf;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Runs Click configurations as virtual network functions.
#[derive(Parser)]
#[command(name = "sluice", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(cmd::run::Args),
    Token(cmd::token::Args),
    Check(cmd::check::Args),
    Click(cmd::click::Args),
    #[cfg(feature = "ctl")]
    Ctl(Box<cmd::ctl::Args>),
    Elements(cmd::elements::Args),
    Graph(cmd::graph::Args),
    Trace(cmd::trace::Args),
}

fn main() -> ExitCode {
    if let Some(ended) = machine::by_name() {
        return ended;
    }
    programs::sandbox();
    let mut arguments = std::env::args_os().skip(1);
    let command = match arguments.next() {
        Some(name) if name == "click" => Command::Click(cmd::click::Args::raw(arguments)),
        _ => Cli::parse().command,
    };
    let result = match command {
        Command::Run(args) => cmd::run::main(args),
        Command::Token(args) => cmd::token::main(args),
        Command::Check(args) => cmd::check::main(args),
        Command::Click(args) => cmd::click::main(args),
        #[cfg(feature = "ctl")]
        Command::Ctl(args) => cmd::ctl::main(*args),
        Command::Elements(args) => cmd::elements::main(args),
        Command::Graph(args) => cmd::graph::main(args),
        Command::Trace(args) => cmd::trace::main(args),
    };
    result.unwrap_or_else(|e| {
        eprintln!("sluice: {e:#}");
        ExitCode::FAILURE
    })
}
