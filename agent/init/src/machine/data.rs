//! The data disk: what has to outlive the machine lies on it. It is never formatted here.
use super::mounts::SAFE;
use crate::boot::{Problem, Severity};
use rustix::io::Errno;
use rustix::mount::{self, MountFlags, UnmountFlags, mount};
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// Where it is mounted.
pub const FOLDER: &str = "/data";
/// The label of its file system, if no device is named.
const LABEL: &[u8] = b"sluice-data";
const HOW: &str = "make one with `mkfs.ext4 -L sluice-data`, or switch it off with sluice.data=none";
/// What has to be free for a revision and a line of the audit log, bytes.
const LEAST: u64 = 128 << 10;
/// What is saved on it: revisions, and tokens and certificates of the EMS.
const COPIED: [&str; 2] = ["revisions", "ems"];
/// Most that is copied to memory, bytes.
const MOST_COPIED: u64 = 8 << 20;

/// Where data lie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// The device; none: they lie in memory.
    pub device: Option<PathBuf>,
    /// Whether it can be written.
    pub writable: bool,
}

/// Mounts the data disk: the device that is named, else the one with our label. None is no problem if none was named.
///
/// What is saved on a disk that cannot be written is copied to the folder `memory`.
pub fn open(named: Option<&str>, memory: &Path, problems: &mut Vec<Problem>) -> Disk {
    let Some(device) = named.map(PathBuf::from).or_else(labelled) else { return Disk::default() };
    let mut tell = |severity, what: String| {
        problems.push(Problem { object: "data-disk".into(), severity, detail: what });
    };
    let shown = device.display();
    match kind(&device) {
        Ok(Content::Ext4(_)) => {}
        Ok(Content::Empty) => {
            tell(Severity::Major, format!("{shown} is empty: {HOW}. Revisions are kept in memory"));
            return Disk::default();
        }
        Ok(Content::Other) => {
            let text = format!("{shown} has no ext4 file system, or a damaged one; it is left as it is: {HOW}");
            tell(Severity::Major, format!("{text}. Revisions are kept in memory"));
            return Disk::default();
        }
        Err(e) => {
            tell(Severity::Major, format!("{shown} cannot be read: {e}. Revisions are kept in memory"));
            return Disk::default();
        }
    }
    let mounted = fs::create_dir_all(FOLDER).map_err(|e| e.to_string()).and_then(|()| {
        match mount(&device, FOLDER, "ext4", SAFE | MountFlags::NOATIME, None) {
            Ok(()) | Err(Errno::BUSY) => Ok(()), // it may be there already
            Err(e) => Err(e.to_string()),
        }
    });
    if let Err(e) = mounted {
        let text = format!("{shown} cannot be mounted: {e}; it is left as it is: check it with `fsck.ext4`");
        tell(Severity::Major, format!("{text}. Revisions are kept in memory"));
        return Disk::default();
    }
    let writable = try_to_write(Path::new(FOLDER));
    if let Err(e) = &writable {
        let mut left = MOST_COPIED;
        let copied = COPIED.iter().try_for_each(|f| copy(&Path::new(FOLDER).join(f), &memory.join(f), &mut left));
        let used = match copied {
            Ok(()) => "what is saved there is used".into(),
            Err(e) => format!("not all that is saved there is used ({e})"),
        };
        tell(
            Severity::Major,
            format!("{shown} cannot be written: {e}. Until then {used}, and changes are kept in memory"),
        );
    }
    Disk { device: Some(device), writable: writable.is_ok() }
}

/// Copies a file, or a folder and what is in it.
fn copy(from: &Path, to: &Path, left: &mut u64) -> std::io::Result<()> {
    let about = match fs::symlink_metadata(from) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        about => about?,
    };
    if about.is_dir() {
        fs::create_dir_all(to)?;
        fs::set_permissions(to, about.permissions())?;
        return fs::read_dir(from)?.try_for_each(|file| {
            let name = file?.file_name();
            copy(&from.join(&name), &to.join(&name), left)
        });
    }
    if about.is_file() {
        *left = left.checked_sub(about.len()).ok_or_else(|| std::io::Error::other("it is too much for the memory"))?;
        fs::copy(from, to)?;
    }
    Ok(())
}

/// Whether something can be kept there.
fn try_to_write(folder: &Path) -> Result<(), String> {
    let disk = rustix::fs::statvfs(folder).map_err(|e| e.to_string())?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free < LEAST {
        return Err(format!("it is full ({} KiB are free): make room, or make it larger", free >> 10));
    }
    let file = folder.join(".sluice");
    let write = File::create(&file).and_then(|mut f| f.write_all(b"it can be written\n").and_then(|()| f.sync_all()));
    write.and_then(|()| fs::remove_file(&file)).map_err(|e| e.to_string())
}

/// What is on a device.
#[derive(Debug, PartialEq, Eq)]
enum Content {
    /// A file system, and its label.
    Ext4(Vec<u8>),
    /// Nothing but zeros at its beginning.
    Empty,
    Other,
}

/// The superblock of ext4 is at 1024: magic number at 0x38, label at 0x78 (linux/Documentation/filesystems/ext4).
fn kind(device: &Path) -> std::io::Result<Content> {
    let mut block = [0; 1024];
    let mut file = File::open(device)?;
    file.seek(SeekFrom::Start(1024))?;
    file.read_exact(&mut block)?;
    if block[0x38..0x3a] == [0x53, 0xef] {
        let label = block[0x78..0x88].split(|b| *b == 0).next().unwrap_or_default();
        return Ok(Content::Ext4(label.to_vec()));
    }
    let mut start = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(1 << 20).read_to_end(&mut start)?;
    Ok(if start.iter().all(|b| *b == 0) { Content::Empty } else { Content::Other })
}

fn labelled() -> Option<PathBuf> {
    let disks = fs::read_dir("/sys/class/block").ok()?.flatten();
    let mut devices: Vec<PathBuf> = disks.map(|d| Path::new("/dev").join(d.file_name())).collect();
    devices.sort();
    devices.into_iter().find(|d| kind(d).is_ok_and(|k| matches!(k, Content::Ext4(label) if label == LABEL)))
}

/// Lets go of it, so that everything is on the disk.
pub fn close() {
    // There may be none; and if somebody has a file open there, what is written so far is kept.
    let _ = mount::unmount(FOLDER, UnmountFlags::empty())
        .or_else(|_| mount::mount_remount(FOLDER, MountFlags::RDONLY, c""));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_told_from_an_empty_and_from_a_damaged_one() {
        let file = std::env::temp_dir().join(format!("sluice-data-{}", std::process::id()));
        let mut bytes = vec![0; 2 << 20];
        let look = |bytes: &[u8]| {
            fs::write(&file, bytes).unwrap();
            kind(&file).unwrap()
        };
        assert_eq!(look(&bytes), Content::Empty);
        bytes[700_000] = 1;
        assert_eq!(look(&bytes), Content::Other);
        bytes[1024 + 0x38..1024 + 0x3a].copy_from_slice(&[0x53, 0xef]);
        bytes[1024 + 0x78..1024 + 0x78 + 11].copy_from_slice(b"sluice-data");
        assert_eq!(look(&bytes), Content::Ext4(LABEL.to_vec()));
        fs::remove_file(&file).unwrap();
        assert!(kind(&file).is_err());
    }
}
