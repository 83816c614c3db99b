//! A device that is a program beside this one. It dies with this one, however that ends.
use super::Device;
use crate::wire::process::{Running, last_line};
use crate::wire::stop::Stop;
use anyhow::ensure;
use std::ffi::OsStr;
use std::process::Command;

/// As the tester's threads have it: what else runs on the machine shall not be taken for the device.
const NICE: &str = "-10";

/// A command that is ended with the thread that starts it, on one core, of the process's own number.
pub(super) fn command(core: usize, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    // util-linux: the signal is kept for what is executed in its place.
    command.args(["--pdeathsig", "KILL", "nice", "-n", NICE, "taskset", "-c"]).arg(core.to_string()).arg(program);
    command
}

/// The program.
pub(super) struct Process {
    running: Running,
    /// Ends it when it is written to its input; else it is interrupted.
    quit: Option<&'static str>,
    started: String,
}

impl Process {
    /// What was started by `command`.
    pub(super) fn new(running: Running, command: &Command, quit: Option<&'static str>) -> Process {
        let words = command.get_args().map(|a| a.to_string_lossy().into_owned());
        Process { running, quit, started: words.skip_while(|a| a != "-c").skip(2).collect::<Vec<_>>().join(" ") }
    }
}

impl Device for Process {
    fn check(&mut self) -> Result<(), String> {
        match self.running.runs() {
            Ok(true) => Ok(()),
            Ok(false) => Err(format!("the device's process has ended: {}", last_line(&self.running.said()))),
            Err(why) => Err(format!("{why:#}")),
        }
    }

    fn facts(&self) -> Vec<(String, String)> {
        vec![("device started as".into(), self.started.clone())]
    }

    fn end(mut self: Box<Self>, stop: &Stop) -> anyhow::Result<()> {
        match self.quit {
            Some(text) => self.running.tell(text)?,
            None => self.running.interrupt()?,
        }
        let said = self.running.end(stop)?;
        ensure!(!said.contains("DO NOT ADD UP"), "{}", last_line(&said));
        Ok(())
    }
}
