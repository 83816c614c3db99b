//! KVM or TCG, and why.
//!
//! `/dev/kvm` may be there, let itself be opened, and be of no use: some hosts offer one without the processor's help, in
//! which a probe of a few instructions runs and a real guest does not. So it is taken only where the processor says that it
//! can.
use rustix::fs::{Access, access};
use std::fmt;
use std::fs;
use std::path::Path;

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

/// Chooses, and says why.
pub fn choose(wanted: Wanted, host: Host) -> (Accelerator, &'static str) {
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
        Wanted::Auto => (Accelerator::Tcg, "/dev/kvm is there, but the processor shows neither VT-x nor AMD-V"),
    }
}

/// Chooses for this machine.
pub fn chosen(wanted: Wanted) -> (Accelerator, &'static str) {
    choose(wanted, Host::read())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: Host = Host { there: true, writable: true, virtualises: true };

    #[test]
    fn kvm_is_taken_only_where_it_may_be_written_and_the_processor_virtualises() {
        assert_eq!(choose(Wanted::Auto, HOST).0, Accelerator::Kvm);
        let none = Host { there: false, writable: false, ..HOST };
        assert_eq!(choose(Wanted::Auto, none), (Accelerator::Tcg, "there is no /dev/kvm"));
        let forbidden = Host { writable: false, ..HOST };
        let (accelerator, why) = choose(Wanted::Auto, forbidden);
        assert!(accelerator == Accelerator::Tcg && why.contains("group"));
        let odd = Host { virtualises: false, ..HOST };
        assert_eq!(choose(Wanted::Auto, odd).0, Accelerator::Tcg);
    }

    #[test]
    fn what_is_wanted_is_taken_whatever_the_host_is() {
        let none = Host { there: false, writable: false, virtualises: false };
        assert_eq!(choose(Wanted::Kvm, none).0, Accelerator::Kvm);
        assert_eq!(choose(Wanted::Tcg, HOST).0, Accelerator::Tcg);
    }

    #[test]
    fn only_the_flags_themselves_count() {
        assert!(virtualises("processor\t: 0\nflags\t\t: fpu svm sse\n"));
        assert!(virtualises("flags\t\t: vmx\n"));
        assert!(!virtualises("flags\t\t: fpu svm_lock\nvmx flags\t: vnmi\nmodel name\t: svm\n"));
    }
}
