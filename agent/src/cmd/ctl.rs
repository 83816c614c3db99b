//! `sluice ctl`: the EMS of a running VNF, from the command line. It speaks the native API and nothing else.
//!
//! One file for each family of commands under [`ctl`](self); [`session`] is what they share.
use std::process::ExitCode;

mod alarms;
mod archive;
mod elements;
mod function;
mod graph;
mod journal;
mod revisions;
mod session;
mod snmp_user;
mod stats;
mod table;
mod tap;
mod terminal;
mod top;
mod trace;
mod vnf;
mod watch;

use session::{Connection, Session};

/// Talks to the EMS of a running VNF: looks, changes its function while packets flow, takes changes back.
///
/// Exit status: 0 done, 1 refused by the EMS, 2 wrong usage, 3 the EMS cannot be reached or broke off.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Who the VNF is, its state, ports with rates, and alarms.
    Status,
    Get(function::Get),
    Set(elements::Set),
    Read(elements::Read),
    Apply(function::Apply),
    /// Keeps a change that waits for its confirmation.
    Confirm,
    /// Takes a change back that waits for its confirmation.
    Revert,
    Rollback(revisions::Rollback),
    /// The history of the function: who changed it, when and why.
    Revisions,
    Diff(revisions::Diff),
    /// Lets the VNF run: opens its ports and starts its function.
    Start,
    /// Stops the VNF and closes its ports; the EMS goes on.
    Stop,
    /// Ends the VNF and its EMS for good.
    Shutdown,
    /// Ends the VNF and lets it begin again.
    Reboot,
    Elements(elements::Elements),
    Graph(graph::Graph),
    /// The ports: state, packets, bytes, rates, losses.
    Ports,
    /// All packets, drops by reason, workers and memory.
    Stats,
    Log(journal::Log),
    Alarms(alarms::Alarms),
    Audit(journal::Audit),
    Trace(trace::Trace),
    Tap(tap::Tap),
    Watch(watch::Watch),
    Top(top::Top),
    Backup(archive::Backup),
    Restore(archive::Restore),
    SupportBundle(archive::SupportBundle),
    Upgrade(archive::Upgrade),
    #[command(name = "snmp-user")]
    SnmpUsers(snmp_user::SnmpUsers),
}

pub(crate) fn main(args: Args) -> anyhow::Result<ExitCode> {
    let json = args.connection.json;
    let done = args.connection.open().and_then(|s| perform(&s, args.command));
    Ok(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => trouble.tell(json),
    })
}

fn perform(s: &Session, command: Command) -> session::Done {
    match command {
        Command::Status => vnf::status(s),
        Command::Get(args) => function::get(s, &args),
        Command::Set(args) => elements::set(s, &args),
        Command::Read(args) => elements::read(s, &args),
        Command::Apply(args) => function::apply(s, &args),
        Command::Confirm => function::confirm(s),
        Command::Revert => function::revert(s),
        Command::Rollback(args) => revisions::rollback(s, &args),
        Command::Revisions => revisions::list(s),
        Command::Diff(args) => revisions::diff(s, &args),
        Command::Start => vnf::set_state(s, "running"),
        Command::Stop => vnf::set_state(s, "stopped"),
        Command::Shutdown => vnf::end(s, "shutdown"),
        Command::Reboot => vnf::end(s, "reboot"),
        Command::Elements(args) => elements::elements(s, &args),
        Command::Graph(args) => graph::graph(s, &args),
        Command::Ports => stats::ports(s),
        Command::Stats => stats::stats(s),
        Command::Log(args) => journal::log(s, &args),
        Command::Alarms(args) => alarms::alarms(s, &args),
        Command::Audit(args) => journal::audit(s, &args),
        Command::Trace(args) => trace::trace(s, &args),
        Command::Tap(args) => tap::tap(s, &args),
        Command::Watch(args) => watch::watch(s, &args),
        Command::Top(args) => top::top(s, &args),
        Command::Backup(args) => archive::backup(s, &args),
        Command::Restore(args) => archive::restore(s, &args),
        Command::Upgrade(args) => archive::upgrade(s, &args),
        Command::SnmpUsers(args) => snmp_user::snmp_user(s, args),
        Command::SupportBundle(args) => archive::support_bundle(s, &args),
    }
}
