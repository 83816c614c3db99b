//! The audit log: who changed what, and that nobody can change what it says.
#![allow(clippy::unwrap_used)] // also in what tests share
#[allow(missing_docs)]
mod fake;
#[allow(missing_docs)]
mod wire;
use fake::Rig;
use sluice_mgmt::alarms::{Alarms, Cause};
use sluice_mgmt::audit::{Audit, FILES, verify};
use sluice_mgmt::auth::{Actor, Call, Role};
use sluice_mgmt::command::{Command, Wanted};
use sluice_mgmt::events::Events;
use std::fs;
use std::sync::Arc;
use wire::{Folder, Served, mode};

fn ann() -> Actor {
    Actor { name: "ann".into(), role: Role::Operator }
}
fn alarms() -> Alarms {
    Alarms::new(Arc::new(Events::default()))
}
fn opened(folder: &Folder, alarms: &Alarms) -> Audit {
    let audit = Audit::default();
    audit.open(&folder.file("audit.jsonl"), alarms).unwrap();
    audit
}
fn say(audit: &Audit, what: &str) {
    audit.record(&alarms(), &ann(), &Call::default(), what, "done");
}
/// All lines of all files, the oldest first.
fn lines(folder: &Folder) -> Vec<String> {
    let name = |n| if n == 0 { "audit.jsonl".into() } else { format!("audit.{n}.jsonl") };
    let texts = (0..FILES + 3).rev().filter_map(|n| fs::read_to_string(folder.file(&name(n))).ok());
    texts.flat_map(|t| t.lines().map(String::from).collect::<Vec<_>>()).collect()
}
fn check(lines: &[String]) -> Result<usize, usize> {
    verify(lines.iter().map(String::as_str)).map(|all| all.len()).map_err(|b| b.line)
}

#[test]
fn a_change_is_shown_with_who_when_from_where_and_how_it_ended() {
    let served = Served::start("");
    served.ask("GET", "/v1/vnf", &[], "");
    served.ask("PUT", "/v1/functions/main?dry-run=true", &[], "second");
    served.ask("PUT", "/v1/functions/main", &["X-Request-Id: r7"], "second");
    served.ask("PUT", "/v1/functions/main", &[], "bad");
    let said = served.ask("GET", "/v1/audit", &[], "").json();
    assert_eq!(said.as_array().unwrap().len(), 2, "{said}");
    let first = &said[0];
    assert_eq!((first["actor"].as_str(), first["role"].as_str()), (Some("local"), Some("admin")));
    assert_eq!((first["what"].as_str(), first["outcome"].as_str()), (Some("change function main"), Some("done")));
    assert_eq!((first["request"].as_str(), first["client"].as_str()), (Some("r7"), Some("127.0.0.1")));
    assert_eq!(said[1]["outcome"], "422 Unprocessable Entity");
    assert_eq!(said[1]["previous"], first["hash"]);
    let page = served.ask("GET", "/v1/audit?after=1&limit=1", &[], "").json();
    assert_eq!((page[0]["number"].as_u64(), page.as_array().unwrap().len()), (Some(2), 1));
}

#[tokio::test]
async fn what_somebody_may_not_is_recorded_too_and_what_was_written_is_not() {
    let rig = Rig::new();
    let reader = Actor { name: "bob".into(), role: Role::ReadOnly };
    let refused = rig.ems.execute(Some(reader), Command::SetState(Wanted::Stopped)).await;
    assert_eq!(refused.unwrap_err().status, 403);
    let write = |handler: &str, value: &str| {
        let [function, element, handler, value] = ["main", "q", handler, value].map(String::from);
        rig.ems.execute(Some(ann()), Command::WriteHandler(function, element, handler, value))
    };
    write("active", "hunter2").await.unwrap();
    assert_eq!(write("capacity", "hunter2").await.unwrap_err().status, 422);
    let all = rig.ems.audit.entries(0, 10);
    assert_eq!((all[0].actor.as_str(), all[0].outcome.as_str()), ("bob", "403 Forbidden"));
    assert_eq!((all[1].what.as_str(), all.len()), ("write handler q.active of main", 3));
    assert!(!format!("{all:?}{:?}", rig.ems.journal.lines(0, 99)).contains("hunter2"));
}

#[test]
fn a_restart_continues_the_chain() {
    let folder = Folder::new();
    let early = Audit::default();
    say(&early, "before there was a file");
    early.open(&folder.file("audit.jsonl"), &alarms()).unwrap();
    say(&early, "one");
    drop(early);
    let alarms = alarms();
    let audit = opened(&folder, &alarms);
    say(&audit, "two");
    let all = audit.entries(0, 100);
    let what: Vec<_> = all.iter().map(|e| e.what.as_str()).collect();
    assert_eq!(what, ["start", "before there was a file", "one", "start", "two"]);
    assert_eq!(check(&lines(&folder)), Ok(5));
    assert_eq!((all[4].number, mode(&folder.file("audit.jsonl"))), (5, 0o600));
    assert!(alarms.active().is_empty());
}

#[test]
fn whatever_is_done_to_a_line_shows() {
    let folder = Folder::new();
    let audit = opened(&folder, &alarms());
    ["one", "two", "three"].iter().for_each(|w| say(&audit, w));
    let good = lines(&folder);
    assert_eq!(check(&good), Ok(4));
    let changed = |f: &dyn Fn(&mut Vec<String>)| {
        let mut all = good.clone();
        f(&mut all);
        check(&all)
    };
    assert_eq!(changed(&|all| all[1] = all[1].replace("ann", "bob")), Err(2));
    assert_eq!(changed(&|all| drop(all.remove(1))), Err(2));
    assert_eq!(changed(&|all| all.insert(2, all[1].clone())), Err(3));
    assert_eq!(changed(&|all| all.swap(1, 2)), Err(2));
    assert_eq!(changed(&|all| all[2] = all[2].replacen('{', "{ ", 1)), Err(3));
    assert_eq!(changed(&|all| all[2] = all[2].replacen('{', "{\"more\":1,", 1)), Err(3));
    assert_eq!(changed(&|all| all[3].clear()), Err(4));
}

#[test]
fn a_broken_chain_is_an_alarm_and_is_kept_and_a_new_one_says_so() {
    let folder = Folder::new();
    let audit = opened(&folder, &alarms());
    ["one", "two", "three"].iter().for_each(|w| say(&audit, w));
    drop(audit);
    let file = folder.file("audit.jsonl");
    let forged = fs::read_to_string(&file).unwrap().replace("two", "owt");
    fs::write(&file, &forged).unwrap();
    let alarms = alarms();
    let audit = opened(&folder, &alarms);
    assert_eq!((alarms.active()[0].cause, alarms.active()[0].object.as_str()), (Cause::CorruptData, "audit"));
    let all = audit.entries(0, 100);
    assert_eq!((all.len(), all[0].number, all[0].previous.clone()), (1, 5, "0".repeat(64)));
    assert!(all[0].what.contains("line 3 of the log before it is wrong"), "{}", all[0].what);
    assert_eq!(fs::read_to_string(folder.file("audit.broken.jsonl")).unwrap(), forged);
    drop(audit);
    let quiet = self::alarms();
    opened(&folder, &quiet);
    assert!(quiet.active().is_empty());
    assert_eq!(check(&lines(&folder)), Ok(2));
}

#[test]
fn a_line_that_a_power_cut_left_incomplete_is_cut_off() {
    let folder = Folder::new();
    let audit = opened(&folder, &alarms());
    ["one", "two"].iter().for_each(|w| say(&audit, w));
    drop(audit);
    let file = folder.file("audit.jsonl");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, &text[..text.len() - 9]).unwrap();
    let alarms = alarms();
    let audit = opened(&folder, &alarms);
    assert!(alarms.active().is_empty());
    let all = audit.entries(0, 100);
    assert_eq!((all[1].what.as_str(), all.len()), ("one", 3));
    assert!(all[2].what.contains("incomplete"));
    assert_eq!(check(&lines(&folder)), Ok(3));
}

#[test]
fn old_files_go_and_the_chain_holds_over_those_that_are_kept() {
    let folder = Folder::new();
    let audit = Audit::with_files_of(2000);
    audit.open(&folder.file("audit.jsonl"), &alarms()).unwrap();
    let write = 60; // of some 300 bytes each: more than all files hold
    (0..write).for_each(|n| say(&audit, &format!("change {n}")));
    let files = fs::read_dir(&folder.0).unwrap().count();
    assert_eq!(files, FILES);
    let kept = lines(&folder);
    assert!(kept.len() < write);
    assert_eq!(check(&kept), Ok(kept.len()));
    drop(audit);
    let alarms = alarms();
    let again = opened(&folder, &alarms);
    assert!(alarms.active().is_empty());
    assert_eq!(again.entries(write as u64, 10).last().map(|e| e.number), Some(write as u64 + 2));
}

#[test]
fn what_cannot_be_written_is_an_alarm_and_is_written_later() {
    let folder = Folder::new();
    let alarms = alarms();
    let audit = Audit::with_files_of(500); // one entry each
    audit.open(&folder.file("audit.jsonl"), &alarms).unwrap();
    let tell = |what: &str| audit.record(&alarms, &ann(), &Call::default(), what, "done");
    (0..2 * FILES).for_each(|_| tell("something"));
    let oldest = folder.file(&format!("audit.{}.jsonl", FILES - 1));
    fs::remove_file(&oldest).unwrap();
    fs::create_dir_all(oldest.join("in the way")).unwrap(); // no file can be renamed to it
    tell("one");
    tell("two");
    assert_eq!(alarms.active()[0].cause, Cause::StorageCapacityProblem);
    assert_eq!(audit.entries(0, 100).last().unwrap().what, "two");
    fs::remove_dir_all(&oldest).unwrap();
    tell("three");
    assert!(alarms.active().is_empty());
    let kept = lines(&folder);
    assert_eq!(check(&kept), Ok(FILES));
    assert!(kept[FILES - 3].contains("one") && kept[FILES - 1].contains("three"), "{kept:?}");
}
