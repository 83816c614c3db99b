//! Single trials and the bare generator from the command line: for tests, and for whoever wants to see what one trial
//! counts.
use super::rig::Rig;
use crate::rfc2544::device::profile;
use crate::rfc2544::trial::{
    Control, Directions, Frames, Ip, Length, Load, Offered, Phase, Stamps, Tester, Traffic, Trial as _,
};
use crate::wire::stop::Stop;
use anyhow::anyhow;
use clap::Args;
use serde::Serialize;
use sluice_dataplane::io::affinity::allowed_cores;
use std::collections::BTreeMap;
use std::time::Duration;

/// Makes one trial and prints what it counted, as JSON.
#[derive(Args)]
pub(crate) struct TrialOptions {
    /// The device, as a profile describes it: `kind=router links=memif`.
    #[arg(required = true, value_parser = profile::word)]
    device: Vec<(String, String)>,
    /// Frame size with frame check sequence, bytes; 0: IMIX.
    #[arg(long, default_value_t = 64)]
    size: u16,
    /// Frames a second in each direction; 0: as fast as the port takes them.
    #[arg(long, default_value_t = 0.0)]
    rate: f64,
    /// How long, seconds.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Flows.
    #[arg(long, default_value_t = 1024)]
    flows: u32,
    /// Groups of flows that are counted apart.
    #[arg(long, default_value_t = 1)]
    groups: u16,
    /// Destination networks.
    #[arg(long, default_value_t = 1)]
    networks: u16,
    /// IPv6.
    #[arg(long)]
    ipv6: bool,
    /// Frames with a network service header.
    #[arg(long)]
    nsh: bool,
    /// A management query a second.
    #[arg(long)]
    management: bool,
    /// From A to B only.
    #[arg(long)]
    one_way: bool,
    /// How long late frames are waited for, seconds.
    #[arg(long, default_value_t = 2.0)]
    late: f64,
}

/// Sends through `net_memif0` as fast as it takes frames, and prints how many and the processor time that this took.
#[derive(Args)]
pub(crate) struct GenerateOptions {
    /// DPDK's arguments; they have to make the port.
    #[arg(long, allow_hyphen_values = true)]
    dpdk: String,
    /// The port.
    #[arg(long)]
    port: String,
    /// Frame size with frame check sequence, bytes.
    #[arg(long, default_value_t = 64)]
    size: u16,
    /// Flows.
    #[arg(long, default_value_t = 1)]
    flows: u32,
    /// Frames a second; 0: as fast as the port takes them.
    #[arg(long, default_value_t = 0.0)]
    rate: f64,
    /// Core of the generator.
    #[arg(long)]
    core: usize,
    /// How long frames are sent before it counts, and while it does, seconds.
    #[arg(long, default_value_t = 0.4)]
    warm: f64,
    #[arg(long, default_value_t = 0.8)]
    seconds: f64,
}

/// What a trial printed.
#[derive(Serialize)]
struct Printed<'a> {
    tester: Tester,
    offered: &'a Offered,
    outcome: crate::rfc2544::trial::Outcome,
    /// What the tester itself lost, did not offer, and found no room for.
    lost_by_tester: u64,
    not_offered: u64,
    refused_by_device: u64,
    /// Frames a second over the loopback.
    ceiling: Option<f64>,
}

fn seconds(n: f64) -> anyhow::Result<Duration> {
    Duration::try_from_secs_f64(n).map_err(|e| anyhow!("{n} seconds: {e}"))
}

/// Makes the trial.
///
/// # Errors
/// It cannot be made; the text says why.
pub(crate) fn trial(options: &TrialOptions) -> anyhow::Result<()> {
    let stop = Stop::new()?;
    let table: BTreeMap<String, String> = options.device.iter().cloned().collect();
    let mut setup = profile::setup(&table, allowed_cores()?, &stop)?;
    setup.size = setup.size.max(options.size.into());
    let load = if options.rate > 0.0 { Load::Rate(options.rate) } else { Load::FullSpeed };
    let offered = Offered {
        frames: if options.size == 0 { Frames::imix() } else { Frames::Size(options.size) },
        traffic: Traffic {
            ip: if options.ipv6 { Ip::V6 } else { Ip::V4 },
            nsh: options.nsh,
            flows: options.flows,
            groups: options.groups,
            random: true,
            networks: options.networks,
            management: options.management,
            ..Traffic::default()
        },
        directions: if options.one_way { Directions::AToB } else { Directions::Both },
        phases: vec![Phase { load, length: Length::Time(seconds(options.seconds)?) }],
        stamps: Stamps::Every,
        learn: true,
        late: seconds(options.late)?,
        settle: Duration::ZERO,
    };
    let mut rig = Rig::start(setup, &stop)?;
    let mut control = Control::new(stop.flag());
    let outcome = rig.run(&offered, &mut control);
    let own = rig.own();
    let ceiling = rig.ceiling(&offered, &mut control);
    let tester = rig.tester();
    rig.end(&stop)?;
    let outcome = outcome.map_err(|failure| anyhow!("{:?}", failure.fault))?;
    let printed = Printed {
        tester,
        offered: &offered,
        outcome,
        lost_by_tester: own.lost,
        not_offered: own.not_offered,
        refused_by_device: own.refused,
        ceiling,
    };
    println!("{}", serde_json::to_string_pretty(&printed)?);
    Ok(())
}

/// What the generator did.
#[cfg(feature = "dpdk")]
#[derive(Serialize)]
struct Generated {
    frames: u64,
    missed: u64,
    cpu_ns: u64,
    wall_ns: u64,
}

/// Generates.
///
/// # Errors
/// The port cannot be opened, or gets no link.
#[cfg(feature = "dpdk")]
pub(crate) fn generate(options: &GenerateOptions) -> anyhow::Result<()> {
    use super::frame::FCS;
    use super::open::{self, BUFFERS, PortName};
    use super::tester::{Path, Wire};
    use sluice_dataplane::io::dpdk::Eal;
    use sluice_dataplane::pool::Pool;
    let stop = Stop::new()?;
    let arguments = format!("{} --vdev=net_null7", options.dpdk);
    let frame = usize::from(options.size).saturating_sub(FCS);
    let eal = Eal::start_for(&arguments, BUFFERS, frame, &[options.core]).map_err(anyhow::Error::msg)?;
    let pool = Pool::new(BUFFERS as usize);
    // The other port is not used.
    let ports = open::open(&[PortName::dpdk(&options.port), PortName::dpdk("net_null7")], &pool)?;
    let mut wire = Wire::new(ports, Path::Bridge, [options.core; 2]);
    let up = || Ok(wire.ports[0].output.maintain().0);
    stop.wait(Duration::from_secs(10), "a link", up)?;
    let traffic = Traffic { flows: options.flows, random: true, ..Traffic::default() };
    let frames = Frames::Size(options.size);
    let mut generate =
        |load, time| wire.generate(&frames, &traffic, load, seconds(time)?, &stop).map_err(anyhow::Error::msg);
    generate(Load::FullSpeed, options.warm)?;
    let load = if options.rate > 0.0 { Load::Rate(options.rate) } else { Load::FullSpeed };
    let done = generate(load, options.seconds)?;
    let (frames, missed) = (done.frames, done.missed);
    let printed = Generated { frames, missed, cpu_ns: done.cpu.as_nanos() as u64, wall_ns: done.wall };
    println!("{}", serde_json::to_string(&printed)?);
    drop(wire);
    drop(pool);
    drop(eal);
    Ok(())
}

/// Without DPDK there is nothing to generate with.
///
/// # Errors
/// Always.
#[cfg(not(feature = "dpdk"))]
pub(crate) fn generate(_: &GenerateOptions) -> anyhow::Result<()> {
    anyhow::bail!("this program was built without DPDK: build it with `make`, or with the feature dpdk")
}
