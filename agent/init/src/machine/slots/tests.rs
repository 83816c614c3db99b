use super::*;
use std::process::Command;

/// Stands in for SHA-256: what is tested is who is asked, and what is done with the answer.
#[derive(Default)]
struct Sum(u64, u64);

impl Sha256 for Sum {
    fn update(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.0 = self.0.wrapping_mul(31).wrapping_add(u64::from(*b));
            self.1 += 1;
        }
    }
    fn hex(self) -> String {
        format!("{:016x}{:016x}", self.0, self.1)
    }
}

struct Scratch(PathBuf);

impl Scratch {
    /// A disk as it is made: A is filled and booted.
    fn disk(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("sluice-slots-{}-{name}", std::process::id()));
        fs::create_dir_all(root.join("grub")).unwrap();
        fs::create_dir_all(root.join("slot-a")).unwrap();
        for file in ["vmlinuz", "initrd", "manifest.json"] {
            fs::write(root.join("slot-a").join(file), "old").unwrap();
        }
        fs::write(root.join("grub/grubenv"), Environment::default().block().unwrap()).unwrap();
        let scratch = Self(root);
        scratch.say(&[("slot", "a")]);
        scratch
    }
    fn partition(&self) -> Partition {
        Partition::mounted(&self.0)
    }
    fn say(&self, variables: &[(&str, &str)]) {
        let mut environment = Environment::read(&environment_of(&self.0)).unwrap();
        variables.iter().for_each(|(name, value)| environment.set(name, value));
        environment.write(&environment_of(&self.0)).unwrap();
    }
    /// What GRUB does before it boots a slot on trial.
    fn boot_trial(&self, slot: &str) {
        self.say(&[("trial", ""), ("tried", slot)]);
    }
    fn file(&self, path: &str) -> Option<Vec<u8>> {
        fs::read(self.0.join(path)).ok()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn content(bytes: &[u8]) -> Content {
    let mut sum = Sum::default();
    sum.update(bytes);
    Content { size: bytes.len() as u64, sha256: sum.hex() }
}

fn manifest_of(kernel: &[u8], initrd: &[u8]) -> Manifest {
    Manifest { name: "full".into(), version: "1.2.3".into(), vmlinuz: content(kernel), initrd: content(initrd) }
}

/// A bundle that the system's `tar` made.
fn tar(kernel: &[u8], initrd: &[u8], order: &[&str]) -> Vec<u8> {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let n = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("sluice-bundle-{}-{n}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("manifest.json"), "{}").unwrap();
    fs::write(folder.join("vmlinuz"), kernel).unwrap();
    fs::write(folder.join("initrd"), initrd).unwrap();
    let out = Command::new("tar").arg("-C").arg(&folder).args(["-cf", "-"]).args(order).output().unwrap();
    assert!(out.status.success());
    fs::remove_dir_all(folder).unwrap();
    out.stdout
}

const ORDER: [&str; 3] = ["manifest.json", "vmlinuz", "initrd"];

fn try_install(disk: &Scratch, running: Slot, manifest: &Manifest, tar: &[u8]) -> Result<Slot, Error> {
    let mut bundle = Bundle::open(tar).unwrap();
    install::<Sum>(&disk.partition(), running, manifest, &mut bundle)
}

#[test]
fn a_bundle_goes_into_the_other_slot_and_is_booted_once() {
    let disk = Scratch::disk("install");
    let (kernel, initrd) = (vec![7; 100_000], vec![9; 70_001]);
    let bundle = tar(&kernel, &initrd, &ORDER);
    assert_eq!(try_install(&disk, Slot::A, &manifest_of(&kernel, &initrd), &bundle).unwrap(), Slot::B);
    assert_eq!(disk.file("slot-b/vmlinuz").unwrap(), kernel);
    assert_eq!(disk.file("slot-b/initrd").unwrap(), initrd);
    assert_eq!(disk.file("slot-b/manifest.json").unwrap(), b"{}");
    assert_eq!(disk.file("slot-a/vmlinuz").unwrap(), b"old");
    let state = state(&disk.partition()).unwrap();
    assert_eq!((state.default, state.trial, state.tried), (Slot::A, Some(Slot::B), None));
}

#[test]
fn a_trial_that_becomes_ready_is_kept_and_stays() {
    let disk = Scratch::disk("keep");
    let bundle = tar(b"new", b"newer", &ORDER);
    try_install(&disk, Slot::A, &manifest_of(b"new", b"newer"), &bundle).unwrap();
    disk.boot_trial("b");
    assert_eq!(state(&disk.partition()).unwrap().given_up(Slot::B), None);
    assert!(keep(&disk.partition(), Slot::B).unwrap());
    let after = state(&disk.partition()).unwrap();
    assert_eq!((after.default, after.trial, after.tried), (Slot::B, None, None));
    assert!(!keep(&disk.partition(), Slot::B).unwrap(), "there is nothing left to change");
    assert_eq!(try_install(&disk, Slot::B, &manifest_of(b"new", b"newer"), &bundle).unwrap(), Slot::A);
}

#[test]
fn a_trial_that_failed_is_told_by_the_slot_before_it() {
    let disk = Scratch::disk("failed");
    try_install(&disk, Slot::A, &manifest_of(b"bad", b"bad"), &tar(b"bad", b"bad", &ORDER)).unwrap();
    disk.boot_trial("b");
    assert!(!keep(&disk.partition(), Slot::A).unwrap());
    let state = state(&disk.partition()).unwrap();
    assert_eq!((state.default, state.trial, state.given_up(Slot::A)), (Slot::A, None, Some(Slot::B)));
}

#[test]
fn nothing_is_installed_over_the_slot_that_a_trial_goes_back_to() {
    let disk = Scratch::disk("on-trial");
    let bundle = tar(b"new", b"newer", &ORDER);
    try_install(&disk, Slot::A, &manifest_of(b"new", b"newer"), &bundle).unwrap();
    disk.boot_trial("b");
    let refused = try_install(&disk, Slot::B, &manifest_of(b"new", b"newer"), &bundle);
    assert!(matches!(refused, Err(Error::OnTrial)), "{refused:?}");
    assert_eq!(disk.file("slot-a/vmlinuz").unwrap(), b"old");
}

#[test]
fn a_bundle_that_is_not_what_its_manifest_says_is_never_booted() {
    let disk = Scratch::disk("damaged");
    let good = tar(b"kernel", b"initrd", &ORDER);
    let manifest = manifest_of(b"kernel", b"initrd");
    let mut flipped = good.clone();
    let at = flipped.windows(6).rposition(|w| w == b"initrd").unwrap();
    flipped[at] ^= 1;
    let cases = [
        ("a flipped bit", flipped, manifest.clone()),
        ("it breaks off", good[..2048].to_vec(), manifest.clone()),
        ("another order", tar(b"kernel", b"initrd", &["manifest.json", "initrd", "vmlinuz"]), manifest.clone()),
        ("another length", good.clone(), manifest_of(b"kernel!", b"initrd")),
    ];
    for (what, bundle, manifest) in cases {
        try_install(&disk, Slot::A, &manifest_of(b"kernel", b"initrd"), &good).unwrap();
        let refused = try_install(&disk, Slot::A, &manifest, &bundle);
        assert!(matches!(refused, Err(Error::Bundle(_))), "{what}: {refused:?}");
        let state = state(&disk.partition()).unwrap();
        assert_eq!((state.default, state.trial), (Slot::A, None), "{what}");
        assert_eq!(state.manifests[1], None, "{what}: GRUB passes over it");
    }
}

#[test]
fn a_slot_that_is_too_small_is_said_so_before_anything_is_written() {
    let disk = Scratch::disk("room");
    let mut manifest = manifest_of(b"kernel", b"initrd");
    manifest.initrd.size = u64::MAX / 2;
    let refused = try_install(&disk, Slot::A, &manifest, &tar(b"kernel", b"initrd", &ORDER));
    assert!(matches!(refused, Err(Error::NoRoom(needed, free)) if needed > free), "{refused:?}");
    assert_eq!(disk.file("slot-b/vmlinuz"), None);
}

#[test]
fn a_longer_kernel_that_was_there_leaves_no_rest() {
    let disk = Scratch::disk("longer");
    for kernel in [vec![1; 9000], vec![2; 10]] {
        try_install(&disk, Slot::A, &manifest_of(&kernel, b"i"), &tar(&kernel, b"i", &ORDER)).unwrap();
        assert_eq!(disk.file("slot-b/vmlinuz").unwrap(), kernel);
    }
}

#[test]
fn two_upgrades_at_once_do_not_meet() {
    let disk = Scratch::disk("busy");
    let partition = disk.partition();
    let _held = partition.lock().unwrap();
    assert!(matches!(state(&disk.partition()), Err(Error::Busy)));
}

#[test]
fn what_is_no_tar_is_refused() {
    for bytes in [&b""[..], &[0; 4096], &[b'x'; 4096], b"PK\x03\x04"] {
        assert!(Bundle::open(bytes).is_err());
    }
    let mut huge = tar(b"k", b"i", &ORDER);
    huge[124..136].copy_from_slice(b"77777777777\0");
    assert!(Bundle::open(&huge[..]).is_err(), "its checksum is wrong");
}

#[test]
fn the_slot_is_read_from_the_command_line() {
    assert_eq!(Slot::running("console=ttyS0 sluice.slot=b sluice.trial=1"), Some(Slot::B));
    assert_eq!(Slot::running("sluice.slot=a"), Some(Slot::A));
    assert_eq!(Slot::running("sluice.slot=c"), None);
    assert_eq!(Slot::running("console=ttyS0"), None);
}
