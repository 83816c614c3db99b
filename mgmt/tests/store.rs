//! Revisions on a disk: what survives, what is found damaged, who may write. Stops, power cuts and kills at each step of a
//! write are tested beside the code (`src/store/power.rs`, `src/store/killed.rs`).
#![allow(clippy::unwrap_used)] // a test that cannot go on panics
#[path = "../src/store/scratch.rs"]
mod scratch;
use scratch::Scratch;
use sluice_mgmt::functions::{Boot, at_boot};
use sluice_mgmt::store::{
    Draft, KEPT, KEPT_ALWAYS, KEPT_BYTES, LONGEST_NAME, Origin, Store, read_at_most, write_atomically,
};
use sluice_mgmt::vnf::Configuration;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const MAIN: &str = "main";

fn configuration(text: &str) -> Configuration {
    Configuration { text: text.into(), parameters: [("RATE".to_string(), "10".to_string())].into(), confined: true }
}

fn draft(origin: Origin, text: &str) -> Draft {
    Draft { author: "eve".into(), comment: Some("because".into()), origin, configuration: configuration(text) }
}

fn open(folder: &Path) -> Store {
    let (store, damaged) = Store::open(folder).unwrap();
    assert_eq!((damaged.len(), store.damaged().len()), (0, 0), "{damaged:?}");
    store
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

fn names(folder: &Path) -> Vec<String> {
    let mut all: Vec<String> =
        folder.read_dir().unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    all.sort();
    all
}

#[test]
fn functions_that_were_stopped_are_known_at_the_next_start_and_none_is_if_their_list_is_damaged() {
    let scratch = Scratch::new();
    let names = |all: &[&str]| all.iter().map(|n| n.to_string()).collect::<std::collections::BTreeSet<String>>();
    let store = open(scratch.path());
    assert_eq!(store.stopped(), names(&[]));
    store.set_stopped(&names(&["legacy", "stopped"])).unwrap();
    store.append("stopped", draft(Origin::Api, "a function of that name")).unwrap();
    drop(store);
    let store = open(scratch.path());
    assert_eq!(store.stopped(), names(&["legacy", "stopped"]));
    store.set_stopped(&names(&["legacy"])).unwrap();
    // What cannot be written changes nothing.
    std::fs::create_dir(scratch.path().join(".stopped.json.tmp")).unwrap();
    store.set_stopped(&names(&[])).unwrap_err();
    assert_eq!(store.stopped(), names(&["legacy"]));
    drop(store);
    std::fs::remove_dir(scratch.path().join(".stopped.json.tmp")).unwrap();
    assert_eq!(open(scratch.path()).stopped(), names(&["legacy"]));
    std::fs::write(scratch.path().join("stopped.json"), "[\"leg").unwrap();
    let (store, damaged) = Store::open(scratch.path()).unwrap();
    assert!(damaged.len() == 1 && damaged[0].contains("stopped.json"), "{damaged:?}");
    assert_eq!(store.stopped(), names(&[]));
}

#[test]
fn revisions_survive_the_process_and_their_numbers_go_on() {
    let scratch = Scratch::new();
    let folder = scratch.path().join("var/revisions");
    let store = open(&folder);
    let in_memory = rustix::fs::statfs(&folder).unwrap().f_type == 0x0102_1994; // tmpfs
    assert!(store.is_durable() != in_memory && !Store::in_memory().is_durable());
    let first = store.append(MAIN, draft(Origin::File, "first")).unwrap();
    let second = store.append(MAIN, draft(Origin::Api, "second")).unwrap();
    store.append("other", draft(Origin::Api, "another function")).unwrap();
    drop(store);
    let store = open(&folder);
    assert_eq!(store.revisions(MAIN).into_iter().map(|r| (*r).clone()).collect::<Vec<_>>(), [first, second.clone()]);
    assert_eq!((store.last(MAIN), store.get(MAIN, 3)), (Some(second), None));
    assert_eq!(store.append(MAIN, draft(Origin::Api, "third")).unwrap().number, 3);
    assert_eq!(store.append("other", draft(Origin::Api, "")).unwrap().number, 2);
}

#[test]
fn a_revision_is_one_file_that_its_owner_can_read_and_nobody_else() {
    let scratch = Scratch::new();
    let folder = scratch.path().join("revisions");
    open(&folder).append(MAIN, draft(Origin::Api, "in -> out;")).unwrap();
    let path = folder.join("main/1.revision");
    assert_eq!([mode(&folder), mode(&folder.join(MAIN)), mode(&path)], [0o700, 0o700, 0o600]);
    let text = std::fs::read_to_string(path).unwrap();
    let (head, body) = text.split_once('\n').unwrap();
    assert!(head.starts_with("sluice-revision 1 sha256:") && head.len() == 25 + 64, "{head}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["configuration"]["text"], "in -> out;");
    assert_eq!((&body["author"], &body["comment"]), (&"eve".into(), &"because".into()));
}

#[test]
fn a_second_process_on_the_same_folder_is_told_so() {
    let scratch = Scratch::new();
    let first = open(scratch.path());
    let second = Store::open(scratch.path()).map(|_| ()).unwrap_err();
    assert_eq!(second.kind(), ErrorKind::ResourceBusy);
    assert!(second.to_string().contains("another process keeps its revisions there"), "{second}");
    drop(first);
    open(scratch.path());
}

/// Damages the newest of three files, opens the store, and asserts that it fell back to the second one and told.
fn falls_back(folder: &Path, whole: &[u8], damaged: &[u8]) {
    let (path, aside) = (folder.join("main/3.revision"), folder.join("main/3.damaged"));
    std::fs::write(&path, damaged).unwrap();
    let (store, found) = Store::open(folder).unwrap();
    assert_eq!(store.last(MAIN).map(|r| (r.number, r.configuration)), Some((2, configuration("second"))));
    assert!(found.len() == 1 && found[0].starts_with("revision 3 of ‘main’: "), "{found:?}");
    assert_eq!(store.damaged(), found);
    assert_eq!(store.next(MAIN), 4, "a number is never used twice");
    assert_eq!(std::fs::read(&aside).unwrap(), damaged, "it is kept as it is");
    assert!(!path.exists());
    drop(store);
    assert_eq!(open(folder).next(MAIN), 4); // told once
    std::fs::remove_file(&aside).unwrap();
    std::fs::write(&path, whole).unwrap();
}

#[test]
fn a_flipped_bit_or_a_cut_at_any_byte_of_the_newest_file_falls_back_to_the_previous_one() {
    let scratch = Scratch::new();
    let store = open(scratch.path());
    for text in ["first", "second", "third"] {
        store.append(MAIN, draft(Origin::Api, text)).unwrap();
    }
    drop(store);
    let whole = std::fs::read(scratch.path().join("main/3.revision")).unwrap();
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8); // all bits of all bytes: see `src/store/record.rs`
        falls_back(scratch.path(), &whole, &flipped);
        falls_back(scratch.path(), &whole, &whole[..at]);
    }
    assert_eq!(open(scratch.path()).last(MAIN).unwrap().number, 3);
}

#[test]
fn a_damaged_file_never_replaces_another_one_that_was_moved_aside() {
    let scratch = Scratch::new();
    open(scratch.path()).append(MAIN, draft(Origin::Api, "first")).unwrap();
    let main = scratch.path().join(MAIN);
    for content in ["a", "b", "c"] {
        std::fs::write(main.join("1.revision"), content).unwrap();
        let (store, found) = Store::open(scratch.path()).unwrap();
        assert_eq!((found.len(), store.last(MAIN), store.next(MAIN)), (1, None, 2));
    }
    assert_eq!(names(&main), ["1.damaged", "1.damaged-2", "1.damaged-3"]);
    assert_eq!(std::fs::read(main.join("1.damaged")).unwrap(), b"a");
}

#[test]
fn what_a_killed_process_left_is_removed_and_what_is_not_ours_stays() {
    let scratch = Scratch::new();
    open(scratch.path()).append(MAIN, draft(Origin::Api, "first")).unwrap();
    let main = scratch.path().join(MAIN);
    for name in [".2.revision.tmp", "README", "02.revision", "99999999999999999999.revision", "-1.revision"] {
        std::fs::write(main.join(name), "half").unwrap();
    }
    std::fs::create_dir(scratch.path().join("not a function")).unwrap();
    let store = open(scratch.path());
    assert_eq!(store.next(MAIN), 2);
    assert_eq!(names(&main), ["-1.revision", "02.revision", "1.revision", "99999999999999999999.revision", "README"]);
}

#[test]
fn the_oldest_go_when_there_are_enough() {
    let scratch = Scratch::new();
    let store = open(scratch.path());
    for n in 1..=KEPT + 3 {
        store.append(MAIN, draft(Origin::Api, &n.to_string())).unwrap();
    }
    let numbers = |store: &Store| store.revisions(MAIN).iter().map(|r| r.number).collect::<Vec<_>>();
    assert_eq!(numbers(&store), (4..=KEPT as u64 + 3).collect::<Vec<_>>());
    assert_eq!(names(&scratch.path().join(MAIN)).len(), KEPT);

    // Long texts are fewer, but never fewer than what is kept always.
    let long = "x".repeat(KEPT_BYTES / 8);
    for _ in 0..KEPT_ALWAYS + 5 {
        store.append("long", draft(Origin::Api, &long)).unwrap();
    }
    assert_eq!(store.revisions("long").len(), KEPT_ALWAYS);
    assert_eq!(names(&scratch.path().join("long")).len(), KEPT_ALWAYS);
    drop(store);
    assert_eq!(open(scratch.path()).revisions("long").len(), KEPT_ALWAYS);
}

#[test]
fn a_name_that_is_a_path_reaches_no_file() {
    let scratch = Scratch::new();
    let folder = scratch.path().join("revisions");
    let store = open(&folder);
    let long = "x".repeat(LONGEST_NAME + 1);
    for name in ["", ".", "..", "../up", "a/b", "/tmp/x", "a\0b", "-f", "ä", ".hidden", "a b", &long] {
        let refused = store.append(name, draft(Origin::Api, "")).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{name:?}");
        assert!(store.last(name).is_none() && store.revisions(name).is_empty());
    }
    assert_eq!((names(scratch.path()), names(&folder)), (vec!["revisions".to_string()], vec![]));
    assert!(store.append(&long[1..], draft(Origin::Api, "")).is_ok());
}

#[test]
fn what_cannot_be_written_leaves_the_last_good_revision_and_nothing_else() {
    let scratch = Scratch::new();
    let store = open(scratch.path());
    store.append(MAIN, draft(Origin::Api, "first")).unwrap();
    // Any user, root too: nothing can be made in a folder that is not there and cannot be.
    let (main, away) = (scratch.path().join(MAIN), scratch.path().join("away"));
    std::fs::rename(&main, &away).unwrap();
    std::fs::write(&main, "in the way").unwrap();
    store.append(MAIN, draft(Origin::Api, "second")).unwrap_err();
    assert_eq!((store.last(MAIN).unwrap().number, store.next(MAIN)), (1, 2));
    std::fs::remove_file(&main).unwrap();
    std::fs::rename(&away, &main).unwrap();
    assert_eq!(store.append(MAIN, draft(Origin::Api, "second")).unwrap().number, 2);
    assert_eq!(names(&main), ["1.revision", "2.revision"]);
}

#[test]
fn at_boot_a_file_that_was_edited_wins_and_the_last_good_revision_else() {
    let scratch = Scratch::new();
    let (file, edited) = (configuration("file"), configuration("edited"));
    let wanted = |text, is_new| Some(Boot { configuration: configuration(text), is_new });
    let store = open(scratch.path());
    assert_eq!(at_boot(&store, MAIN, None), None);
    assert_eq!(at_boot(&store, MAIN, Some(file.clone())), wanted("file", true));
    store.append(MAIN, draft(Origin::File, "file")).unwrap();
    assert_eq!(at_boot(&store, MAIN, Some(file.clone())), wanted("file", false));

    // However often it was changed since, the file is the same: what was changed goes on.
    for n in 0..2 * KEPT {
        store.append(MAIN, draft(Origin::Api, &n.to_string())).unwrap();
    }
    drop(store);
    let store = open(scratch.path());
    assert_eq!(at_boot(&store, MAIN, Some(file.clone())), wanted("99", false));
    assert_eq!(at_boot(&store, MAIN, None), wanted("99", false));
    assert_eq!(at_boot(&store, MAIN, Some(edited.clone())), wanted("edited", true));
    let parameters_edited = Configuration { text: "file".into(), ..Configuration::default() };
    assert!(at_boot(&store, MAIN, Some(parameters_edited)).unwrap().is_new);

    // Edited back to what it was once is edited, too.
    store.append(MAIN, draft(Origin::File, "edited")).unwrap();
    assert_eq!(at_boot(&store, MAIN, Some(edited)), wanted("edited", false));
    assert_eq!(at_boot(&store, MAIN, Some(file)), wanted("file", true));
}

#[test]
fn a_small_file_is_replaced_as_a_whole() {
    let scratch = Scratch::new();
    let path = scratch.path().join("tokens");
    assert_eq!(read_at_most(&path, 10).unwrap(), None);
    write_atomically(&path, b"old", 0o600).unwrap();
    std::fs::write(scratch.path().join(".tokens.tmp"), "left by a process that was killed").unwrap();
    write_atomically(&path, b"new", 0o640).unwrap();
    assert_eq!((read_at_most(&path, 3).unwrap(), mode(&path)), (Some(b"new".to_vec()), 0o640));
    assert_eq!(read_at_most(&path, 2).unwrap_err().kind(), ErrorKind::FileTooLarge);
    std::fs::create_dir(scratch.path().join("folder")).unwrap();
    write_atomically(&scratch.path().join("folder"), b"new", 0o600).unwrap_err();
    write_atomically(&scratch.path().join("none/tokens"), b"new", 0o600).unwrap_err();
    assert_eq!(names(scratch.path()), ["folder", "tokens"]);
}
