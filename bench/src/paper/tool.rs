//! Programs on the hosts: one that waits to be asked, and one that asks and ends. They die with this one.
use crate::wire::net::Net;
use crate::wire::process::{Running, last_line};
use crate::wire::stop::Stop;
use anyhow::{Context as _, ensure};
use std::process::Command;
use std::time::Duration;

/// How long a program may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// A program inside a namespace, of the process's own number.
pub(super) fn command(net: &Net, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = net.command("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command
}

/// Starts a program, and waits until somebody listens to this TCP port of its namespace.
pub(super) fn serve(net: &Net, words: &[&str], port: u16, stop: &Stop) -> anyhow::Result<Running> {
    let (program, rest) = words.split_first().context("no program")?;
    let mut running = Running::start(command(net, program).args(rest), "")?;
    stop.wait(PATIENCE, &format!("{program} to listen"), || {
        ensure!(running.runs()?, "{program} ended: {}", last_line(&running.said()));
        // A socket of IPv6 may take IPv4, too.
        let tables = ["tcp", "tcp6"].map(|t| format!("/proc/thread-self/net/{t}"));
        let tables = net.within(|| tables.map(|t| std::fs::read_to_string(t).unwrap_or_default()))?;
        Ok(tables.iter().any(|table| listens(table, port)))
    })?;
    Ok(running)
}

/// Whether `/proc/net/tcp` or `tcp6` has a socket that listens to this port; proc(5), state 0A.
fn listens(table: &str, port: u16) -> bool {
    let port = format!(":{port:04X}");
    table.lines().skip(1).any(|line| {
        let mut words = line.split_whitespace().skip(1);
        words.next().is_some_and(|local| local.ends_with(&port)) && words.nth(1) == Some("0A")
    })
}

/// Runs a program to its end, which must be within `limit`: what it said.
pub(super) fn bounded(command: &mut Command, limit: Duration, name: &str, stop: &Stop) -> anyhow::Result<Said> {
    let mut running = Running::start(command, "")?;
    running.no_more_input();
    stop.wait(limit, &format!("{name} to end"), || Ok(!running.runs()?))?;
    let well = running.status()?.is_some_and(|s| s.success());
    Ok(Said { well, text: running.end(stop)? })
}

/// What a program said until its end.
pub(super) struct Said {
    /// Whether it said that all is well.
    pub(super) well: bool,
    pub(super) text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_listens_to_the_port_counts() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt\n   \
                     0: 0200090A:1451 00000000:0000 0A 00000000:00000000 00:00000000 00000000\n   \
                     1: 0200090A:2328 0100090A:1451 01 00000000:00000000 00:00000000 00000000\n";
        assert!(listens(table, 5201));
        assert!(!listens(table, 9000), "that one is connected");
        assert!(!listens(table, 1));
        let table = "  sl  local_address                         remote_address                        st tx_queue\n   \
                     0: 00000000000000000000000000000000:2328 00000000000000000000000000000000:0000 0A 00000000\n";
        assert!(listens(table, 9000));
    }
}
