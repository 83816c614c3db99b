//! What a program finds in `/proc`, `/sys` and `/dev`: its own processes and network, devices that are none of the machine's,
//! and no switch that counts beyond its network.
//!
//! Few capabilities are not enough for that: who is root by number may open disks, and write most of `/proc/sys`, without any.
use super::at;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount, mount_bind, mount_remount};
use std::ffi::CStr;
use std::fs;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Devices that a program has.
const DEVICES: [&str; 7] = ["null", "zero", "full", "random", "urandom", "tty", "net/tun"];
/// What else there is in `/dev`, and where it leads.
const LINKS: [(&str, &str); 4] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];
/// Size of the folder of devices, and of what programs share in `/dev/shm`.
const SIZE: &CStr = c"mode=755,size=64k";
const SHARED: &CStr = c"mode=1777,size=64m";

/// Mounts all of it, where the root file system has folders for it.
pub(super) fn make(root: Option<&Path>) -> io::Result<()> {
    let top = root.unwrap_or(Path::new("/"));
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let [sys, dev, proc] = ["sys", "dev", "proc"].map(|name| top.join(name));
    if sys.is_dir() {
        at("/sys", mount("sysfs", &sys, "sysfs", flags | MountFlags::RDONLY, None))?;
    }
    if dev.is_dir() {
        at("/dev", devices(&dev))?;
    }
    if proc.is_dir() {
        at("/proc", mount("proc", &proc, "proc", flags, None))?;
        at("/proc", read_only(&proc, flags))?;
    }
    Ok(())
}

/// A folder with a few devices, a place for shared memory, and huge pages of its own if the kernel has them.
fn devices(dev: &Path) -> io::Result<()> {
    let mut found = Vec::new();
    for name in DEVICES {
        // Opened before the folder is covered, which may be the one that they lie in.
        match open(Path::new("/dev").join(name), OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
            Ok(handle) => found.push((name, handle)),
            Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    mount("tmpfs", dev, "tmpfs", flags, SIZE)?;
    for (name, handle) in found {
        let place = dev.join(name);
        place.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::File::create(&place)?;
        mount_bind(format!("/proc/self/fd/{}", handle.as_raw_fd()), &place)?;
    }
    for (name, target) in LINKS {
        symlink(target, dev.join(name))?;
    }
    let [shared, pages] = ["shm", "hugepages"].map(|name| dev.join(name));
    fs::create_dir(&shared)?;
    mount("tmpfs", &shared, "tmpfs", flags | MountFlags::NODEV, SHARED)?;
    fs::create_dir(&pages)?;
    match mount("hugetlbfs", &pages, "hugetlbfs", flags | MountFlags::NODEV, None) {
        Ok(()) => {}
        Err(Errno::NODEV) => fs::remove_dir(&pages)?,
        Err(error) => return Err(error.into()),
    }
    Ok(mount_remount(dev, flags | MountFlags::RDONLY, "")?)
}

/// Leaves of what can be written in `/proc` the switches of the program's network.
fn read_only(proc: &Path, flags: MountFlags) -> io::Result<()> {
    let network = proc.join("sys/net");
    if network.is_dir() {
        mount_bind(&network, &network)?;
    }
    Ok(mount_remount(proc, MountFlags::BIND | flags | MountFlags::RDONLY, "")?)
}
