//! What is on the disk after a stop, an error or a power cut at each step of a write.
//!
//! A process that is killed loses nothing that it gave to the kernel, so killing it (see `killed.rs`) says nothing of fsync.
//! Here all steps are recorded, and from them every disk is made that a power cut may leave: what was not synced is there,
//! or not, in any combination; unsynced data is whole, half, zero or missing.
use super::file::{Step, Steps};
use super::scratch::Scratch;
use super::{Draft, KEPT, Origin, Store};
use crate::vnf::{Configuration, MAIN};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};

/// A step that can be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Done {
    MakeFolder(PathBuf),
    Create(PathBuf),
    Write(PathBuf, Vec<u8>),
    Sync(PathBuf),
    Rename(PathBuf, PathBuf),
    SyncFolder(PathBuf),
    Remove(PathBuf),
}

impl From<Step<'_>> for Done {
    fn from(step: Step<'_>) -> Done {
        match step {
            Step::MakeFolder(p) => Done::MakeFolder(p.into()),
            Step::Create(p) => Done::Create(p.into()),
            Step::Write(p, bytes) => Done::Write(p.into(), bytes.into()),
            Step::Sync(p) => Done::Sync(p.into()),
            Step::Rename(from, to) => Done::Rename(from.into(), to.into()),
            Step::SyncFolder(p) => Done::SyncFolder(p.into()),
            Step::Remove(p) => Done::Remove(p.into()),
        }
    }
}

/// Which steps fail, by their number from 0.
#[derive(Clone, Copy, Debug)]
enum Fails {
    Never,
    /// This one: a full disk.
    At(usize),
    /// This one and all that follow: the process is no more.
    From(usize),
}

/// Records steps, and lets some fail.
#[derive(Debug)]
struct Recorder {
    fails: Fails,
    asked: Mutex<usize>,
    done: Mutex<Vec<Done>>,
}

impl Recorder {
    fn new(fails: Fails) -> Arc<Recorder> {
        Arc::new(Recorder { fails, asked: Mutex::new(0), done: Mutex::default() })
    }
    fn done(&self) -> Vec<Done> {
        self.done.lock().unwrap().clone()
    }
    fn failed(&self) -> bool {
        let asked = *self.asked.lock().unwrap();
        matches!(self.fails, Fails::At(n) | Fails::From(n) if asked > n)
    }
}

impl Steps for Recorder {
    fn before(&self, step: Step<'_>) -> io::Result<()> {
        let mut asked = self.asked.lock().unwrap();
        let number = *asked;
        *asked += 1;
        let fails = match self.fails {
            Fails::Never => false,
            Fails::At(n) => number == n,
            Fails::From(n) => number >= n,
        };
        if fails {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.done.lock().unwrap().push(step.into());
        Ok(())
    }
}

fn draft(number: u64) -> Draft {
    let configuration = Configuration { text: format!("revision {number}\n").repeat(20), ..Configuration::default() };
    Draft { author: "test".into(), comment: None, origin: Origin::Api, configuration }
}

/// Opens a store and asserts that its last good revision is one of these numbers (0: none), and what was saved as it.
fn reopened(folder: &Path, low: u64, high: u64) -> Result<(), String> {
    let (store, damaged) = Store::open(folder).map_err(|e| e.to_string())?;
    if !damaged.is_empty() {
        return Err(format!("{damaged:?}"));
    }
    let last = store.last(MAIN);
    let number = last.as_ref().map_or(0, |r| r.number);
    if !(low..=high).contains(&number) {
        return Err(format!("the last good revision is {number}, not {low} to {high}"));
    }
    if last.is_some_and(|r| r.configuration != draft(number).configuration) {
        return Err(format!("revision {number} has another one's text"));
    }
    let next = store.append(MAIN, draft(number + 1)).map_err(|e| e.to_string())?.number;
    if next == number + 1 { Ok(()) } else { Err(format!("after {number} came {next}")) }
}

#[test]
fn a_revision_is_written_and_synced_before_it_gets_its_name_and_the_oldest_goes_last() {
    let scratch = Scratch::new();
    let recorder = Recorder::new(Fails::Never);
    let (store, _) = Store::open_watched(scratch.path(), recorder.clone()).unwrap();
    for number in 1..=KEPT as u64 {
        store.append(MAIN, draft(number)).unwrap();
    }
    let before = recorder.done().len();
    store.append(MAIN, draft(KEPT as u64 + 1)).unwrap();
    let main = scratch.path().join(MAIN);
    let (aside, path) = (main.join(".51.revision.tmp"), main.join("51.revision"));
    let steps = recorder.done().split_off(before);
    let bytes = std::fs::read(&path).unwrap();
    let wanted = [
        Done::Create(aside.clone()),
        Done::Write(aside.clone(), bytes),
        Done::Sync(aside.clone()),
        Done::Rename(aside, path),
        Done::SyncFolder(main.clone()),
        Done::Remove(main.join("1.revision")),
    ];
    assert_eq!(steps, wanted);
}

/// Opens a store in `folder` and appends `count` revisions. The number of steps that were done when each was returned.
fn run(folder: &Path, count: u64, recorder: &Arc<Recorder>) -> Vec<usize> {
    let Ok((store, _)) = Store::open_watched(folder, recorder.clone()) else { return Vec::new() };
    let one = |number| store.append(MAIN, draft(number)).ok().map(|_| recorder.done().len());
    (1..=count).map_while(one).collect()
}

#[test]
fn a_process_that_stops_at_any_step_leaves_the_last_good_revision_or_the_next_one() {
    for stop in 0.. {
        let scratch = Scratch::new();
        let folder = scratch.path().join("a/b");
        let recorder = Recorder::new(Fails::From(stop));
        let acknowledged = run(&folder, 3, &recorder).len() as u64;
        reopened(&folder, acknowledged, acknowledged + 1).unwrap_or_else(|e| panic!("stopped before step {stop}: {e}"));
        if !recorder.failed() {
            assert!(stop > 15, "{stop} steps are too few");
            break;
        }
    }
}

#[test]
fn a_step_that_fails_leaves_the_last_good_revision_and_the_next_try_succeeds() {
    for fail in 0.. {
        let scratch = Scratch::new();
        let (store, _) = Store::open(scratch.path()).unwrap();
        for number in 1..=KEPT as u64 {
            store.append(MAIN, draft(number)).unwrap();
        }
        drop(store);
        let recorder = Recorder::new(Fails::At(fail));
        let (store, damaged) = Store::open_watched(scratch.path(), recorder.clone()).unwrap();
        let told = !damaged.is_empty();
        let number = KEPT as u64 + 1;
        let failed = store.append(MAIN, draft(number)).is_err();
        if !recorder.failed() {
            break;
        }
        if failed {
            assert_eq!(store.last(MAIN).unwrap().number, number - 1, "step {fail}");
            let main = scratch.path().join(MAIN);
            assert_eq!(std::fs::read_dir(main).unwrap().count(), KEPT, "step {fail} left something");
        }
        assert!(told || failed || fail >= 7, "step {fail} failed, and nobody was told"); // removing the oldest can wait
        let number = if failed { number } else { number + 1 };
        assert_eq!(store.append(MAIN, draft(number)).unwrap().number, number);
        drop(store);
        reopened(scratch.path(), number, number).unwrap_or_else(|e| panic!("step {fail} failed: {e}"));
    }
}

/// A disk, as far as its order of writing matters.
#[derive(Clone, Debug, Default)]
struct Disk {
    /// Content of each file that ever was, and whether it was synced.
    files: Vec<(Vec<u8>, bool)>,
    /// What the process sees.
    seen: BTreeMap<PathBuf, Entry>,
    /// What a power cut leaves for sure.
    kept: BTreeMap<PathBuf, Entry>,
    /// Changes of names that were not synced yet: some of them may be lost.
    pending: Vec<Change>,
}

#[derive(Clone, Copy, Debug)]
enum Entry {
    Folder,
    File(usize),
}

/// A name that is made or removed; a rename does both at once.
#[derive(Clone, Debug)]
struct Change {
    made: Option<(PathBuf, Entry)>,
    gone: Option<PathBuf>,
}

impl Change {
    fn folder(&self) -> &Path {
        let path = self.made.as_ref().map(|m| &m.0).or(self.gone.as_ref()).unwrap();
        path.parent().unwrap()
    }
    fn apply(&self, to: &mut BTreeMap<PathBuf, Entry>) {
        if let Some(path) = &self.gone {
            to.remove(path);
        }
        if let Some((path, entry)) = &self.made {
            to.insert(path.clone(), *entry);
        }
    }
}

impl Disk {
    fn file(&mut self, path: &Path) -> &mut (Vec<u8>, bool) {
        let Entry::File(n) = self.seen[path] else { panic!("{} is a folder", path.display()) };
        &mut self.files[n]
    }

    fn change(&mut self, made: Option<(PathBuf, Entry)>, gone: Option<PathBuf>) {
        let change = Change { made, gone };
        change.apply(&mut self.seen);
        self.pending.push(change);
    }

    fn does(&mut self, step: &Done) {
        match step {
            Done::MakeFolder(path) => self.change(Some((path.clone(), Entry::Folder)), None),
            Done::Create(path) => {
                self.files.push((Vec::new(), true));
                self.change(Some((path.clone(), Entry::File(self.files.len() - 1))), None);
            }
            Done::Write(path, bytes) => *self.file(path) = (bytes.clone(), false),
            Done::Sync(path) => self.file(path).1 = true,
            Done::Rename(from, to) => {
                let entry = self.seen[from];
                self.change(Some((to.clone(), entry)), Some(from.clone()));
            }
            Done::Remove(path) => self.change(None, Some(path.clone())),
            Done::SyncFolder(path) => {
                let (synced, pending) = self.pending.drain(..).partition(|c: &Change| c.folder() == path);
                self.pending = pending;
                let synced: Vec<Change> = synced;
                synced.iter().for_each(|c| c.apply(&mut self.kept));
            }
        }
    }

    /// Makes each disk that a power cut may leave, in a folder of its own for `look`.
    fn cut(&self, look: &mut dyn FnMut(&Path) -> Result<(), String>) -> Result<(), String> {
        let unsynced = self.files.iter().any(|f| !f.1);
        for lost in 0..1_u32 << self.pending.len() {
            let mut names = self.kept.clone();
            let stays = |n: &usize| lost & (1 << n) == 0;
            (0..self.pending.len()).filter(stays).for_each(|n| self.pending[n].apply(&mut names));
            for what in ["whole", "half", "zero", "missing"].iter().take(if unsynced { 4 } else { 1 }) {
                let scratch = Scratch::new();
                for (path, entry) in &names {
                    let path = scratch.path().join(path);
                    match entry {
                        // A folder sorts before what lies in it. What lies in one that was lost is lost.
                        _ if !path.parent().unwrap().exists() => {}
                        Entry::Folder => std::fs::create_dir(path).unwrap(),
                        Entry::File(n) => {
                            let (bytes, synced) = &self.files[*n];
                            let bytes = match *what {
                                what if *synced || what == "whole" => bytes.clone(),
                                "half" => bytes[..bytes.len() / 2].to_vec(),
                                "zero" => vec![0; bytes.len()],
                                _ => Vec::new(),
                            };
                            std::fs::write(path, bytes).unwrap();
                        }
                    }
                }
                look(scratch.path())?;
            }
        }
        Ok(())
    }
}

/// Cuts the power after each step of `steps`. How many disks were looked at, or what was lost.
fn cut_everywhere(steps: &[Done], returned: &[usize]) -> Result<usize, String> {
    let (mut disk, mut disks) = (Disk::default(), 0);
    for done in 0..=steps.len() {
        if done > 0 {
            disk.does(&steps[done - 1]);
        }
        if (30..steps.len() - 20).contains(&done) {
            continue; // more of the same
        }
        let acknowledged = returned.iter().filter(|at| **at <= done).count() as u64;
        disk.cut(&mut |root| {
            disks += 1;
            reopened(&root.join("a/b"), acknowledged, acknowledged + 1).map_err(|e| format!("after {done} steps: {e}"))
        })?;
    }
    Ok(disks)
}

#[test]
fn a_power_cut_at_any_step_leaves_the_last_good_revision_or_the_next_one() {
    let scratch = Scratch::new();
    let recorder = Recorder::new(Fails::Never);
    let returned = run(&scratch.path().join("a/b"), KEPT as u64 + 2, &recorder);
    let relative = |path: PathBuf| path.strip_prefix(scratch.path()).unwrap().to_path_buf();
    let steps = recorder.done().into_iter().map(|step| match step {
        Done::MakeFolder(p) => Done::MakeFolder(relative(p)),
        Done::Create(p) => Done::Create(relative(p)),
        Done::Write(p, bytes) => Done::Write(relative(p), bytes),
        Done::Sync(p) => Done::Sync(relative(p)),
        Done::Rename(from, to) => Done::Rename(relative(from), relative(to)),
        Done::SyncFolder(p) => Done::SyncFolder(relative(p)),
        Done::Remove(p) => Done::Remove(relative(p)),
    });
    let steps: Vec<Done> = steps.collect();
    let disks = cut_everywhere(&steps, &returned).unwrap();
    assert!(disks > 100, "{disks}");

    // The same without one kind of fsync: the loss is found, so there is something that finds it. Steps that are left out
    // become a sync of nothing, so that their numbers stay.
    let without = |which: fn(&Done) -> bool| -> Vec<Done> {
        let nothing = Done::SyncFolder("nothing".into());
        steps.iter().map(|s| if which(s) { nothing.clone() } else { s.clone() }).collect()
    };
    let no_file = without(|s| matches!(s, Done::Sync(_)));
    assert!(cut_everywhere(&no_file, &returned).unwrap_err().contains("moved to"));
    let no_folder = without(|s| matches!(s, Done::SyncFolder(p) if p.ends_with(MAIN)));
    assert!(cut_everywhere(&no_folder, &returned).unwrap_err().contains("the last good revision is 0"));
    let no_parent = without(|s| matches!(s, Done::SyncFolder(p) if p.ends_with("b")));
    assert!(cut_everywhere(&no_parent, &returned).unwrap_err().contains("the last good revision is 0"));
}

/// A disk that takes its time to sync a file: until the test says so.
#[derive(Debug)]
struct Slow(mpsc::Sender<()>, Mutex<mpsc::Receiver<()>>);

impl Steps for Slow {
    fn before(&self, step: Step<'_>) -> io::Result<()> {
        if matches!(step, Step::Sync(_)) {
            self.0.send(()).unwrap();
            self.1.lock().unwrap().recv().unwrap();
        }
        Ok(())
    }
}

#[test]
fn readers_do_not_wait_for_the_disk() {
    let scratch = Scratch::new();
    let ((begun, begins), (go, goes)) = (mpsc::channel(), mpsc::channel());
    let (store, _) = Store::open_watched(scratch.path(), Arc::new(Slow(begun, Mutex::new(goes)))).unwrap();
    std::thread::scope(|threads| {
        let writer = threads.spawn(|| store.append(MAIN, draft(1)).unwrap());
        begins.recv().unwrap(); // the writer is at its fsync now, and stays there
        assert_eq!((store.last(MAIN), store.revisions(MAIN).len(), store.next(MAIN)), (None, 0, 1));
        go.send(()).unwrap();
        assert_eq!(store.last(MAIN).map_or(1, |r| r.number), writer.join().unwrap().number);
    });
    assert_eq!(store.last(MAIN).unwrap().number, 1);
}
