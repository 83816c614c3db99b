//! Conditions under which the tests are made again (RFC 2544 sections 11 and 12): each in a run of its own, beside one without.
//! Routing updates (section 11.3) are not among them: no device that is started here speaks a routing protocol.
use super::profile::Profile;
use super::report::{Report, compare};
use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A condition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Modifier {
    /// Section 11.1: 1 frame in 100 goes to the broadcast address.
    Broadcast,
    /// Section 11.2: one management query a second.
    Management,
    /// Section 11.4: address filters, of which only the last lets the frames through.
    Filters(u16),
    /// Section 12: frames go to 256 networks.
    Networks,
}

/// By their names, in the order in which they are made.
pub(crate) const ALL: [(&str, Modifier); 5] = [
    ("broadcast", Modifier::Broadcast),
    ("management", Modifier::Management),
    ("filter-1", Modifier::Filters(1)),
    ("filters-25", Modifier::Filters(25)),
    ("networks-256", Modifier::Networks),
];

/// Reads a name.
pub(crate) fn named(name: &str) -> Result<Modifier, String> {
    let found = ALL.iter().find(|m| m.0 == name).map(|m| m.1);
    found.ok_or_else(|| format!("{} or all", ALL.map(|m| m.0).join(", ")))
}

impl Modifier {
    /// Puts the condition into a profile.
    ///
    /// # Errors
    /// Its device has no filters that could be set here.
    pub(crate) fn apply(self, profile: &mut Profile) -> anyhow::Result<()> {
        match self {
            Modifier::Broadcast => profile.traffic.broadcast = true,
            Modifier::Management => profile.traffic.management = true,
            Modifier::Networks => profile.traffic.networks = 256,
            Modifier::Filters(rules) => {
                let kind = profile.device.get("kind").map(String::as_str).unwrap_or_default();
                if !matches!(kind, "forward" | "firewall") {
                    bail!("only Sluice as forward or firewall gets filters from here");
                }
                profile.device.insert("kind".into(), "firewall".into());
                profile.device.insert("rules".into(), rules.to_string());
            }
        }
        Ok(())
    }
}

/// Makes a run of `profile` without and one with each condition that its device can have, each in a process of its own (DPDK
/// is started once in one), and puts them side by side. `words` are the options of this program that all runs have.
///
/// # Errors
/// A run did not come to its end. The others' reports are there.
pub(crate) fn all(words: &[OsString], profile: &Profile, out: &Path, stop: &AtomicBool) -> anyhow::Result<()> {
    let mut reports: Vec<(String, Report)> = Vec::new();
    let mut failed = Vec::new();
    let mut names = vec!["none"];
    for (name, modifier) in ALL {
        match modifier.apply(&mut profile.clone()) {
            Ok(()) => names.push(name),
            Err(why) => eprintln!("left out: {name}: {why}"),
        }
    }
    for name in names {
        eprintln!("modifier: {name}");
        let file = beside(out, name);
        let ended = run(words, name, &file, stop).with_context(|| format!("modifier {name}"))?;
        ensure!(!stop.load(Ordering::Relaxed), "interrupted, with the modifier {name}; earlier reports are whole");
        match ended.success() {
            true => reports.push((name.into(), Report::read(&file.with_extension("json"))?)),
            // It has said why.
            false => failed.push(name),
        }
    }
    print!("{}", compare::table(&reports));
    ensure!(failed.is_empty(), "without a whole report: {}", failed.join(", "));
    Ok(())
}

/// `out`, then the name.
fn beside(out: &Path, name: &str) -> PathBuf {
    let mut file = out.as_os_str().to_owned();
    file.push("-");
    file.push(name);
    file.into()
}

fn run(words: &[OsString], name: &str, out: &Path, stop: &AtomicBool) -> anyhow::Result<ExitStatus> {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(std::env::current_exe()?).args(words).arg("--out").arg(out);
    if name != "none" {
        command.args(["--modifier", name]);
    }
    // A group of its own: whoever interrupts this program from a terminal shall not interrupt the run twice.
    command.stdin(Stdio::null()).stdout(Stdio::null()).process_group(0);
    let mut child = command.spawn().context("setpriv")?;
    let mut told = false;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if stop.load(Ordering::Relaxed) && !told {
            told = true;
            kill_process(Pid::from_child(&child), Signal::INT)?;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_condition_changes_what_it_should_and_nothing_else() {
        let plain = || {
            let mut profile = Profile::load("quick").unwrap();
            profile.device = [("kind".into(), "forward".into()), ("links".into(), "memif".into())].into();
            profile
        };
        for (name, modifier) in ALL {
            assert_eq!(named(name), Ok(modifier));
            let mut profile = plain();
            modifier.apply(&mut profile).unwrap();
            assert_ne!(profile, plain(), "{name}");
            match modifier {
                Modifier::Filters(rules) => {
                    assert_eq!(profile.device["kind"], "firewall");
                    assert_eq!(profile.device["rules"], rules.to_string());
                    assert_eq!(profile.traffic, plain().traffic);
                }
                _ => assert_eq!(profile.device, plain().device, "{name}"),
            }
        }
        assert!(named("rain").unwrap_err().starts_with("broadcast, management"));
        let mut bridge = plain();
        bridge.device.insert("kind".into(), "bridge".into());
        assert!(Modifier::Filters(1).apply(&mut bridge).is_err());
    }
}
