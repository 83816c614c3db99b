//! The subcommands `rfc2544`, `report` and `recheck`.
use super::device;
use super::profile::Profile;
use super::progress::Progress;
use super::report::{FORMAT, RESETS_BY, Report, compare, environment::Environment, recheck};
use super::section26;
use super::session::{End, Session, Watch, line_bits};
use super::sim::catalogue::{DEVICES, simulation};
use super::trial::{Reset, Trial};
use super::wire::rig::Rig;
use crate::wire::stop::Stop;
use anyhow::Context as _;
use sluice_dataplane::io::affinity::allowed_cores;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Options of `rfc2544`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How is tested: quick, full, or a file.
    #[arg(long, default_value = "quick")]
    profile: String,
    /// The device, instead of that in the profile: `--device kind=router links=memif`.
    #[arg(long, num_args = 1.., value_parser = device::profile::word)]
    device: Vec<(String, String)>,
    /// A simulated device, in virtual time; "list" names them.
    #[arg(long, conflicts_with = "device")]
    simulate: Option<String>,
    /// Where reports are written, without ending.
    #[arg(long, default_value = "target/rfc2544")]
    out: PathBuf,
}

/// Tests a device, and writes the report.
pub(crate) fn rfc2544(options: &Options) -> anyhow::Result<()> {
    let Some(simulate) = &options.simulate else { return real(options) };
    if simulate == "list" {
        DEVICES.iter().for_each(|(name, what, _)| println!("{name:<14} {what}"));
        return Ok(());
    }
    let profile = Profile::load(&options.profile)?;
    let mut simulation =
        simulation(simulate).with_context(|| format!("no simulated device {simulate}; --simulate list names them"))?;
    let mut reset = simulation.resetter();
    let stop = stop_on_signals()?;
    let line = line_bits(&profile, &simulation.tester());
    let mut progress = Progress::new(&profile, line);
    let report = measure(&mut simulation, Some(&mut reset), &profile, &stop, &mut progress);
    progress.end();
    finish(&report, &options.out)
}

/// The same with a device that is there, or that is started.
fn real(options: &Options) -> anyhow::Result<()> {
    let mut profile = Profile::load(&options.profile)?;
    if !options.device.is_empty() {
        profile.device = options.device.iter().cloned().collect();
    }
    let stop = Stop::new()?;
    let setup = device::profile::setup(&profile.device, allowed_cores()?, &stop)?;
    let mut rig = Rig::start(setup, &stop)?;
    let line = line_bits(&profile, &rig.tester());
    let mut progress = Progress::new(&profile, line);
    let mut reset = rig.resetter(&stop);
    let reset = reset.as_mut().map(|r| r as &mut dyn Reset);
    let mut report = measure(&mut rig, reset, &profile, stop.flag(), &mut progress);
    progress.end();
    report.environment.machine = rig.machine();
    report.conclude();
    let ended = rig.end(&stop);
    finish(&report, &options.out).and(ended)
}

/// Set by SIGINT and SIGTERM; a second one ends the program at once.
pub(crate) fn stop_on_signals() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, stop.clone()).context("signals")?;
        signal_hook::flag::register(signal, stop.clone()).context("signals")?;
    }
    Ok(stop)
}

/// Makes all tests of a profile with this tester. Always ends with a report, if only a partial one.
pub(crate) fn measure(
    trial: &mut dyn Trial,
    reset: Option<&mut dyn Reset>,
    profile: &Profile,
    stop: &AtomicBool,
    watch: &mut dyn Watch,
) -> Report {
    let began = sluice_dataplane::time::now();
    let clock = || Duration::from_nanos(sluice_dataplane::time::now().saturating_sub(began));
    let mut session = Session::new(trial, profile, stop, watch, &clock);
    if let Some(reset) = &reset {
        session.tester.facts.push((RESETS_BY.into(), reset.name()));
    }
    let end = section26::run(&mut session, reset).err().unwrap_or(End::Complete);
    let mut report = Report {
        format: FORMAT.into(),
        headline: String::new(),
        end,
        began: began / 1_000_000_000,
        took: clock(),
        profile: profile.clone(),
        tester: session.tester.clone(),
        environment: Environment::this(),
        ceilings: session.ceilings.clone(),
        remarks: Vec::new(),
        results: Vec::new(),
        trials: session.records,
    };
    report.conclude();
    report
}

/// Writes the report and says what is in it. An error when the run did not come to its end.
pub(crate) fn finish(report: &Report, out: &std::path::Path) -> anyhow::Result<()> {
    let written = report.write(out)?;
    println!("{}", super::report::markdown::page(report));
    let names: Vec<String> = written.iter().map(|f| f.display().to_string()).collect();
    println!("written: {}", names.join(", "));
    match &report.end {
        End::Complete => Ok(()),
        End::Interrupted => anyhow::bail!("interrupted; the report is partial"),
        End::Port(why) => anyhow::bail!("a port of the tester failed: {why}; the report is partial"),
        End::Died(why) => anyhow::bail!("the device died: {why}; the report is partial"),
    }
}

/// Prints reports side by side, as ratios to the first.
pub(crate) fn side_by_side(files: &[PathBuf]) -> anyhow::Result<()> {
    let read = |f: &PathBuf| Ok((f.display().to_string(), Report::read(f)?));
    let reports = files.iter().map(read).collect::<anyhow::Result<Vec<(String, Report)>>>()?;
    print!("{}", compare::table(&reports));
    Ok(())
}

/// Draws all conclusions of a report again. An error when one differs.
pub(crate) fn recheck(file: &std::path::Path) -> anyhow::Result<()> {
    let report = Report::read(file)?;
    let differences = recheck::differences(&report)?;
    for difference in &differences {
        println!("{difference}");
    }
    let trials = report.trials.len();
    anyhow::ensure!(differences.is_empty(), "{} conclusions differ from the {trials} trials", differences.len());
    println!("{}: all conclusions are those of its {trials} trials", file.display());
    Ok(())
}
