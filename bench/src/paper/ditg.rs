//! Round-trip delays of flows by D-ITG 2.8: ITGRecv sends back what ITGSend sends, which logs it for ITGDec.
use super::hosts::{ADDRESS_B, Hosts};
use super::record::{Delay, Flow};
use super::tool::{Said, bounded, command, serve};
use crate::dpdk::Folder;
use crate::wire::process::last_line;
use crate::wire::stop::Stop;
use anyhow::{Context as _, ensure};
use std::process::Command;
use std::time::Duration;

/// The port of ITGRecv's signalling, TCP.
const PORT: u16 = 9000;
/// What it may take beyond the flow's time: a Telnet flow ends with a keystroke, and some are late.
const SLACK: Duration = Duration::from_secs(20);
/// How long the decoder may take.
const DECODING: Duration = Duration::from_secs(20);

impl Flow {
    /// What ITGSend is told.
    fn words(self) -> &'static [&'static str] {
        match self {
            Flow::Voip => &["VoIP"],
            Flow::Telnet => &["Telnet"],
            // Payload: IP and UDP have 28 bytes more.
            Flow::Udp => &["-T", "UDP", "-C", "100", "-u", "36", "1472"],
        }
    }
}

/// A flow from A to B and back. `number` chooses its random sizes and times.
pub(super) fn flow(hosts: &Hosts, flow: Flow, seconds: u32, number: u32, stop: &Stop) -> anyhow::Result<Delay> {
    let folder = Folder::new()?;
    let log = folder.path().join("log");
    // A new one for each flow: one that failed takes its receiver with it.
    let _receiver = serve(&hosts.b, &["ITGRecv"], PORT, stop)?;
    let mut sender = command(&hosts.a, "ITGSend");
    sender.current_dir(folder.path()).args(["-a", ADDRESS_B, "-m", "rttm", "-t", &(seconds * 1000).to_string()]);
    sender.args(["-s", &seed(number), "-l"]).arg(&log).args(flow.words());
    let Said { well, text } = bounded(&mut sender, Duration::from_secs(seconds.into()) + SLACK, "ITGSend", stop)?;
    ensure!(well, "ITGSend: {}", text.lines().find(|l| l.contains("ERROR")).unwrap_or(last_line(&text)).trim());
    parse(&bounded(Command::new("ITGDec").arg(&log), DECODING, "ITGDec", stop)?.text)
}

/// 0 to 1, as ITGSend wants it.
fn seed(number: u32) -> String {
    format!("0.{number:04}1")
}

/// The total results that ITGDec prints.
fn parse(text: &str) -> anyhow::Result<Delay> {
    let (_, total) = text.rsplit_once("TOTAL RESULTS").context("ITGDec printed no results")?;
    let value = |name: &str| {
        let line = total.lines().find_map(|l| l.strip_prefix(name)?.trim_start().strip_prefix('='));
        line.and_then(|v| v.split_whitespace().next()).with_context(|| format!("ITGDec: no {name:?}"))
    };
    let number =
        |name: &str| -> anyhow::Result<u64> { value(name)?.parse().with_context(|| format!("ITGDec: {name:?}")) };
    let seconds = |name: &str| {
        let value: f64 = value(name)?.parse().with_context(|| format!("ITGDec: {name:?}"))?;
        ensure!(value.is_finite() && value >= 0.0, "ITGDec: {name:?} is {value}");
        Ok(value)
    };
    let packets = number("Total packets")?;
    ensure!(packets > 0, "no packet came back");
    Ok(Delay {
        packets,
        dropped: number("Packets dropped")?,
        seconds: seconds("Total time")?,
        mean: seconds("Average delay")?,
        min: seconds("Minimum delay")?,
        max: seconds("Maximum delay")?,
        jitter: seconds("Average jitter")?,
        deviation: seconds("Delay standard deviation")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_results_are_read() {
        let delay = parse(include_str!("recorded/itgdec.txt")).unwrap();
        let wanted = Delay {
            packets: 199,
            dropped: 0,
            seconds: 1.999641,
            mean: 0.000110,
            min: 0.000069,
            max: 0.003909,
            jitter: 0.000048,
            deviation: 0.000270,
        };
        assert_eq!(delay, wanted);
    }

    #[test]
    fn lost_packets_are_counted() {
        let delay = parse(include_str!("recorded/itgdec-loss.txt")).unwrap();
        assert_eq!((delay.packets, delay.dropped, delay.mean), (50, 92, 0.383832));
    }

    #[test]
    fn a_log_without_packets_is_no_measurement() {
        let why = parse(include_str!("recorded/itgdec-empty.txt")).unwrap_err().to_string();
        assert_eq!(why, "no packet came back");
        assert!(parse(" Error opening log file 'log'\n").is_err());
        let odd = include_str!("recorded/itgdec.txt").replace("0.000110 s", "-nan s");
        assert!(parse(&odd).is_err());
    }

    #[test]
    fn seeds_differ_and_lie_between_0_and_1() {
        let seeds: Vec<f64> = (1..=1000).map(|n| seed(n).parse().unwrap()).collect();
        assert!(seeds.windows(2).all(|s| s[0] < s[1]) && seeds[0] > 0.0 && seeds[999] < 1.0);
    }
}
