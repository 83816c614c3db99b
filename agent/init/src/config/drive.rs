//! The seed drive: found by the label of its file system, mounted for as long as it is read.
use super::{Config, LONGEST, cloud, network};
use crate::boot::Severity;
use crate::time;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a drive is waited for that is said to come.
const WAIT: Duration = Duration::from_secs(3);
const PLACE: &str = "/run/sluice-seed";

/// What a drive is laid out as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Layout {
    /// OpenStack's config drive.
    ConfigDrive,
    NoCloud,
}

/// Reads the seed drive, if there is one. `wait`: it may take a while to appear.
pub(super) fn read(root: &Path, wait: bool, config: &mut Config) {
    let until = time::now() + WAIT;
    let mut all = find(root);
    while all.is_empty() && wait && time::now() < until {
        std::thread::sleep(Duration::from_millis(20));
        all = find(root);
    }
    if all.is_empty() && wait {
        config.problem("seed", Severity::Major, "no drive is called cidata or config-2, and sluice.seed=wait".into());
    }
    let Some((layout, label, kind, device)) = all.first() else { return };
    for (.., other) in all.iter().skip(1) {
        let text = format!("{} is a seed drive, too; only {} is read", other.display(), device.display());
        config.problem("seed", Severity::Warning, text);
    }
    let from = format!("seed drive {} ({label})", device.display());
    let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let mounted = fs::create_dir_all(PLACE).map_err(|e| e.to_string());
    match mounted.and_then(|()| mount(device, PLACE, *kind, flags, None).map_err(|e| e.to_string())) {
        Ok(()) => {
            contents(Path::new(PLACE), *layout, &from, config);
            let _ = unmount(PLACE, UnmountFlags::DETACH); // nothing is open there
        }
        Err(why) => config.problem("seed", Severity::Major, format!("{from} cannot be read: {why}")),
    }
}

/// Takes what is on it.
fn contents(folder: &Path, layout: Layout, from: &str, config: &mut Config) {
    config.folder(&folder.join("sluice"), from);
    let text = |name: &str| {
        let mut bytes = Vec::new();
        File::open(folder.join(name)).ok()?.take(LONGEST).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let names = match layout {
        Layout::NoCloud => ["meta-data", "user-data", "network-config"],
        Layout::ConfigDrive => {
            ["openstack/latest/meta_data.json", "openstack/latest/user_data", "openstack/latest/network_data.json"]
        }
    };
    let meta = text(names[0]).map_or(Value::Null, |t| cloud::meta_data(&t, from, config));
    // Files that somebody injected (OpenStack: `personality`).
    for file in meta.get("files").and_then(Value::as_array).into_iter().flatten() {
        let of = |key: &str| file.get(key).and_then(Value::as_str).unwrap_or_default();
        let (Some(name), content) = (of("path").strip_prefix("/etc/sluice/"), of("content_path")) else { continue };
        let content = Path::new("openstack").join(content.trim_start_matches('/'));
        if content.components().all(|c| matches!(c, std::path::Component::Normal(_))) {
            config.path(name, &folder.join(content), from);
        }
    }
    if let Some(data) = text(names[1]) {
        cloud::user_data(&data, from, config);
    }
    if let Some(data) = text(names[2]) {
        network::read(&data, from, config);
    }
}

type Found = (Layout, String, &'static str, PathBuf);

/// All seed drives, config drives first.
fn find(root: &Path) -> Vec<Found> {
    let named = fs::read_dir(root.join("sys/class/block")).into_iter().flatten().flatten();
    let names = named.filter_map(|e| e.file_name().into_string().ok());
    let real = names.filter(|n| !["loop", "ram", "zram", "dm-", "fd"].iter().any(|p| n.starts_with(p)));
    let look = |name: String| {
        let device = root.join("dev").join(name.replace('!', "/"));
        let (label, kind) = label(&device)?;
        let layout = match label.to_ascii_lowercase().as_str() {
            "config-2" => Layout::ConfigDrive,
            "cidata" => Layout::NoCloud,
            _ => return None,
        };
        Some((layout, label, kind, device))
    };
    let mut all: Vec<Found> = real.filter_map(look).collect();
    all.sort();
    all
}

/// The label of a file system, and its kind: ISO 9660 (ECMA-119 section 8.4) or FAT.
fn label(device: &Path) -> Option<(String, &'static str)> {
    let mut file = File::open(device).ok()?;
    let mut at = |place: u64| {
        let mut block = [0; 2048];
        file.seek(SeekFrom::Start(place)).ok()?;
        file.read_exact(&mut block).ok()?;
        Some(block)
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches([' ', '\0']).to_string();
    if let Some(volume) = at(16 * 2048)
        && volume[1..6] == *b"CD001"
        && volume[0] == 1
    {
        return Some((text(&volume[40..72]), "iso9660"));
    }
    let boot = at(0)?;
    if boot[510..512] != [0x55, 0xaa] {
        return None;
    }
    // Microsoft FAT specification: the label is at 43 for FAT12 and FAT16, at 71 for FAT32.
    let place = if boot[54..57] == *b"FAT" { 43 } else { 71 };
    (boot[54..57] == *b"FAT" || boot[82..87] == *b"FAT32").then(|| (text(&boot[place..place + 11]), "vfat"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Function;
    use std::process::Command;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let folder = std::env::temp_dir().join(format!("sluice-seed-{}-{name}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            Folder(folder)
        }
        fn write(&self, name: &str, text: &str) {
            let path = self.0.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn labels_of_iso_and_fat_are_found_and_damaged_ones_are_none() {
        let folder = Folder::new("labels");
        folder.write("in/meta-data", "x: 1\n");
        let (iso, fat, input) = (folder.0.join("a.iso"), folder.0.join("b.fat"), folder.0.join("in"));
        let made = Command::new("genisoimage").args(["-quiet", "-V", "cidata", "-o"]).args([&iso, &input]).status();
        match made {
            Ok(status) if status.success() => assert_eq!(label(&iso), Some(("cidata".into(), "iso9660"))),
            _ => println!("skipped: labels of ISO 9660 (no genisoimage)"),
        }
        let file = File::create(&fat).unwrap();
        file.set_len(1440 << 10).unwrap();
        let made = Command::new("mformat").args(["-v", "CONFIG-2", "-i"]).arg(&fat).arg("::").status();
        match made {
            Ok(status) if status.success() => assert_eq!(label(&fat), Some(("CONFIG-2".into(), "vfat"))),
            _ => println!("skipped: labels of FAT (no mformat)"),
        }
        fs::write(&fat, [0; 600]).unwrap();
        assert_eq!(label(&fat), None);
    }

    #[test]
    fn a_nocloud_drive_is_read_and_the_folder_sluice_comes_first() {
        let folder = Folder::new("nocloud");
        folder.write("meta-data", "instance-id: 5f0a7d0e-9c40-4d5e-8a3e-0d8f3c1b2a10\nlocal-hostname: edge\n");
        folder.write("user-data", "#cloud-config\nwrite_files:\n- path: /etc/sluice/tokens.toml\n  encoding: b64\n  content: eA==\n- path: /etc/passwd\n  content: x\n");
        folder.write("sluice/function.click", "Idle -> Discard;");
        folder.write("network-config", "version: 1\nconfig:\n- type: physical\n  mac_address: '52:54:00:00:00:07'\n  subnets:\n  - {type: static, address: 10.0.0.2, netmask: 255.255.255.0, gateway: 10.0.0.1}\n- {type: nameserver, address: [9.9.9.9]}\n");
        let mut config = Config::default();
        contents(&folder.0, Layout::NoCloud, "seed", &mut config);
        assert_eq!(config.name.as_ref().map(|n| n.value.as_str()), Some("edge"));
        assert_eq!(config.files["tokens.toml"].value, b"x");
        assert_eq!(config.function.map(|f| f.value), Some(Function::Text(b"Idle -> Discard;".to_vec())));
        let network = config.network.unwrap().value;
        assert_eq!(network.addresses, [("10.0.0.2".parse().unwrap(), 24)]);
        assert_eq!((network.gateways.len(), network.dns.len(), network.dhcp4), (1, 1, false));
        assert!(config.management.is_some());
        assert!(config.problems.iter().any(|p| p.detail.contains("/etc/passwd")), "{:?}", config.problems);
        assert!(!config.files.contains_key("passwd"));
    }

    #[test]
    fn a_config_drive_of_openstack_is_read() {
        let folder = Folder::new("openstack");
        folder.write("openstack/latest/meta_data.json", r#"{"uuid": "5f0a7d0e-9c40-4d5e-8a3e-0d8f3c1b2a10", "hostname": "edge.novalocal", "files": [{"path": "/etc/sluice/key.pem", "content_path": "/content/0000"}, {"path": "/etc/sluice/files/x", "content_path": "../../../etc/passwd"}]}"#);
        folder.write("openstack/content/0000", "the key");
        folder.write("openstack/latest/user_data", "// a function\nIdle -> Discard;\n");
        folder.write("openstack/latest/network_data.json", r#"{"links": [{"id": "a", "ethernet_mac_address": "fa:16:3e:00:00:01", "mtu": 1450}], "networks": [{"link": "a", "type": "ipv4", "ip_address": "10.0.0.5", "netmask": "255.255.0.0", "routes": [{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "10.0.0.1"}]}], "services": [{"type": "dns", "address": "8.8.8.8"}]}"#);
        let mut config = Config::default();
        contents(&folder.0, Layout::ConfigDrive, "seed", &mut config);
        assert_eq!(config.id.map(|n| n.value).as_deref(), Some("5f0a7d0e-9c40-4d5e-8a3e-0d8f3c1b2a10"));
        assert_eq!(config.files["key.pem"].value, b"the key");
        assert_eq!(config.files.len(), 1);
        let network = config.network.unwrap().value;
        assert_eq!(network.addresses, [("10.0.0.5".parse().unwrap(), 16)]);
        assert_eq!((network.gateways.len(), network.dns.len(), network.mtu), (1, 1, Some(1450)));
        assert!(matches!(config.function.map(|f| f.value), Some(Function::Text(_))));
    }
}
