//! What a worker without work costs, and what a frame waits for it: adaptive, against one that never sleeps.
use super::program::{Folder, Running};
use crate::harness::{Bench, Cost, Line, Table};
use crate::wire::net::Net;
use crate::wire::stop::Stop;
use anyhow::Context as _;
use std::path::Path;
use std::time::Duration;

/// Turns of each policy, pings of a turn, and how long it idles.
const TURNS: usize = 3;
const PINGS: &str = "50";
const IDLE: Duration = Duration::from_secs(1);

/// Drivers, by whether they have interrupts; and what makes the host's end of them.
const PORTS: [(&str, &str, &str); 2] = [
    ("net_tap, interrupts", "net_tap0", "--vdev=net_tap0,iface=host"),
    ("net_af_packet, naps", "net_af_packet0", "--vdev=net_af_packet0,iface=port"),
];

/// Answers ARP and pings to 10.9.9.1.
fn responder(port: &str) -> String {
    format!(
        "in0 :: FromDPDKDevice({port}, PROMISC true) -> c :: Classifier(12/0806 20/0001, 12/0800, -); \
         out :: ToDPDKDevice({port}); c[0] -> ARPResponder(10.9.9.1 02:00:00:00:00:01) -> out; c[2] -> Discard; \
         c[1] -> Strip(14) -> CheckIPHeader -> ICMPPingResponder -> EtherEncap(0x0800, 2:0:0:0:0:1, 2:0:0:0:0:99) -> out;"
    )
}

pub(super) fn run(bench: &mut Bench, stop: &Stop, sluice: &Path, core: usize) -> anyhow::Result<()> {
    let (mut shares, mut delays) = (Vec::new(), Vec::new());
    for (name, port, devices) in PORTS {
        let mut all = [(Vec::new(), Vec::new()), (Vec::new(), Vec::new())];
        for _ in 0..TURNS {
            for (policy, (share, delay)) in ["busy", "adaptive"].iter().zip(&mut all) {
                let (s, d) = turn(stop, sluice, port, devices, policy, core)?;
                share.push(s);
                delay.push(d);
            }
        }
        let [busy, adaptive] = all.map(|(share, delay)| (Cost::of(share), Cost::of(delay)));
        for (policy, of) in [("busy", busy), ("adaptive", adaptive)] {
            shares.push(Line::new(format!("{name}: {policy}"), of.0, "busy", busy.0));
            delays.push(Line::new(format!("{name}: {policy}"), of.1, "busy", busy.1));
        }
    }
    bench.tables.push(Table {
        title: "A worker of DPDK without work".into(),
        unit: "% of a core".into(),
        lines: shares,
    });
    bench.tables.push(Table { title: "A ping answered by it, 100 a second".into(), unit: "us".into(), lines: delays });
    Ok(())
}

/// Share of the core while nothing comes, per cent; and how long a ping takes then, microseconds.
fn turn(
    stop: &Stop,
    sluice: &Path,
    port: &str,
    devices: &str,
    policy: &str,
    core: usize,
) -> anyhow::Result<(f64, f64)> {
    let (folder, net) = (Folder::new()?, Net::new()?);
    if port == "net_af_packet0" {
        net.pair(stop, "host", "port")?;
    }
    let inside = net.command(sluice);
    let device = Running::responder(inside, &responder(port), devices, policy, &folder, core, stop)?;
    for line in ["link set host address 2:0:0:0:0:99", "addr add 10.9.9.2/24 dev host", "link set host up"] {
        net.ip(line)?;
    }
    stop.sleep(IDLE / 2)?;
    let before = device.worker_time()?;
    stop.sleep(IDLE)?;
    let share = (device.worker_time()? - before) as f64 / IDLE.as_nanos() as f64 * 100.0;
    let said = net.command("ping").args(["-i", "0.01", "-c", PINGS, "-W", "1", "10.9.9.1"]).output()?;
    device.end(stop)?;
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let times = text.lines().filter_map(|l| l.split_once("time=")?.1.split(' ').next()?.parse::<f64>().ok());
    let mut times: Vec<f64> = times.collect();
    times.sort_by(f64::total_cmp);
    let median = times.get(times.len() / 2).context("no ping was answered")?;
    Ok((share, median * 1e3))
}
