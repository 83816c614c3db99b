//! A VNF's description: revisions that survive, functions that do not start, files that are damaged.
use crate::common::{Running, run, wait};
use crate::rig::Rig;
use std::fs;
use std::time::Duration;

const WIRE: &str = "FromDevice($A, PROMISC true) -> q :: Queue($SIZE) -> ToDevice($B);\nFromDevice($B, PROMISC true) -> q2 :: Queue -> ToDevice($A);\n";

fn rig(name: &str) -> Option<Rig> {
    Rig::new(name, WIRE, "[function.parameters]\nSIZE = '100'\n")
}

fn stop(sluice: Running) {
    sluice.signal("INT");
    let (ok, _, told) = sluice.wait();
    assert!(ok, "{told}");
}

#[test]
fn a_change_through_the_api_survives_a_restart_and_one_that_waits_does_not() {
    let Some(rig) = rig("restart") else { return };
    let sluice = rig.start();
    wait(Duration::from_secs(5), "readiness", || rig.ready());
    rig.net.settle("10.0.1.3");
    let who = rig.ems.get("/v1/vnf").is(200).json();
    let on_disk = run(&format!("stat -f -c %T {}", rig.folder.0.display())).stdout != b"tmpfs\n";
    assert_eq!((who["name"].as_str(), who["durable"].as_bool()), (Some("wire"), Some(on_disk)), "{who}");
    let second = WIRE.replace("q2 ::", "c :: Counter -> q2 ::");
    rig.ems.put("/v1/functions/main", &second).is(200);
    rig.ems.put("/v1/functions/main?confirm-within=600", &second.replace("c ::", "d ::")).is(200);
    // The power goes.
    sluice.signal("KILL");
    sluice.wait();
    let sluice = rig.start();
    wait(Duration::from_secs(5), "readiness", || rig.ready());
    assert_eq!(rig.function(), second);
    rig.net.settle("10.0.1.3");
    assert_eq!(rig.ems.get("/v1/elements/c").status, 200);
    // A person edits the file: that is the newest wish.
    stop(sluice);
    let edited = WIRE.replace("q2 ::", "e :: Counter -> q2 ::");
    fs::write(rig.folder.file("wire.click"), &edited).expect("write");
    let sluice = rig.start();
    wait(Duration::from_secs(5), "readiness", || rig.ready());
    assert_eq!(rig.function(), edited);
    stop(sluice);
}

#[test]
fn a_function_that_does_not_start_leaves_the_ems_and_a_good_one_is_the_way_out() {
    let Some(rig) = rig("failed") else { return };
    fs::write(rig.folder.file("wire.click"), "FromDevice($A, PROMISC true) -> Quee -> ToDevice($B);").expect("write");
    let sluice = rig.start();
    let not_ready = || rig.ems.get("/readyz");
    wait(Duration::from_secs(5), "the failure", || not_ready().body.contains("failed"));
    let why = not_ready().is(503);
    assert!(why.field("retry-after").is_some());
    assert!(why.json()["detail"].as_str().is_some_and(|d| d.contains("Quee")), "{}", why.body);
    wait(Duration::from_secs(5), "the alarm", || {
        rig.ems
            .get("/v1/alarms")
            .is(200)
            .json()
            .as_array()
            .is_some_and(|a| a.iter().any(|a| a["severity"] == "CRITICAL"))
    });
    rig.ems.put("/v1/functions/main", WIRE).is(200);
    assert!(rig.ready());
    rig.net.settle("10.0.1.3");
    wait(Duration::from_secs(5), "the end of the alarm", || {
        rig.ems.get("/v1/alarms").is(200).json().as_array().is_some_and(Vec::is_empty)
    });
    stop(sluice);
    // The file is as broken as it was, and no newer: the last good function runs.
    let sluice = rig.start();
    wait(Duration::from_secs(5), "readiness", || rig.ready());
    assert_eq!(rig.function(), WIRE);
    stop(sluice);
}

#[test]
fn a_file_that_is_broken_by_hand_and_a_revision_that_is_damaged_leave_the_last_good_function() {
    let Some(rig) = rig("damaged") else { return };
    let sluice = rig.start();
    wait(Duration::from_secs(5), "readiness", || rig.ready());
    let second = WIRE.replace("q2 ::", "c :: Counter -> q2 ::");
    rig.ems.put("/v1/functions/main", &second).is(200);
    rig.ems.put("/v1/functions/main", &second.replace("c ::", "d ::")).is(200);
    stop(sluice);
    let newest = rig.folder.file("revisions/main/3.revision");
    let mut bytes = fs::read(&newest).expect("revision 3");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&newest, bytes).expect("write");
    let sluice = rig.start();
    wait(Duration::from_secs(5), "readiness", || rig.ready());
    assert_eq!(rig.function(), second);
    let alarms = rig.ems.get("/v1/alarms").is(200).json();
    assert!(alarms.as_array().is_some_and(|a| a.iter().any(|a| a["cause"] == "corruptData")), "{alarms}");
    stop(sluice);
    fs::write(rig.folder.file("wire.click"), "this is no configuration").expect("write");
    let sluice = rig.start();
    wait(Duration::from_secs(5), "readiness", || rig.ready());
    assert_eq!(rig.function(), second);
    let alarms = rig.ems.get("/v1/alarms").is(200).json();
    assert!(alarms.as_array().is_some_and(|a| a.iter().any(|a| a["object"] == "function/main")), "{alarms}");
    // What ran before is no new revision.
    let revisions = rig.ems.get("/v1/functions/main/revisions").is(200).json();
    assert_eq!(revisions.as_array().map(Vec::len), Some(2), "{revisions}");
    stop(sluice);
}

#[test]
fn a_function_from_the_api_opens_files_beneath_its_folder_only_and_no_listeners() {
    let Some(rig) = rig("confined") else { return };
    let sluice = rig.start();
    wait(Duration::from_secs(5), "readiness", || rig.ready());
    let secret = std::env::temp_dir().join(format!("sluice-test-{}-secret", std::process::id()));
    let dump = |file: &str| format!("{WIRE}Idle -> ToDump({file});\n");
    for file in [secret.to_str().expect("path"), "../outside.pcap"] {
        let got = rig.ems.put("/v1/functions/main", &dump(file)).is(422);
        assert!(got.body.contains("beneath"), "{}", got.body);
    }
    assert!(!secret.exists());
    let got = rig.ems.put("/v1/functions/main", &format!("{WIRE}ControlSocket(TCP, 7777);\n")).is(422);
    assert!(got.body.contains("listener"), "{}", got.body);
    assert_eq!(rig.function(), WIRE);
    rig.ems.put("/v1/functions/main", &dump("inside.pcap")).is(200);
    assert!(rig.folder.file("files/inside.pcap").exists());
    stop(sluice);
}
