//! Two slots for a kernel and an initramfs on the disk that the machine boots from, so that an upgrade can fail.
//!
//! GRUB and Linux agree by variables in a file ([`environment`]):
//!
//! | variable | meaning | set by | removed or cleared by |
//! |---|---|---|---|
//! | `slot` | boot this one: `a` or `b` | [`keep`] | |
//! | `trial` | boot this one once instead | [`install`] | GRUB, before it boots it |
//! | `tried` | this one was booted on trial | GRUB | [`keep`] of that slot, [`install`] |
//!
//! A new slot that never becomes ready is thus given up by the next reset, whatever causes it. A slot is complete when its
//! `manifest.json` is there: that is taken away first and written last, and GRUB passes over a slot without.
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

pub mod bundle;
pub mod environment;
mod partition;

pub use bundle::{Bundle, Content, Manifest};
pub use environment::Environment;
pub use partition::{LABEL, Partition};

/// Where the partition is mounted while it is looked at or written.
pub const FOLDER: &str = "/run/sluice-boot";
/// The longest manifest that is read, in bytes.
const LONGEST_MANIFEST: u64 = 64 * 1024;

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The one that a new disk boots.
    A,
    /// The other one, empty on a new disk.
    B,
}

impl Slot {
    /// The slot that the kernel was started from: `sluice.slot=` in its command line. Nothing if it was not started
    /// from a disk with slots.
    pub fn running(command_line: &str) -> Option<Self> {
        command_line
            .split_ascii_whitespace()
            .filter_map(|word| word.strip_prefix("sluice.slot="))
            .next_back()
            .and_then(Self::named)
    }

    /// The one that this is not.
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// What the file and the command line call it: `a` or `b`.
    pub fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::A, Self::B].into_iter().find(|slot| slot.name() == name)
    }

    fn folder(self, root: &Path) -> PathBuf {
        root.join(format!("slot-{}", self.name()))
    }
}

/// Why nothing came of it.
#[derive(Debug)]
pub enum Error {
    /// No disk has a partition that the machine could have booted from.
    NoDisk,
    /// More than one has; it cannot be told which.
    SeveralDisks(Vec<PathBuf>),
    /// Another change is under way.
    Busy,
    /// The running slot has yet to be kept; the other one is what there is to go back to.
    OnTrial,
    /// The bundle is not what it should be.
    Bundle(String),
    /// So many bytes are needed, so many can be had.
    NoRoom(u64, u64),
    /// A file could not be read or written.
    Io(PathBuf, io::Error),
}

impl Error {
    fn io(path: impl AsRef<Path>, error: io::Error) -> Self {
        Self::Io(path.as_ref().to_owned(), error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDisk => write!(f, "no disk has a partition with the label SLUICE: upgrades need the disk image"),
            Self::SeveralDisks(found) => {
                write!(f, "several partitions have the label SLUICE: {found:?}; detach all but one")
            }
            Self::Busy => write!(f, "another upgrade is under way"),
            Self::OnTrial => write!(f, "the running slot is on trial: it has to become ready first"),
            Self::Bundle(why) => write!(f, "the bundle cannot be installed: {why}"),
            Self::NoRoom(needed, free) => write!(f, "the slot needs {needed} bytes, there is room for {free}"),
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for Error {}

/// SHA-256 (FIPS 180-4), from whoever has it.
pub trait Sha256: Default {
    /// Takes more of the message.
    fn update(&mut self, bytes: &[u8]);
    /// The hash, in lower-case hexadecimal digits.
    fn hex(self) -> String;
}

/// How the slots are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// What the machine boots next, unless there is a trial.
    pub default: Slot,
    /// What it boots once instead.
    pub trial: Option<Slot>,
    /// What was on trial last and was not kept; while it runs: what is on trial.
    pub tried: Option<Slot>,
    /// The manifests of A and B, in JSON; nothing of a slot that is not complete.
    pub manifests: [Option<Vec<u8>>; 2],
}

impl State {
    /// The slot whose trial failed, if `running` is what runs.
    pub fn given_up(&self, running: Slot) -> Option<Slot> {
        self.tried.filter(|tried| *tried != running)
    }

    fn read(root: &Path) -> Result<(Self, Environment), Error> {
        let path = environment_of(root);
        let variables = Environment::read(&path).map_err(|e| Error::io(&path, e))?;
        let slot = |name| variables.get(name).and_then(Slot::named);
        let state = Self {
            default: slot("slot").unwrap_or(Slot::A), // as grub.cfg has it
            trial: slot("trial"),
            tried: slot("tried"),
            manifests: [Slot::A, Slot::B].map(|slot| manifest(&slot.folder(root))),
        };
        Ok((state, variables))
    }
}

/// Reads how the slots are.
///
/// # Errors
/// They cannot be read, or are being changed.
pub fn state(partition: &Partition) -> Result<State, Error> {
    let locked = partition.lock()?;
    let mounted = locked.mount(false)?;
    State::read(mounted.folder).map(|(state, _)| state)
}

/// Makes the running slot the one that is booted: to be called once the VNF is ready. Answers whether it was not before.
/// The disk is not written to if there is nothing to change.
///
/// # Errors
/// It cannot be written: the machine boots as it would have before.
pub fn keep(partition: &Partition, running: Slot) -> Result<bool, Error> {
    let locked = partition.lock()?;
    let (state, _) = State::read(locked.mount(false)?.folder)?;
    if state.default == running && state.tried != Some(running) {
        return Ok(false);
    }
    change(&locked, |variables| {
        variables.set("slot", running.name());
        if state.tried == Some(running) {
            variables.remove("tried");
        }
    })?;
    Ok(true)
}

/// Writes a bundle into the slot that does not run, reads it back, and has it booted once at the next start. `manifest` is
/// what [`Bundle::manifest`] says, parsed. Until this returns without an error, the running slot is what boots.
///
/// # Errors
/// The bundle is damaged or too large, or the disk cannot be written. The other slot may be empty then.
pub fn install<H: Sha256>(
    partition: &Partition,
    running: Slot,
    manifest: &Manifest,
    bundle: &mut Bundle<impl Read>,
) -> Result<Slot, Error> {
    let (locked, other) = (partition.lock()?, running.other());
    {
        let (state, _) = State::read(locked.mount(false)?.folder)?;
        if state.default == other && state.tried == Some(running) {
            return Err(Error::OnTrial);
        }
    }
    change(&locked, |variables| {
        variables.set("slot", running.name()); // the other one may have been it, and be broken
        variables.remove("trial");
        variables.remove("tried");
    })?;
    {
        let mounted = locked.mount(true)?;
        let folder = other.folder(mounted.folder);
        room(&folder, manifest)?;
        fill::<H>(&folder, manifest, bundle)?;
    }
    verify::<H>(&other.folder(locked.mount(false)?.folder), manifest)?;
    {
        let mounted = locked.mount(true)?;
        let path = other.folder(mounted.folder).join("manifest.json");
        write(&path, bundle.manifest()).map_err(|e| Error::io(&path, e))?;
    }
    change(&locked, |variables| variables.set("trial", other.name()))?;
    Ok(other)
}

fn change(locked: &partition::Locked<'_>, how: impl FnOnce(&mut Environment)) -> Result<(), Error> {
    let mounted = locked.mount(true)?;
    let path = environment_of(mounted.folder);
    let named = |e| Error::io(&path, e);
    let mut variables = Environment::read(&path).map_err(named)?;
    how(&mut variables);
    variables.write(&path).map_err(named)
}

fn environment_of(root: &Path) -> PathBuf {
    root.join("grub/grubenv")
}

fn manifest(folder: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(folder.join("manifest.json")).ok()?.take(LONGEST_MANIFEST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Whether a slot can hold it, with what its old files leave.
fn room(folder: &Path, manifest: &Manifest) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
    let disk = rustix::fs::statvfs(folder).map_err(|e| Error::io(folder, e.into()))?;
    let old = |name| fs::metadata(folder.join(name)).map_or(0, |m| m.len());
    let free = disk.f_bavail.saturating_mul(disk.f_frsize).saturating_add(old("vmlinuz")).saturating_add(old("initrd"));
    let needed = manifest.vmlinuz.size.saturating_add(manifest.initrd.size).saturating_add(4 * disk.f_frsize);
    if needed <= free { Ok(()) } else { Err(Error::NoRoom(needed, free)) }
}

/// Writes the files over the old ones: a power cut then leaves few clusters that belong to nobody.
fn fill<H: Sha256>(folder: &Path, manifest: &Manifest, bundle: &mut Bundle<impl Read>) -> Result<(), Error> {
    let mark = folder.join("manifest.json");
    match fs::remove_file(&mark) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(Error::io(&mark, e)),
        _ => {}
    }
    File::open(folder).and_then(|f| f.sync_all()).map_err(|e| Error::io(folder, e))?;
    for (name, content) in files(manifest) {
        let path = folder.join(name);
        let named = |e| Error::io(&path, e);
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(named)?;
        let (mut hash, mut failed) = (H::default(), None);
        let done = bundle.next(name, content.size, |piece| {
            hash.update(piece);
            file.write_all(piece).map_err(|e| {
                failed = Some(e);
                io::ErrorKind::Other.into()
            })
        });
        if let Some(e) = failed {
            return Err(named(e));
        }
        done.map_err(|e| Error::Bundle(e.to_string()))?;
        if hash.hex() != content.sha256 {
            return Err(Error::Bundle(format!("{name} is not what its manifest says (SHA-256)")));
        }
        file.set_len(content.size).and_then(|()| file.sync_all()).map_err(named)?;
    }
    Ok(())
}

/// Reads the files back; they come from the disk, because the partition was unmounted since.
fn verify<H: Sha256>(folder: &Path, manifest: &Manifest) -> Result<(), Error> {
    for (name, content) in files(manifest) {
        let path = folder.join(name);
        let named = |e| Error::io(&path, e);
        let mut file = File::open(&path).map_err(named)?.take(content.size + 1);
        let (mut hash, mut buffer) = (H::default(), vec![0; 64 * 1024]);
        loop {
            match file.read(&mut buffer).map_err(named)? {
                0 => break,
                n => hash.update(&buffer[..n]),
            }
        }
        if hash.hex() != content.sha256 {
            return Err(named(io::Error::new(
                io::ErrorKind::InvalidData,
                "the disk gives back other bytes than were written",
            )));
        }
    }
    Ok(())
}

fn files(manifest: &Manifest) -> [(&'static str, &Content); 2] {
    [("vmlinuz", &manifest.vmlinuz), ("initrd", &manifest.initrd)]
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
