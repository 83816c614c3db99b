//! From a machine to QEMU's command line.
use super::{Accelerator, Boot, Bus, Drive, FwCfg, Kind, MOST_MMIO, MOST_NICS, Machine, Serial};
use anyhow::{Result, ensure};
use std::ffi::OsString;
use std::path::Path;

/// The first slot of a network interface. Those before it are the machine's own; what comes without a number comes last.
const FIRST_SLOT: usize = 4;
/// Where a microvm has its `fw_cfg`: without ACPI the guest must be told (`drivers/firmware/qemu_fw_cfg.c` of Linux).
const FW_CFG_PORT: &str = "qemu_fw_cfg.ioport=12@0x510:0:1:4";

pub(super) fn of(machine: &Machine) -> Result<Vec<OsString>> {
    let mut out = Arguments(Vec::new());
    check(machine)?;
    out.flag("-no-user-config");
    out.flag("-nodefaults");
    hardware(machine, &mut out);
    boot(machine, &mut out);
    for (index, nic) in machine.nics.iter().enumerate() {
        let device = match machine.kind {
            Kind::Microvm => "virtio-net-device".to_string(),
            _ => format!("virtio-net-pci,disable-legacy=on,addr={:#x},romfile=", FIRST_SLOT + index),
        };
        for (name, value) in nic.arguments(index, &device) {
            out.pair(name, value);
        }
    }
    if let Boot::Disk { disk, .. } = &machine.boot {
        drive(machine.kind, "boot", disk, &mut out);
    }
    for (index, disk) in machine.drives.iter().enumerate() {
        drive(machine.kind, &format!("disk{index}"), disk, &mut out);
    }
    for (name, value) in &machine.fw_cfg {
        out.pair(
            "-fw_cfg",
            match value {
                FwCfg::File(file) => format!("name={},file={}", escape(name), path(file)),
                FwCfg::Text(text) => format!("name={},string={}", escape(name), escape(text)),
            },
        );
    }
    out.0.extend(machine.more.iter().cloned());
    Ok(out.0)
}

fn check(machine: &Machine) -> Result<()> {
    ensure!(machine.memory > 0 && machine.cpus > 0, "a machine needs memory and a processor");
    if machine.kind == Kind::Microvm {
        ensure!(
            matches!(machine.boot, Boot::Kernel { .. }),
            "a microvm has no firmware that boots a disk: give it a kernel"
        );
        ensure!(
            machine.drives.iter().all(|d| d.bus == Bus::Virtio),
            "a microvm has no CD-ROM: attach it as a virtio disk"
        );
        // One for the random numbers.
        let devices = machine.nics.len() + machine.drives.len() + 1;
        ensure!(devices <= MOST_MMIO, "a microvm has {MOST_MMIO} devices at most, not {devices}");
    }
    ensure!(machine.nics.len() <= MOST_NICS, "a machine has {MOST_NICS} network interfaces at most");
    Ok(())
}

/// Processor, memory, consoles, random numbers.
fn hardware(machine: &Machine, out: &mut Arguments) {
    let kind = match machine.kind {
        Kind::Pc => "pc",
        Kind::Q35 => "q35",
        // Without PIT, PIC and RTC an emulated processor does not find out how fast it is.
        Kind::Microvm => "microvm,acpi=off,pit=on,pic=on,rtc=on",
    };
    let shared = machine.shares_memory();
    let (accelerator, cpu) = match machine.accelerator {
        Accelerator::Kvm => ("kvm", "host"),
        Accelerator::Tcg => ("tcg", "max"),
    };
    out.pair("-machine", format!("{kind}{}", if shared { ",memory-backend=memory" } else { "" }));
    out.pair("-accel", accelerator);
    out.pair("-cpu", cpu);
    out.pair("-smp", machine.cpus.to_string());
    out.pair("-m", format!("{}M", machine.memory));
    if shared {
        let pages = if machine.huge_pages { ",hugetlb=on,hugetlbsize=2M" } else { "" };
        out.pair("-object", format!("memory-backend-memfd,id=memory,share=on,size={}M{pages}", machine.memory));
    }
    out.pair("-display", "none");
    match &machine.serial {
        Serial::Terminal => out.pair("-serial", "mon:stdio"),
        Serial::Output => {
            // Not `stdio`: that would read, and change the terminal.
            out.pair("-chardev", "file,id=serial,path=/dev/stdout");
            out.pair("-serial", "chardev:serial");
        }
        Serial::File(file) => {
            out.pair("-chardev", format!("file,id=serial,path={}", path(file)));
            out.pair("-serial", "chardev:serial");
        }
        Serial::Unix(file) => {
            out.pair("-chardev", format!("socket,id=serial,server=on,wait=off,path={}", path(file)));
            out.pair("-serial", "chardev:serial");
        }
        Serial::None => out.pair("-serial", "none"),
    }
    match &machine.qmp {
        Some(file) => {
            out.pair("-chardev", format!("socket,id=qmp,server=on,wait=off,path={}", path(file)));
            out.pair("-mon", "chardev=qmp,mode=control");
        }
        None if machine.serial != Serial::Terminal => out.pair("-monitor", "none"),
        None => {}
    }
    if machine.once {
        out.flag("-no-reboot");
    }
    out.pair(
        "-device",
        match machine.kind {
            Kind::Microvm => "virtio-rng-device",
            _ => "virtio-rng-pci,disable-legacy=on",
        },
    );
}

fn boot(machine: &Machine, out: &mut Arguments) {
    match &machine.boot {
        Boot::Kernel { kernel, initramfs, command_line } => {
            out.pair("-kernel", kernel);
            out.pair("-initrd", initramfs);
            let told = machine.kind == Kind::Microvm && !machine.fw_cfg.is_empty();
            let port = if told { FW_CFG_PORT } else { "" };
            out.pair("-append", format!("{command_line} {port}").trim());
        }
        Boot::Disk { uefi, .. } => {
            if let Some(code) = uefi {
                out.pair("-drive", format!("if=pflash,unit=0,format=raw,readonly=on,file={}", path(code)));
            }
        }
    }
}

fn drive(kind: Kind, id: &str, drive: &Drive, out: &mut Arguments) {
    let format = if drive.file.extension().is_some_and(|e| e == "qcow2") { "qcow2" } else { "raw" };
    let read_only = if drive.read_only || drive.bus == Bus::Cdrom { ",readonly=on" } else { "" };
    out.pair("-drive", format!("if=none,id={id},format={format}{read_only},file={}", path(&drive.file)));
    let boots = if id == "boot" { ",bootindex=0" } else { "" };
    out.pair(
        "-device",
        match (drive.bus, kind) {
            (Bus::Cdrom, _) => format!("ide-cd,drive={id}{boots}"),
            (Bus::Virtio, Kind::Microvm) => format!("virtio-blk-device,drive={id}"),
            (Bus::Virtio, _) => format!("virtio-blk-pci,disable-legacy=on,drive={id}{boots}"),
        },
    );
}

/// In QEMU's options a comma ends a value; a doubled one does not.
pub(super) fn escape(text: &str) -> String {
    text.replace(',', ",,")
}

/// The same for a path. One that is not UTF-8 cannot be told to QEMU in an option, and is refused by it as not found.
pub(super) fn path(path: &Path) -> String {
    escape(&path.to_string_lossy())
}

struct Arguments(Vec<OsString>);

impl Arguments {
    fn flag(&mut self, name: &str) {
        self.0.push(name.into());
    }

    fn pair(&mut self, name: &str, value: impl Into<OsString>) {
        self.0.extend([name.into(), value.into()]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Nic;
    use super::*;

    fn machine(kind: Kind) -> Machine {
        let command_line = "console=ttyS0".to_string();
        Machine::new(
            kind,
            Accelerator::Tcg,
            64,
            Boot::Kernel { kernel: "k".into(), initramfs: "i".into(), command_line },
        )
    }

    /// The values of an option.
    fn values(machine: &Machine, name: &str) -> Vec<String> {
        let words: Vec<String> = of(machine).unwrap().into_iter().map(|w| w.into_string().unwrap()).collect();
        words.windows(2).filter(|w| w[0] == name).map(|w| w[1].clone()).collect()
    }

    #[test]
    fn a_microvm_under_tcg_has_clocks_and_no_pci() {
        let mut machine = machine(Kind::Microvm);
        machine.nics.push(Nic::parse("user").unwrap());
        assert_eq!(values(&machine, "-machine"), ["microvm,acpi=off,pit=on,pic=on,rtc=on"]);
        assert_eq!(values(&machine, "-cpu"), ["max"]);
        let devices = values(&machine, "-device");
        assert!(devices.iter().all(|d| !d.contains("pci") && !d.contains("addr")), "{devices:?}");
        assert!(devices.iter().any(|d| d.starts_with("virtio-net-device,netdev=net0")), "{devices:?}");
    }

    #[test]
    fn kvm_shows_the_guest_the_hosts_processor() {
        let machine = Machine { accelerator: Accelerator::Kvm, ..machine(Kind::Q35) };
        assert_eq!((values(&machine, "-accel"), values(&machine, "-cpu")), (vec!["kvm".into()], vec!["host".into()]));
    }

    #[test]
    fn interfaces_lie_on_the_bus_in_the_order_in_which_they_are_given() {
        let mut machine = machine(Kind::Pc);
        machine.nics = ["user", "tap,ifname=t0", "dgram,local=/a,remote=/b"].map(|n| Nic::parse(n).unwrap()).to_vec();
        let nets: Vec<String> = values(&machine, "-device").into_iter().filter(|d| d.contains("net-pci")).collect();
        for (index, (net, slot)) in nets.iter().zip(["0x4", "0x5", "0x6"]).enumerate() {
            assert!(net.starts_with(&format!("virtio-net-pci,disable-legacy=on,addr={slot},")), "{net}");
            assert!(net.contains(&format!("netdev=net{index}")), "{net}");
        }
        assert_eq!(nets.len(), 3);
    }

    #[test]
    fn memory_is_shared_only_for_vhost_user() {
        let mut machine = machine(Kind::Q35);
        assert_eq!(values(&machine, "-object"), [""; 0]);
        machine.nics.push(Nic::parse("vhost-user,path=/s").unwrap());
        assert_eq!(values(&machine, "-object"), ["memory-backend-memfd,id=memory,share=on,size=64M"]);
        assert_eq!(values(&machine, "-machine"), ["q35,memory-backend=memory"]);
        machine.huge_pages = true;
        let huge = "memory-backend-memfd,id=memory,share=on,size=64M,hugetlb=on,hugetlbsize=2M";
        assert_eq!(values(&machine, "-object"), [huge]);
    }

    #[test]
    fn a_microvm_is_told_where_its_fw_cfg_is() {
        let mut machine = machine(Kind::Microvm);
        assert_eq!(values(&machine, "-append"), ["console=ttyS0"]);
        machine.fw_cfg.push(("opt/org.sluice/tokens.toml".into(), FwCfg::File("/t,1".into())));
        assert_eq!(values(&machine, "-append"), ["console=ttyS0 qemu_fw_cfg.ioport=12@0x510:0:1:4"]);
        assert_eq!(values(&machine, "-fw_cfg"), ["name=opt/org.sluice/tokens.toml,file=/t,,1"]);
    }

    #[test]
    fn a_microvm_refuses_what_it_does_not_have() {
        let mut cdrom = machine(Kind::Microvm);
        cdrom.drives.push(Drive { file: "s.iso".into(), read_only: true, bus: Bus::Cdrom });
        let mut many = machine(Kind::Microvm);
        many.nics = vec![Nic::parse("user").unwrap(); MOST_MMIO];
        let disk = Drive { file: "d.qcow2".into(), read_only: false, bus: Bus::Virtio };
        let disk = Machine { boot: Boot::Disk { disk, uefi: None }, ..machine(Kind::Microvm) };
        for (machine, what) in [(cdrom, "CD-ROM"), (many, "8 devices"), (disk, "firmware")] {
            let refusal = of(&machine).unwrap_err().to_string();
            assert!(refusal.contains(what), "{refusal}");
        }
    }

    #[test]
    fn a_disk_boots_by_bios_or_by_uefi() {
        let disk = Drive { file: "d.qcow2".into(), read_only: false, bus: Bus::Virtio };
        let boot = |uefi| Machine { boot: Boot::Disk { disk: disk.clone(), uefi }, ..machine(Kind::Q35) };
        assert_eq!(values(&boot(None), "-drive"), ["if=none,id=boot,format=qcow2,file=d.qcow2"]);
        let uefi = boot(Some("/code.fd".into()));
        assert_eq!(values(&uefi, "-drive")[0], "if=pflash,unit=0,format=raw,readonly=on,file=/code.fd");
        assert!(values(&uefi, "-device").contains(&"virtio-blk-pci,disable-legacy=on,drive=boot,bootindex=0".into()));
        assert_eq!(values(&uefi, "-kernel"), [""; 0]);
    }

    #[test]
    fn a_cdrom_is_read_only_whatever_was_said() {
        let mut machine = machine(Kind::Pc);
        machine.drives.push(Drive { file: "s.iso".into(), read_only: false, bus: Bus::Cdrom });
        assert_eq!(values(&machine, "-drive"), ["if=none,id=disk0,format=raw,readonly=on,file=s.iso"]);
        assert!(values(&machine, "-device").contains(&"ide-cd,drive=disk0".into()));
    }

    #[test]
    fn the_command_line_can_be_pasted_into_a_shell() {
        let mut machine = machine(Kind::Pc);
        machine.more = vec!["it's".into()];
        let shown = machine.shown().unwrap();
        assert!(shown.starts_with("qemu-system-x86_64 -no-user-config -nodefaults -machine pc "), "{shown}");
        assert!(shown.ends_with(r"'it'\''s'"), "{shown}");
    }
}
