//! What SNMP shows of a VNF, writes and tells, and the file that describes it.
#![allow(clippy::unwrap_used)] // helpers of tests
mod fake;

use async_snmp::{Oid, Value, VarBind};
use fake::Rig;
use sluice_mgmt::agent::AGENT;
use sluice_mgmt::alarms::{Cause, Severity};
use sluice_mgmt::events::What;
use sluice_mgmt::functions::{Change, Terms};
use sluice_mgmt::snmp::Tree;
use sluice_mgmt::snmp::mib::{About, Kept, notification, read, write};
use sluice_mgmt::store::Origin;
use sluice_mgmt::vnf::{Configuration, Port, PortSide, State};
use std::path::Path;
use std::process::Command;

const SLUICE: &str = "1.3.6.1.4.1.32473.1.1";

/// What a program says of the MIB, and how it ends; none where it is not installed.
fn run(program: &str, args: &[&str], modules: &str) -> Option<String> {
    let output =
        Command::new(program).args(args).env("SMIPATH", modules).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let Ok(output) = output else {
        println!("skipped: {program} is not installed");
        return None;
    };
    let said = [output.stdout, output.stderr].concat();
    Some(String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn smilint_has_nothing_to_say_against_the_mib() {
    let modules = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/mibs");
    let lint = |file: &str| run("smilint", &["-l", "6", "-s", file], modules);
    let Some(said) = lint("./mibs/SLUICE-MIB") else { return };
    assert_eq!(said, "");
    // It ends well in any case; a damaged file shows that it would have said something.
    let text = std::fs::read_to_string("mibs/SLUICE-MIB").unwrap();
    let damaged = Path::new(env!("CARGO_TARGET_TMPDIR")).join("SLUICE-MIB");
    std::fs::write(&damaged, text.replacen("        sluiceRuleMatched,\n", "", 1)).unwrap();
    assert!(lint(damaged.to_str().unwrap()).unwrap().contains("sluiceRuleMatched"));
}

#[test]
fn net_snmp_reads_the_mib() {
    let modules = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/mibs:", env!("CARGO_MANIFEST_DIR"), "/mibs");
    let translate = |args: &[&str]| run("snmptranslate", &[&["-m", "SLUICE-MIB", "-M", modules], args].concat(), "");
    let Some(name) = translate(&["-On", "SLUICE-MIB::sluiceRuleRowStatus.\"web\""]) else { return };
    assert_eq!(name.trim(), format!(".{SLUICE}.1.3.1.13.3.119.101.98"));
    let back = translate(&[&format!(".{SLUICE}.1.5.1.6.10.255.1")]).unwrap();
    assert_eq!(back.trim(), "SLUICE-MIB::sluiceNextHopWeight.10.255.1");
    let detail = translate(&["-Td", "SLUICE-MIB::sluiceAlarmSeverity"]).unwrap();
    assert!(detail.contains("critical(1), major(2), minor(3), warning(4)"), "{detail}");
}

/// A VNF with a structural agent.
fn rig() -> Rig {
    let text =
        "[[rules]]\nname = 'web'\npath = 10\n[[paths]]\nid = 10\nhops = [{ function = 'main' }]\nto = { port = 'B' }\n";
    let rig = Rig::new();
    let mut inner = rig.vnf.0.lock().unwrap();
    inner.others.insert(AGENT.into(), Configuration { text: text.into(), ..Configuration::default() });
    inner.texts.insert("rules".into(), "41\tweb\t10/255\n".into());
    inner.texts.insert("paths".into(), "42\t10/255\tmain\n43\t10/254\tend B\n".into());
    let received = Some(PortSide { packets: 44, ..PortSide::default() });
    inner.snapshot.ports = vec![Port { name: "eth0".into(), up: true, received, ..Port::default() }];
    inner.snapshot.dropped = [("ttl".to_string(), 45)].into();
    drop(inner);
    rig
}

fn look(rig: &Rig, kept: &Kept) -> Tree {
    let about = About { uptime: 100, contact: "noc", location: "here" };
    Tree::new(read(&rig.ems, kept, &about))
}

fn get(tree: &Tree, name: &str) -> Value {
    tree.get(&Oid::parse(name).unwrap())
}

fn sluice(tree: &Tree, name: &str) -> Value {
    get(tree, &format!("{SLUICE}.1.{name}"))
}

#[test]
fn everything_is_there_with_its_counters() {
    let rig = rig();
    rig.ems.alarms.raise("store", Cause::CorruptData, Severity::Minor, "lost");
    let tree = look(&rig, &Kept::default());
    assert_eq!(get(&tree, "1.3.6.1.2.1.1.1.0"), Value::from("Sluice 0.1.0"));
    assert_eq!(get(&tree, "1.3.6.1.2.1.1.5.0"), Value::from("fake"));
    assert_eq!(get(&tree, "1.3.6.1.2.1.31.1.1.1.7.1"), Value::Counter64(44));
    for (name, value) in [
        ("1.2.0", Value::from("fake")),
        ("1.6.0", Value::Integer(2)),
        ("1.10.0", Value::Gauge32(0)),
        ("2.1.3.5.97.103.101.110.116", Value::Integer(2)),
        ("2.1.5.4.109.97.105.110", Value::Gauge32(1)),
        ("3.1.12.3.119.101.98", Value::Counter64(41)),
        ("4.1.5.10", Value::Counter64(43)),
        ("5.1.7.10.255.1", Value::Counter64(42)),
        ("6.1.2.3.116.116.108", Value::Counter64(45)),
        ("7.1.6.1", Value::from("lost")),
    ] {
        assert_eq!(sluice(&tree, name), value, "{name}");
    }
    rig.vnf.set_status(State::Stopped, "done");
    assert_eq!(get(&look(&rig, &Kept::default()), "1.3.6.1.2.1.2.2.1.7.1"), Value::Integer(2), "ports are closed");
}

#[test]
fn what_is_written_is_read_after_the_revision_that_it_becomes() {
    let (rig, kept) = (rig(), Kept::default());
    let position = format!("{SLUICE}.1.3.1.10.3.119.101.98");
    assert_eq!(get(&look(&rig, &kept), &position), Value::Gauge32(10));
    let (agent, etag) = kept.agent(&rig.ems).unwrap();
    let wanted = [VarBind::new(Oid::parse(&position).unwrap(), Value::Gauge32(11))];
    let text = write(&agent, &wanted).unwrap().text();
    assert_eq!(get(&look(&rig, &kept), &position), Value::Gauge32(10), "nothing has happened yet");
    let terms = Terms { if_match: Some(etag), ..Terms::default() };
    let change = Change { text: Some(text), ..Change::default() };
    rig.ems.functions.change(AGENT, change, &terms, "admin", Origin::Api).unwrap();
    let tree = look(&rig, &kept);
    assert_eq!((get(&tree, &position), sluice(&tree, "1.10.0")), (Value::Gauge32(11), Value::Gauge32(1)));
}

#[test]
fn a_vnf_without_a_structural_agent_has_no_rules() {
    let (rig, kept) = (Rig::new(), Kept::default());
    assert!(kept.agent(&rig.ems).is_none());
    assert_eq!(sluice(&look(&rig, &kept), "3.1.10.3.119.101.98"), Value::NoSuchInstance);
}

#[test]
fn events_are_told_with_the_numbers_that_are_read() {
    let (rig, kept) = (rig(), Kept::default());
    let (link_up, objects) = notification(&rig.ems, &kept, &What::Link { port: "eth0".into(), up: true }).unwrap();
    assert_eq!(link_up.to_string(), "1.3.6.1.6.3.1.1.5.4");
    let tree = look(&rig, &kept);
    assert_eq!(objects.len(), 3);
    for VarBind { oid, value } in objects {
        assert_eq!(tree.get(&oid), value, "{oid}");
    }
    rig.ems.alarms.raise("store", Cause::CorruptData, Severity::Minor, "lost");
    let told = |what| notification(&rig.ems, &kept, &what).map(|(id, objects)| (id.to_string(), objects.len()));
    let raised = || What::AlarmRaised { id: 1, text: "lost".into() };
    assert_eq!(told(raised()), Some((format!("{SLUICE}.0.2"), 5)));
    assert_eq!(told(What::AlarmCleared { id: 1 }), None, "it is not over");
    rig.ems.alarms.clear("store", Cause::CorruptData);
    assert_eq!(told(What::AlarmCleared { id: 1 }), Some((format!("{SLUICE}.0.3"), 5)));
    assert_eq!(told(raised()), Some((format!("{SLUICE}.0.2"), 5)), "it was over before it was told");
    let swap = What::Swap { function: "main".into(), revision: 1, author: "admin".into(), pause_ns: u64::MAX };
    let (id, objects) = notification(&rig.ems, &kept, &swap).unwrap();
    assert_eq!((id.to_string(), objects.len()), (format!("{SLUICE}.0.4"), 4));
    assert_eq!(tree.get(&objects[1].oid), objects[1].value);
    assert_eq!(objects[3].value, Value::Gauge32(u32::MAX));
    assert_eq!(told(What::Threshold { indicator: "load".into(), value: 1.0, above: true }), None);
}
