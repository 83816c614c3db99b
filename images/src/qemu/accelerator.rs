//! KVM or TCG, and why.
//!
//! `/dev/kvm` may be there, let itself be opened, and be of no use: some hosts offer one without the processor's help, in
//! which a guest stops at its first unusual instruction while QEMU spins. So it is taken only where the processor says that
//! it can, or where a guest of five instructions has shown it.
use super::QEMU;
use anyhow::{Context as _, Result, bail};
use rustix::fs::{Access, access};
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// How long the guest has to show that KVM works.
const PATIENCE: Duration = Duration::from_secs(1);

/// What runs the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accelerator {
    /// The processor, through Linux's KVM.
    Kvm,
    /// QEMU, which translates them: works everywhere, and is several times slower.
    Tcg,
}

impl fmt::Display for Accelerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kvm => "KVM",
            Self::Tcg => "TCG",
        })
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Wanted {
    /// KVM where it works, otherwise TCG.
    #[default]
    Auto,
    /// KVM.
    Kvm,
    /// TCG.
    Tcg,
}

/// What this machine offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    /// `/dev/kvm` is there.
    pub there: bool,
    /// It may be written.
    pub writable: bool,
    /// The processor has VT-x or AMD-V, as `/proc/cpuinfo` says.
    pub virtualises: bool,
}

impl Host {
    /// Looks at this machine.
    pub fn read() -> Self {
        let flags = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Self {
            there: Path::new("/dev/kvm").exists(),
            writable: access("/dev/kvm", Access::READ_OK | Access::WRITE_OK).is_ok(),
            virtualises: virtualises(&flags),
        }
    }
}

/// Whether `/proc/cpuinfo` lists `vmx` or `svm`.
fn virtualises(cpuinfo: &str) -> bool {
    let flags = cpuinfo.lines().filter(|l| l.starts_with("flags"));
    flags.flat_map(str::split_whitespace).any(|f| f == "vmx" || f == "svm")
}

/// Chooses, and says why. `probe` starts a guest under KVM and tells whether it answered; it is asked only if it matters.
pub fn choose(wanted: Wanted, host: Host, probe: impl FnOnce() -> bool) -> (Accelerator, &'static str) {
    match wanted {
        Wanted::Kvm => (Accelerator::Kvm, "as wanted"),
        Wanted::Tcg => (Accelerator::Tcg, "as wanted"),
        Wanted::Auto if !host.there => (Accelerator::Tcg, "there is no /dev/kvm"),
        Wanted::Auto if !host.writable => {
            (Accelerator::Tcg, "/dev/kvm may not be written by this user: join its group, mostly `kvm`")
        }
        Wanted::Auto if host.virtualises => {
            (Accelerator::Kvm, "/dev/kvm may be written and the processor has VT-x or AMD-V")
        }
        Wanted::Auto if probe() => (Accelerator::Kvm, "the processor shows neither VT-x nor AMD-V, but a probe ran"),
        Wanted::Auto => (
            Accelerator::Tcg,
            "/dev/kvm is there, but the processor shows neither VT-x nor AMD-V and a probe did not answer",
        ),
    }
}

/// Chooses for this machine.
pub fn chosen(wanted: Wanted) -> (Accelerator, &'static str) {
    choose(wanted, Host::read(), || probe(Accelerator::Kvm, PATIENCE).unwrap_or(false))
}

/// Whether a guest runs under an accelerator: it has to write a byte to a port before our patience ends.
///
/// # Errors
/// QEMU cannot be started, or the guest's firmware cannot be written.
pub fn probe(accelerator: Accelerator, patience: Duration) -> Result<bool> {
    let firmware = std::env::temp_dir().join(format!("sluice-probe-{}.bin", std::process::id()));
    fs::write(&firmware, rom()).with_context(|| format!("cannot write {}", firmware.display()))?;
    let answered = run(accelerator, &firmware, patience);
    fs::remove_file(&firmware).with_context(|| format!("cannot remove {}", firmware.display()))?;
    Ok(answered?.and_then(|s| s.code()) == Some(i32::from(ANSWER) << 1 | 1))
}

/// What the probe writes to the port; QEMU ends with twice that and one.
const ANSWER: u8 = 0x15;

/// 64 KiB of firmware. The processor begins 16 bytes before its end.
fn rom() -> Vec<u8> {
    const RESET: usize = 0xfff0;
    let mut rom = vec![0xf4; 0x10000]; // hlt
    rom[RESET..RESET + 4].copy_from_slice(&[0xb0, ANSWER, 0xe6, 0xf4]); // mov al, ANSWER; out 0xf4, al
    rom
}

/// How QEMU ended; nothing if it had to be stopped.
fn run(accelerator: Accelerator, firmware: &Path, patience: Duration) -> Result<Option<ExitStatus>> {
    let name = accelerator.to_string().to_lowercase();
    let mut qemu = Command::new(QEMU)
        .args(["-no-user-config", "-nodefaults", "-display", "none", "-machine", "pc", "-m", "16M", "-accel", &name])
        .args(["-device", "isa-debug-exit,iobase=0xf4,iosize=1", "-bios"])
        .arg(firmware)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run {QEMU} (Debian: apt install qemu-system-x86)"))?;
    const STEP: Duration = Duration::from_millis(10);
    for _ in 0..patience.as_millis() / STEP.as_millis() {
        if let Some(status) = qemu.try_wait().context("cannot wait for QEMU")? {
            return Ok(Some(status));
        }
        sleep(STEP);
    }
    qemu.kill().context("cannot stop QEMU")?;
    if qemu.wait().is_err() {
        bail!("cannot wait for QEMU");
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: Host = Host { there: true, writable: true, virtualises: true };

    fn never() -> bool {
        panic!("probed though it does not matter")
    }

    #[test]
    fn a_processor_that_virtualises_gets_kvm_without_a_probe() {
        assert_eq!(choose(Wanted::Auto, HOST, never).0, Accelerator::Kvm);
    }

    #[test]
    fn without_a_device_that_may_be_written_there_is_tcg_without_a_probe() {
        let none = Host { there: false, writable: false, ..HOST };
        assert_eq!(choose(Wanted::Auto, none, never), (Accelerator::Tcg, "there is no /dev/kvm"));
        let forbidden = Host { writable: false, ..HOST };
        let (accelerator, why) = choose(Wanted::Auto, forbidden, never);
        assert!(accelerator == Accelerator::Tcg && why.contains("group"));
    }

    #[test]
    fn a_device_without_a_processor_to_match_is_taken_only_if_a_probe_answers() {
        let odd = Host { virtualises: false, ..HOST };
        assert_eq!(choose(Wanted::Auto, odd, || true).0, Accelerator::Kvm);
        assert_eq!(choose(Wanted::Auto, odd, || false).0, Accelerator::Tcg);
    }

    #[test]
    fn what_is_wanted_is_taken_whatever_the_host_is() {
        let none = Host { there: false, writable: false, virtualises: false };
        assert_eq!(choose(Wanted::Kvm, none, never).0, Accelerator::Kvm);
        assert_eq!(choose(Wanted::Tcg, HOST, never).0, Accelerator::Tcg);
    }

    #[test]
    fn only_the_flags_themselves_count() {
        assert!(virtualises("processor\t: 0\nflags\t\t: fpu svm sse\n"));
        assert!(virtualises("flags\t\t: vmx\n"));
        assert!(!virtualises("flags\t\t: fpu svm_lock\nvmx flags\t: vnmi\nmodel name\t: svm\n"));
    }

    #[test]
    fn the_probe_answers_where_guests_run() {
        // Much longer than it takes: the host may have much else to do.
        match probe(Accelerator::Tcg, Duration::from_secs(60)) {
            Err(_) => eprintln!("skipped: {QEMU} is not installed"),
            Ok(answered) => assert!(answered),
        }
    }
}
