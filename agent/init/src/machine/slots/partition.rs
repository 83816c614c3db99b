//! The partition that the machine boots from, mounted for as long as it is needed.
use super::Error;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use std::fs::{self, File, TryLockError};
use std::io::Read as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often, and after what pause, the lock is tried.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(10);
/// The volume label of the partition, as it lies in its boot sector.
pub const LABEL: &[u8; 11] = b"SLUICE     ";

/// Where the partition is, and where it is mounted.
#[derive(Clone, Debug)]
pub struct Partition {
    /// Nothing if the folder holds its files anyway.
    device: Option<PathBuf>,
    folder: PathBuf,
}

impl Partition {
    /// Looks at the partitions of all disks for the one with the label `SLUICE`, to be mounted on `folder`.
    ///
    /// # Errors
    /// There is none ([`Error::NoDisk`]), or more than one ([`Error::SeveralDisks`]).
    pub fn find(folder: &Path) -> Result<Self, Error> {
        let mut names: Vec<_> = fs::read_dir("/sys/class/block")
            .map_err(|e| Error::io("/sys/class/block", e))?
            .flatten()
            .filter(|entry| entry.path().join("partition").exists())
            .map(|entry| Path::new("/dev").join(entry.file_name()))
            .filter(|device| is_boot(device))
            .collect();
        names.sort();
        match names.len() {
            0 => Err(Error::NoDisk),
            1 => Ok(Self { device: names.pop(), folder: folder.to_owned() }),
            _ => Err(Error::SeveralDisks(names)),
        }
    }

    /// A partition that is mounted already, and stays so.
    pub fn mounted(folder: &Path) -> Self {
        Self { device: None, folder: folder.to_owned() }
    }

    /// Keeps others out who want to change something, until the answer is dropped.
    pub(super) fn lock(&self) -> Result<Locked<'_>, Error> {
        let named = |e| Error::io(&self.folder, e);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(named)?;
        let lock = File::open(&self.folder).map_err(named)?;
        // A process that is just being started has it, too, until its program is loaded.
        for _ in 0..TRIES {
            match lock.try_lock() {
                Ok(()) => return Ok(Locked { partition: self, _lock: lock }),
                Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
                Err(TryLockError::Error(e)) => return Err(named(e)),
            }
        }
        Err(Error::Busy)
    }
}

/// Whether a FAT file system with our label begins here (Microsoft FAT specification, "Boot sector").
fn is_boot(device: &Path) -> bool {
    let mut sector = [0; 512];
    File::open(device).and_then(|mut file| file.read_exact(&mut sector)).is_ok()
        && sector[510..] == [0x55, 0xaa]
        && sector[43..54] == *LABEL
        && sector[54..57] == *b"FAT"
}

/// The lock is on the folder that lies beneath the mount.
pub(super) struct Locked<'a> {
    partition: &'a Partition,
    _lock: File,
}

impl Locked<'_> {
    /// Mounts the partition until the answer is dropped; what was written is on the disk then.
    pub(super) fn mount(&self, writable: bool) -> Result<Mounted<'_>, Error> {
        let Partition { device, folder } = self.partition;
        if let Some(device) = device {
            let safe = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::NOATIME;
            let flags = if writable { safe } else { safe | MountFlags::RDONLY };
            mount(device, folder, "vfat", flags, None).map_err(|e| Error::io(device, e.into()))?;
        }
        Ok(Mounted { folder, unmount: device.is_some() })
    }
}

pub(super) struct Mounted<'a> {
    pub(super) folder: &'a Path,
    unmount: bool,
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        if self.unmount {
            // Nobody else has files open there; if somebody had, it goes when these are closed.
            let _ = unmount(self.folder, UnmountFlags::DETACH);
        }
    }
}
