//! TCP streams by iperf3.
use super::hosts::{ADDRESS_B, Hosts};
use super::record::Rate;
use super::tool::{bounded, command, serve};
use crate::wire::stop::Stop;
use anyhow::{Context as _, bail};
use serde_json::Value;
use std::time::Duration;

const PORT: u16 = 5201;
/// What it may take beyond the stream's time, for a slow device's full buffers, too.
const SLACK: Duration = Duration::from_secs(20);

/// A stream from A to B, by messages of so many bytes. The kernel puts small ones together into segments, as it does for any
/// program that does not forbid it.
pub(super) fn stream(hosts: &Hosts, bytes: u32, seconds: u32, stop: &Stop) -> anyhow::Result<Rate> {
    let _server = serve(&hosts.b, &["iperf3", "-s", "-1", "-B", ADDRESS_B], PORT, stop)?;
    let mut client = command(&hosts.a, "iperf3");
    client.args(["-c", ADDRESS_B, "-J", "-i", "0", "--connect-timeout", "5000"]);
    client.args(["-t", &seconds.to_string(), "-l", &bytes.to_string()]);
    let said = bounded(&mut client, Duration::from_secs(seconds.into()) + SLACK, "iperf3", stop)?;
    parse(&said.text)
}

/// The sums of its JSON.
fn parse(text: &str) -> anyhow::Result<Rate> {
    let json = text.find('{').and_then(|at| text.get(at..)).unwrap_or_default();
    let mut values = serde_json::Deserializer::from_str(json).into_iter::<Value>();
    let all = values.next().context("iperf3 said nothing")?.context("iperf3's JSON")?;
    if let Some(error) = all.get("error").and_then(Value::as_str) {
        bail!("iperf3: {error}");
    }
    let number = |path: &str| all.pointer(path).and_then(Value::as_f64).with_context(|| format!("iperf3: no {path}"));
    let rate = Rate {
        received: number("/end/sum_received/bits_per_second")?,
        sent: number("/end/sum_sent/bits_per_second")?,
        retransmits: number("/end/sum_sent/retransmits")? as u64,
        seconds: number("/end/sum_received/seconds")?,
    };
    anyhow::ensure!(rate.received > 0.0, "iperf3: nothing arrived");
    Ok(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDED: &str = include_str!("recorded/iperf3.json");

    #[test]
    fn what_arrived_is_read_from_its_json() {
        let rate = parse(RECORDED).unwrap();
        assert_eq!(rate.retransmits, 8);
        // 9,960,896 bytes in 1.003544 s; 11,794,560 were sent in 1.003348 s.
        assert!((rate.received - 8.0 * 9_960_896.0 / 1.003544).abs() < 1.0, "{rate:?}");
        assert!((rate.sent - 8.0 * 11_794_560.0 / 1.003348).abs() < 1.0, "{rate:?}");
        assert_eq!(rate.seconds, 1.003544);
    }

    #[test]
    fn its_own_error_is_handed_on() {
        let text = r#"{"start":{"connected":[]},"intervals":[],"end":{},"error":"unable to connect to server"}"#;
        assert_eq!(parse(text).unwrap_err().to_string(), "iperf3: unable to connect to server");
    }

    #[test]
    fn what_is_cut_off_or_missing_is_an_error() {
        for text in ["", "iperf3: not found", &RECORDED[..RECORDED.len() / 2], r#"{"end":{"sum_sent":{}}}"#] {
            assert!(parse(text).is_err(), "{text}");
        }
        let nothing = RECORDED.replace("79405754.007796377", "0");
        assert_eq!(parse(&nothing).unwrap_err().to_string(), "iperf3: nothing arrived");
    }
}
