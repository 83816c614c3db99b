//! What hypervisors are told is what they understand.
#![allow(clippy::unwrap_used)] // a test that cannot go on panics
mod common;

use common::Scratch;
use sluice_images::libvirt::{self, Boot, Domain, Interface, Machine, Plug};
use sluice_images::xen::{self, Guest, Kind, Vif};
use std::fs;
use std::process::Command;

fn domain(machine: Machine, boot: Boot) -> Domain {
    let interface = |to, mac: &str| Interface { to, mac: Some(mac.into()) };
    Domain {
        name: "edge & <core>".into(),
        kvm: true,
        machine,
        memory: 64,
        cpus: 2,
        hugepages: false,
        boot,
        interfaces: vec![
            Interface { to: Plug::Network("default".into()), mac: None },
            interface(Plug::Bridge("br1".into()), "52:54:00:00:00:01"),
            interface(Plug::Bridge("br2".into()), "52:54:00:00:00:02"),
        ],
        seed: None,
        data: None,
        files: vec![],
    }
}

fn kernel() -> Boot {
    let command_line = "console=ttyS0 sluice.function=firewall \"sluice.param.RULES=allow <all>\"".into();
    Boot::Kernel { kernel: "/images/it's/vmlinuz".into(), initramfs: "/images/initrd".into(), command_line }
}

fn disk(qcow2: bool, uefi: bool) -> Boot {
    Boot::Disk { disk: libvirt::Disk { path: "/images/disk".into(), qcow2 }, uefi }
}

#[test]
fn libvirt_takes_each_kind_of_machine() {
    // In a package that starts nothing: libvirt0.
    let schemas = std::env::var("SLUICE_LIBVIRT_SCHEMAS").unwrap_or("/usr/share/libvirt/schemas".into());
    if !common::have(&["xmllint", &format!("{schemas}/domain.rng")]) {
        return;
    }
    let scratch = Scratch::new("libvirt");
    let mut domains = vec![];
    for machine in [Machine::Pc, Machine::Q35] {
        for boot in [kernel(), disk(false, false), disk(true, false), disk(true, true)] {
            domains.push(domain(machine, boot.clone()));
            domains.push(Domain {
                kvm: false,
                hugepages: true,
                seed: Some("/images/seed.iso".into()),
                data: Some(libvirt::Disk { path: "/images/data".into(), qcow2: true }),
                files: vec![("vnf.toml".into(), "/etc/edge/vnf.toml".into())],
                ..domain(machine, boot)
            });
        }
    }
    for domain in domains {
        let path = scratch.path("domain.xml");
        fs::write(&path, libvirt::domain(&domain)).unwrap();
        let checked = Command::new("xmllint")
            .args(["--noout", "--relaxng"])
            .arg(format!("{schemas}/domain.rng"))
            .arg(&path)
            .output();
        let checked = checked.unwrap();
        assert!(checked.status.success(), "{}\n{}", libvirt::domain(&domain), String::from_utf8_lossy(&checked.stderr));
    }
}

#[test]
fn management_comes_before_the_data_ports() {
    let xml = libvirt::domain(&domain(Machine::Q35, kernel()));
    let at = |what: &str| xml.find(what).unwrap();
    assert!(at("network='default'") < at("bridge='br1'") && at("bridge='br1'") < at("bridge='br2'"));
}

fn guest(kind: Kind) -> Guest {
    Guest {
        name: "edge".into(),
        kind,
        kernel: "/images/vmlinuz".into(),
        initramfs: "/images/initrd".into(),
        command_line: "console=hvc0 sluice.function=firewall".into(),
        memory: 64,
        cpus: 1,
        interfaces: vec![
            Vif { mac: Some("00:16:3e:00:00:01".into()), bridge: Some("xenbr0".into()), script: None },
            Vif::default(),
        ],
        disks: vec![xen::Disk { path: "/images/seed.iso".into(), writable: false }],
    }
}

#[test]
fn xl_is_told_kernel_interfaces_and_disks() {
    let text = xen::config(&guest(Kind::Pvh)).unwrap();
    assert!(text.starts_with("type = \"pvh\"\n"));
    assert!(text.contains("vif = [\"mac=00:16:3e:00:00:01,bridge=xenbr0\", \"\"]\n"), "{text}");
    assert!(text.contains("disk = [\"format=raw,vdev=xvda,access=ro,target=/images/seed.iso\"]\n"), "{text}");
    assert!(xen::config(&guest(Kind::Pv)).unwrap().starts_with("type = \"pv\"\n"));
}

#[test]
fn what_xl_cannot_be_told_is_refused() {
    let quotes = Guest { command_line: "sluice.name=\"edge\"".into(), ..guest(Kind::Pv) };
    assert!(xen::config(&quotes).unwrap_err().to_string().contains("quotes"));
    let mut comma = guest(Kind::Pv);
    comma.disks[0].path = "/images/a,b".into();
    assert!(xen::config(&comma).unwrap_err().to_string().contains("comma"));
}
