//! A program that runs beside: what it says, what it uses, and its end.
use super::stop::Stop;
use anyhow::{Context as _, anyhow};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{Read, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Longest time that a program gets to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running program. It is killed with its value, if it has not ended.
pub(crate) struct Running {
    child: Child,
    said: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Running {
    /// Starts a program and gives it `input`; its standard input stays open.
    pub(crate) fn start(command: &mut Command, input: &str) -> anyhow::Result<Running> {
        let all = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = all.spawn().with_context(|| format!("{command:?}"))?;
        let mut running = Running { child, said: Arc::default(), readers: Vec::new() };
        let out = running.child.stdout.take().map(|s| Box::new(s) as Box<dyn Read + Send>);
        let err = running.child.stderr.take().map(|s| Box::new(s) as Box<dyn Read + Send>);
        for stream in [out, err].into_iter().flatten() {
            let said = running.said.clone();
            running.readers.push(std::thread::spawn(move || listen(stream, &said)));
        }
        running.tell(input)?;
        Ok(running)
    }

    /// Writes to its standard input.
    pub(crate) fn tell(&mut self, text: &str) -> anyhow::Result<()> {
        let input = self.child.stdin.as_mut().context("its standard input is closed")?;
        Ok(input.write_all(text.as_bytes()).and_then(|()| input.flush())?)
    }

    /// Closes its standard input.
    pub(crate) fn no_more_input(&mut self) {
        drop(self.child.stdin.take());
    }

    pub(crate) fn interrupt(&self) -> anyhow::Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), Signal::INT)?)
    }

    /// SIGHUP.
    pub(crate) fn hang_up(&self) -> anyhow::Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), Signal::HUP)?)
    }

    /// Whether it has not ended.
    pub(crate) fn runs(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// How it ended, if it has.
    pub(crate) fn status(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Its process number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said so far, on standard output and standard error.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// Waits until it is ready for work, at most 10 s.
    pub(crate) fn until(&mut self, stop: &Stop, ready: impl Fn(&Running) -> bool) -> anyhow::Result<()> {
        stop.wait(PATIENCE, "a program to be ready", || match self.child.try_wait()? {
            None => Ok(ready(self)),
            Some(status) => Err(anyhow!("it ended at once ({status}): {}", last_line(&self.said()))),
        })
    }

    /// Waits for its end, and gives all that it said.
    pub(crate) fn end(mut self, stop: &Stop) -> anyhow::Result<String> {
        stop.wait(PATIENCE, "a program to end", || Ok(self.child.try_wait()?.is_some()))?;
        self.readers.drain(..).for_each(|r| drop(r.join()));
        Ok(self.said())
    }

    /// Processor time that its threads have used, nanoseconds: first number of schedstat, which counts
    /// what they did in user code and in the kernel, and the interrupts that they were stopped for.
    pub(crate) fn cpu_time(&self) -> anyhow::Result<u64> {
        let mut sum = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.id()))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            sum += text.split(' ').next().and_then(|n| n.parse::<u64>().ok()).context("schedstat")?;
        }
        Ok(sum)
    }

    /// Processor time of its threads of this name, nanoseconds.
    pub(crate) fn cpu_time_of(&self, name: &str) -> anyhow::Result<u64> {
        let mut sum = None;
        for task in fs::read_dir(format!("/proc/{}/task", self.id()))? {
            let folder = task?.path();
            if fs::read_to_string(folder.join("comm"))?.trim() == name {
                let text = fs::read_to_string(folder.join("schedstat"))?;
                let time = text.split(' ').next().and_then(|n| n.parse::<u64>().ok()).context("schedstat")?;
                sum = Some(sum.unwrap_or(0) + time);
            }
        }
        sum.with_context(|| format!("no thread {name}"))
    }

    /// Whether one of its threads has this name.
    pub(crate) fn has_thread(&self, name: &str) -> bool {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.id())).into_iter().flatten().flatten();
        tasks.map(|t| fs::read_to_string(t.path().join("comm"))).any(|c| c.is_ok_and(|c| c.trim() == name))
    }

    /// Resident memory, megabytes (10^6 bytes).
    pub(crate) fn resident(&self) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).context("VmRSS")?;
        let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kilobytes * 1024.0 / 1e6)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Keeps what a stream says.
pub(crate) fn listen(mut stream: impl Read, said: &Mutex<Vec<u8>>) {
    let mut some = [0; 4096];
    while let Ok(n @ 1..) = stream.read(&mut some) {
        said.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&some[..n]);
    }
}

/// What else runs on the machine shall not be taken for what is measured.
const NICE: &str = "-10";

/// A command that runs what is added to it on one core, as a process of its own number, and is ended with the thread that
/// starts it.
pub(crate) fn pinned(core: usize) -> Command {
    let mut command = Command::new("setpriv");
    // util-linux: the signal is kept for what is executed in its place.
    command.args(["--pdeathsig", "KILL", "nice", "-n", NICE, "taskset", "-c"]).arg(core.to_string());
    command
}

/// For messages.
pub(crate) fn last_line(text: &str) -> &str {
    text.trim_end().lines().last().unwrap_or("it said nothing")
}
