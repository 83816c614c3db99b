//! SNMP: how long net-snmp's own tools walk through 10,000 rows, and what it costs the packets.
//!
//! The rows are rules of a structural agent between two `net_null` of DPDK; messages are authenticated and encrypted.
use super::{Device, MEASURED};
use crate::harness::{Cost, Goal, Line, Table};
use crate::wire::process::Running;
use crate::wire::stop::Stop;
use anyhow::{Context as _, ensure};
use sluice_dataplane::time;
use sluice_mgmt::client::{Call, Client, Options};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Rules.
const ROWS: usize = 10_000;
/// `sluiceRuleTable`, and of it `sluiceRulePath`.
const TABLE: &str = "1.3.6.1.4.1.32473.1.1.1.3";
const COLUMN: &str = "1.3.6.1.4.1.32473.1.1.1.3.1.10";
/// Columns that can be read.
const COLUMNS: usize = 12;
/// Walks that are timed.
const WALKS: usize = 5;
const PASSWORD: &str = "only-of-a-benchmark";

/// A folder with a description. It goes away with its value.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0); // nobody reads it any more
    }
}

/// A VNF with so many rules, between these ports; and where its SNMP agent listens.
struct Managed {
    device: Device,
    snmp: String,
    _folder: Folder,
}

impl Managed {
    fn start(sluice: &Path, name: &str, run: &str, port: &str, stop: &Stop) -> anyhow::Result<Managed> {
        let folder = Folder(std::env::temp_dir().join(format!("sluice-bench-{}-{name}", std::process::id())));
        fs::create_dir_all(&folder.0)?;
        let mut text = format!(
            "[vnf]\nid = '5f0a7d0e-9c40-4d5e-8a3e-0d8f3c1b2a10'\nname = '{name}'\n[run]\n{run}\n\
             {port}[ems]\nlisten = '127.0.0.1:0'\n[ems.snmp]\nlisten = '127.0.0.1:0'\n\
             [agent]\n[[agent.paths]]\nid = 1\nhops = []\nto = {{ port = 'B' }}\n\
             [[agent.paths]]\nid = 2\nhops = []\nto = {{ port = 'A' }}\n"
        );
        for n in 0..ROWS - 2 {
            let (a, b) = (n / 250, n % 250);
            let _ = write!(text, "[[agent.rules]]\nname = 'r{n}'\npackets = 'dst host 10.9.{a}.{b}'\npath = 1\n"); // a String
        }
        text += "[[agent.rules]]\nname = 'there'\nfrom = 'A'\npath = 1\n[[agent.rules]]\nname = 'back'\nfrom = 'B'\npath = 2\n";
        let file = folder.0.join("vnf.toml");
        fs::write(&file, text)?;
        let mut command = Command::new(sluice);
        command.arg("run").arg(&file).args(["--for", "120s"]);
        let mut process = Running::start(&mut command, "")?;
        process.no_more_input();
        process.until(stop, |p| p.said().contains("EMS: http") && p.said().contains("SNMP: "))?;
        let said = process.said();
        let after =
            |what: &str| said.lines().find_map(|l| l.strip_prefix(what)).map(String::from).context("no address");
        let (url, snmp) = (after("EMS: ")?, after("SNMP: ")?);
        let timeout = Duration::from_secs(20);
        let client = Client::new(Options { url, timeout, retry_for: timeout, ..Options::default() })?;
        stop.wait(timeout, "readiness", || Ok(client.send(&Call::get("/readyz")).is_ok()))?;
        let user = serde_json::json!({ "name": "walker", "passwords": { "auth": PASSWORD, "privacy": PASSWORD } });
        client.send(&Call::post("/v1/snmp/users").json(&user))?;
        Ok(Managed { device: Device { process, client }, snmp, _folder: folder })
    }

    /// One walk; how long it took, milliseconds.
    fn walk(&self, tool: &[&str], from: &str, rows: usize) -> anyhow::Result<f64> {
        let mut command = Command::new(tool[0]);
        command.args(&tool[1..]).args(["-v3", "-l", "authPriv", "-u", "walker", "-a", "SHA-256", "-A", PASSWORD]);
        command.args(["-x", "AES", "-X", PASSWORD, "-On", "-Oq", "-t", "5", &self.snmp, from]);
        let start = time::now();
        let output = command.output().with_context(|| format!("{}: it is in the package ‘snmp’", tool[0]))?;
        let took = (time::now() - start) as f64 / 1e6;
        let lines = output.stdout.iter().filter(|b| **b == b'\n').count();
        ensure!(
            lines == rows,
            "{} found {lines} values, not {rows}: {}",
            tool[0],
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(took)
    }
}

pub(super) fn run(stop: &Stop, sluice: &Path, core: usize, turns: u32) -> anyhow::Result<Vec<Table>> {
    let bulk = ["snmpbulkwalk", "-Cr50"];
    let dpdk = format!(
        "dpdk = '-l {core} -n1 --no-pci --no-huge -m 256 --vdev net_null0,size=64 --vdev net_null1,size=64'\nbuffers = 16384"
    );
    let port = |a: &str, b: &str| {
        format!(
            "[[port]]\nname = 'A'\ndevice = '{a}'\naccess = 'accelerated'\n[[port]]\nname = 'B'\ndevice = '{b}'\naccess = 'accelerated'\n"
        )
    };
    let managed = Managed::start(sluice, "walked", &dpdk, &port("net_null0", "net_null1"), stop)?;
    stop.sleep(Duration::from_millis(500))?;
    let (mut tables, mut columns) = (Vec::new(), Vec::new());
    for _ in 0..WALKS {
        ensure!(!stop.asked(), "interrupted");
        tables.push(managed.walk(&bulk, TABLE, ROWS * COLUMNS)?);
        columns.push(managed.walk(&["snmpwalk"], COLUMN, ROWS)?);
    }
    let rate = |from: (u64, u64), to: (u64, u64)| (to.0 - from.0) as f64 / ((to.1 - from.1) as f64 / 1e6);
    let (mut alone, mut walked) = (Vec::new(), Vec::new());
    for _ in 0..turns {
        let begin = managed.device.worker()?;
        stop.sleep(MEASURED)?;
        let middle = managed.device.worker()?;
        let until = time::now() + MEASURED.as_nanos() as u64;
        while time::now() < until {
            managed.walk(&bulk, TABLE, ROWS * COLUMNS)?;
        }
        alone.push(rate(begin, middle));
        walked.push(rate(middle, managed.device.worker()?));
    }
    managed.device.end(stop)?;
    let [table, column, alone, walked] = [tables, columns, alone, walked].map(Cost::of);
    Ok(vec![
        Table {
            title: format!("SNMPv3 (authPriv) walks through {ROWS} rows while packets flow"),
            unit: "ms".into(),
            lines: vec![
                Line::new(format!("the table, {COLUMNS} columns, snmpbulkwalk"), table, "itself", table)
                    .goal(Goal::AtMost(2_000.0)),
                Line::new("one column, snmpwalk", column, "itself", column).goal(Goal::AtMost(2_000.0)),
            ],
        },
        Table {
            title: "Forwarding while SNMP walks through the table all the time".into(),
            unit: "packets/ms".into(),
            lines: vec![
                Line::new("nobody walks", alone, "nobody walks", alone),
                Line::new("walked", walked, "nobody walks", alone).goal(Goal::RateRatio(0.98)),
            ],
        },
    ])
}
