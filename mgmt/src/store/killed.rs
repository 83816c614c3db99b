//! A process that is killed with SIGKILL, again and again, while it writes revisions.
//!
//! What it gave to the kernel survives it, synced or not; what a power cut would leave is the question of `power.rs`.
use super::file::{Step, Steps};
use super::scratch::Scratch;
use super::{Draft, Origin, Store};
use crate::vnf::{Configuration, MAIN};
use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// How often it is killed.
const TIMES: u32 = 200;
/// Where the child finds the folder.
const FOLDER: &str = "SLUICE_TEST_STORE";

fn random(below: u32) -> u32 {
    getrandom::u32().unwrap() % below
}

fn text(number: u64) -> String {
    format!("revision {number}\n").repeat(50)
}

/// Says each step before it is done.
#[derive(Debug)]
struct Loud;

impl Steps for Loud {
    fn before(&self, step: Step<'_>) -> io::Result<()> {
        let name = match step {
            Step::MakeFolder(_) => "make folder",
            Step::Create(_) => "create",
            Step::Write(..) => "write",
            Step::Sync(_) => "sync",
            Step::Rename(..) => "rename",
            Step::SyncFolder(_) => "sync folder",
            Step::Remove(_) => "remove",
        };
        println!("step {name}");
        std::thread::sleep(Duration::from_micros(random(200).into())); // so each step is as likely to be hit
        Ok(())
    }
}

#[test]
#[ignore = "it never ends: the other test starts it, and kills it"]
fn appends_until_it_is_killed() {
    let folder = std::env::var(FOLDER).unwrap();
    let (store, _) = Store::open_watched(Path::new(&folder), Arc::new(Loud)).unwrap();
    loop {
        let configuration = Configuration { text: text(store.next(MAIN)), ..Configuration::default() };
        let draft = Draft { author: "child".into(), comment: None, origin: Origin::Api, configuration };
        println!("done {}", store.append(MAIN, draft).unwrap().number);
    }
}

#[test]
fn a_process_that_is_killed_at_200_moments_never_loses_the_last_good_revision() {
    let scratch = Scratch::new();
    let (mut last, mut hit) = (0, BTreeMap::<String, u32>::new());
    for time in 0..TIMES {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::killed::appends_until_it_is_killed", "--ignored", "--nocapture"])
            .env(FOLDER, scratch.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // It says some eight lines for each revision; a few come before the first.
        let (mut lines_left, mut step) = (5 + random(24), String::new());
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
            if let Some(number) = line.strip_prefix("done ") {
                last = number.parse().unwrap();
            } else if let Some(name) = line.strip_prefix("step ") {
                step = name.into();
            }
            if lines_left == 0 {
                std::thread::sleep(Duration::from_micros(random(200).into()));
                child.kill().unwrap();
            }
            lines_left = lines_left.saturating_sub(1);
        }
        assert!(!child.wait().unwrap().success());
        *hit.entry(step).or_default() += 1;

        let (store, damaged) = Store::open(scratch.path()).unwrap();
        assert_eq!(damaged, [""; 0], "killed for the {time}th time");
        let found = store.last(MAIN);
        let number = found.as_ref().map_or(0, |r| r.number);
        assert!(number == last || number == last + 1, "it said {last}, there is {number}");
        assert!(found.is_none_or(|r| r.configuration.text == text(number)));
        last = number;
    }
    for step in ["create", "write", "sync", "rename", "sync folder"] {
        assert!(hit.contains_key(step), "never killed at {step}: {hit:?}");
    }
    assert!(last > u64::from(TIMES), "{last}");
}
