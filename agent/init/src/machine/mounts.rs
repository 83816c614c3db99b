//! File systems that every Linux program expects.
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount};
use std::fs;
use std::path::Path;

/// What is mounted where; it is in memory, and programs in it are run only from the root.
const ALL: [(&str, &str, MountFlags, &str); 5] = [
    ("/proc", "proc", SAFE, ""),
    ("/sys", "sysfs", SAFE, ""),
    ("/dev", "devtmpfs", MountFlags::NOSUID.union(MountFlags::NOEXEC), "mode=0755"),
    ("/run", "tmpfs", SAFE, "mode=0755,size=25%"),
    ("/tmp", "tmpfs", SAFE, "mode=1777,size=10%"),
];

/// Where control groups (version 2) are.
const GROUPS: &str = "/sys/fs/cgroup";

/// Nothing here is a program or a device, and nobody becomes anybody else.
pub(super) const SAFE: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV).union(MountFlags::NOEXEC);

/// Mounts them; what is there already stays. What could not be mounted, and why.
pub fn all() -> Vec<String> {
    let _ = fs::create_dir_all("/etc"); // for resolv.conf; whoever writes it says what is wrong
    let mut failed: Vec<String> =
        ALL.iter().filter_map(|(target, kind, flags, data)| one(target, kind, *flags, data).err()).collect();
    // They hold the limits of programs beside this one. A kernel that has none has no folder for them.
    if Path::new(GROUPS).exists() {
        failed.extend(one(GROUPS, "cgroup2", SAFE, "").err());
    }
    failed
}

/// Mounts `kind` on `target`, which is made if need be.
///
/// # Errors
/// For a person.
pub(super) fn one(target: &str, kind: &str, flags: MountFlags, data: &str) -> Result<(), String> {
    let wrong = |e: &dyn std::fmt::Display| format!("{target} ({kind}): {e}");
    if !Path::new(target).exists() {
        fs::create_dir_all(target).map_err(|e| wrong(&e))?;
    }
    let data = std::ffi::CString::new(data).map_err(|e| wrong(&e))?;
    match mount(kind, target, kind, flags, Some(data.as_c_str())) {
        Ok(()) | Err(Errno::BUSY) => Ok(()),
        Err(e) => Err(wrong(&e)),
    }
}
