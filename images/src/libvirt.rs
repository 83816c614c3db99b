//! What libvirt is told of a machine: a domain's XML (libvirt, "Domain XML format").
//!
//! Network interfaces keep the order in which they are listed, because libvirt gives them PCI addresses in that order:
//! management first, then the data ports.
use std::fmt::Write as _;
use std::path::PathBuf;

/// A machine.
#[derive(Clone, Debug)]
pub struct Domain {
    /// Its name, unique on a host.
    pub name: String,
    /// KVM, or emulation where there is none.
    pub kvm: bool,
    /// The chipset.
    pub machine: Machine,
    /// Memory, in MiB.
    pub memory: u32,
    /// Processors.
    pub cpus: u32,
    /// Whether its memory is huge pages of the host, which the host needs to have reserved.
    pub hugepages: bool,
    /// What it boots.
    pub boot: Boot,
    /// The management interface first, if there is one, then the data ports.
    pub interfaces: Vec<Interface>,
    /// A seed drive: a raw image of ISO 9660 or VFAT.
    pub seed: Option<PathBuf>,
    /// A data disk, as qcow2 or raw.
    pub data: Option<Disk>,
    /// Files handed over by fw_cfg: their names beneath `opt/org.sluice/`, and where they lie on the host.
    pub files: Vec<(String, PathBuf)>,
}

/// A chipset of QEMU's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// i440FX of 1996: PCI.
    Pc,
    /// Q35 of 2009: PCI Express.
    Q35,
}

/// What a machine boots.
#[derive(Clone, Debug)]
pub enum Boot {
    /// A kernel and an initramfs that lie on the host.
    Kernel {
        /// The kernel, as bzImage.
        kernel: PathBuf,
        /// The initramfs.
        initramfs: PathBuf,
        /// The kernel's command line.
        command_line: String,
    },
    /// A disk, by BIOS or by UEFI; which firmware file, libvirt knows.
    Disk {
        /// The disk.
        disk: Disk,
        /// UEFI, or else BIOS.
        uefi: bool,
    },
}

/// A file that is a disk.
#[derive(Clone, Debug)]
pub struct Disk {
    /// Where it lies on the host.
    pub path: PathBuf,
    /// qcow2, or else raw.
    pub qcow2: bool,
}

/// A virtio network interface.
#[derive(Clone, Debug)]
pub struct Interface {
    /// What its other end is plugged into.
    pub to: Plug,
    /// Its Ethernet address; libvirt makes one up otherwise.
    pub mac: Option<String>,
}

/// What an interface is plugged into.
#[derive(Clone, Debug)]
pub enum Plug {
    /// A network that libvirt has, by name.
    Network(String),
    /// A bridge of the host's.
    Bridge(String),
}

/// The XML of a domain, for `virsh define`.
pub fn domain(domain: &Domain) -> String {
    let Domain { name, memory, cpus, .. } = domain;
    let mut xml = format!("<domain type='{}'>\n", if domain.kvm { "kvm" } else { "qemu" });
    // Writing to a string does not fail.
    let _ = write!(xml, "  <name>{}</name>\n  <memory unit='MiB'>{memory}</memory>\n", escape(name));
    if domain.hugepages {
        xml += "  <memoryBacking>\n    <hugepages/>\n  </memoryBacking>\n";
    }
    let _ = writeln!(xml, "  <vcpu>{cpus}</vcpu>");
    if !domain.files.is_empty() {
        xml += "  <sysinfo type='fwcfg'>\n";
        for (name, path) in &domain.files {
            let (name, path) = (escape(name), escape(&path.to_string_lossy()));
            let _ = writeln!(xml, "    <entry name='opt/org.sluice/{name}' file='{path}'/>");
        }
        xml += "  </sysinfo>\n";
    }
    xml += &os(domain);
    xml += "  <features>\n    <acpi/>\n    <apic/>\n  </features>\n";
    xml += if domain.kvm { "  <cpu mode='host-passthrough'/>\n" } else { "  <cpu mode='maximum'/>\n" };
    // A kernel that panics resets the machine, and may be another one then.
    xml += "  <on_poweroff>destroy</on_poweroff>\n  <on_reboot>restart</on_reboot>\n  <on_crash>restart</on_crash>\n";
    xml += "  <devices>\n";
    let boot = if let Boot::Disk { disk, .. } = &domain.boot { Some(disk) } else { None };
    let seed = domain.seed.clone().map(|path| Disk { path, qcow2: false });
    let disks = [(boot, false), (domain.data.as_ref(), false), (seed.as_ref(), true)];
    for (letter, (disk, read_only)) in ('a'..).zip(disks.into_iter().filter_map(|(d, r)| Some((d?, r)))) {
        xml += &disk_of(disk, letter, read_only);
    }
    domain.interfaces.iter().for_each(|interface| xml += &interface_of(interface));
    xml += "    <controller type='usb' model='none'/>\n";
    xml += "    <serial type='pty'>\n      <target port='0'/>\n    </serial>\n";
    xml += "    <console type='pty'>\n      <target type='serial' port='0'/>\n    </console>\n";
    xml += "    <memballoon model='none'/>\n";
    xml += "    <rng model='virtio'>\n      <backend model='random'>/dev/urandom</backend>\n    </rng>\n";
    xml + "  </devices>\n</domain>\n"
}

fn os(domain: &Domain) -> String {
    let uefi = matches!(domain.boot, Boot::Disk { uefi: true, .. });
    let machine = if domain.machine == Machine::Pc { "pc" } else { "q35" };
    let mut xml = format!("  <os{}>\n", if uefi { " firmware='efi'" } else { "" });
    let _ = writeln!(xml, "    <type arch='x86_64' machine='{machine}'>hvm</type>");
    match &domain.boot {
        Boot::Kernel { kernel, initramfs, command_line } => {
            let [kernel, initramfs] = [kernel, initramfs].map(|path| escape(&path.to_string_lossy()));
            let _ = writeln!(xml, "    <kernel>{kernel}</kernel>\n    <initrd>{initramfs}</initrd>");
            let _ = writeln!(xml, "    <cmdline>{}</cmdline>", escape(command_line));
        }
        Boot::Disk { uefi, .. } => {
            if *uefi {
                // Nothing on the disk is signed.
                xml += "    <firmware>\n      <feature enabled='no' name='secure-boot'/>\n    </firmware>\n";
            }
            xml += "    <boot dev='hd'/>\n";
        }
    }
    if !domain.files.is_empty() {
        xml += "    <smbios mode='sysinfo'/>\n";
    }
    xml + "  </os>\n"
}

fn disk_of(disk: &Disk, letter: char, read_only: bool) -> String {
    let format = if disk.qcow2 { "qcow2" } else { "raw" };
    let path = escape(&disk.path.to_string_lossy());
    let read_only = if read_only { "      <readonly/>\n" } else { "" };
    format!(
        "    <disk type='file' device='disk'>\n      <driver name='qemu' type='{format}'/>\n      <source file='{path}'/>\n      \
         <target dev='vd{letter}' bus='virtio'/>\n{read_only}    </disk>\n"
    )
}

fn interface_of(interface: &Interface) -> String {
    let (kind, to) = match &interface.to {
        Plug::Network(name) => ("network", name),
        Plug::Bridge(name) => ("bridge", name),
    };
    let mut xml = format!("    <interface type='{kind}'>\n");
    if let Some(mac) = &interface.mac {
        let _ = writeln!(xml, "      <mac address='{}'/>", escape(mac));
    }
    xml + &format!("      <source {kind}='{}'/>\n      <model type='virtio'/>\n    </interface>\n", escape(to))
}

/// Text as it stands in XML, in elements and between apostrophes (XML 1.0, section 2.4). Characters that XML cannot
/// express are left out.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '\'' => escaped += "&apos;",
            '"' => escaped += "&quot;",
            c if c < ' ' => {}
            c => escaped.push(c),
        }
    }
    escaped
}
