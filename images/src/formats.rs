//! What is made beside kernel and initramfs: disks, bundles, and what hypervisors are told.
use crate::build::Built;
use crate::disk::{self, Contents};
use crate::libvirt::{self, Boot, Domain, Interface, Machine, Plug};
use crate::recipe::Format;
use crate::xen::{self, Guest, Kind, Vif};
use anyhow::{Context as _, Result};
use std::fs;

/// Memory that the descriptions give, MiB.
const MEMORY: u32 = 128;

/// Makes a format in the image's folder; the names of its files.
///
/// # Errors
/// A tool is missing, or something cannot be written.
pub fn make(format: Format, built: &Built<'_>) -> Result<Vec<String>> {
    let name = &built.recipe.name;
    let contents = Contents {
        name: name.clone(),
        version: built.version.into(),
        kernel: built.bzimage.clone(),
        initramfs: built.initramfs.clone(),
        command_line: built.command_line.clone(),
    };
    let file = |ending: &str| format!("{name}.{ending}");
    let write = |name: String, text: String| {
        let path = built.folder.join(&name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(vec![name])
    };
    match format {
        Format::Raw => {
            disk::make(&contents, &built.folder.join(file("raw")))?;
            Ok(vec![file("raw")])
        }
        Format::Qcow2 => {
            let raw = built.folder.join(file("raw"));
            let kept = raw.exists();
            if !kept {
                disk::make(&contents, &raw)?;
            }
            disk::qcow2(&raw, &built.folder.join(file("qcow2")))?;
            if !kept && !built.recipe.formats.contains(&Format::Raw) {
                fs::remove_file(&raw).with_context(|| format!("cannot remove {}", raw.display()))?;
            }
            Ok(vec![file("qcow2")])
        }
        Format::Bundle => {
            disk::bundle(&contents, &built.folder.join(file("bundle.tar")))?;
            Ok(vec![file("bundle.tar")])
        }
        Format::Libvirt => write(file("xml"), libvirt::domain(&domain(built))),
        Format::Xl => {
            let mut names = write(file("pv.cfg"), xen::config(&guest(built, Kind::Pv))?)?;
            names.extend(write(file("pvh.cfg"), xen::config(&guest(built, Kind::Pvh))?)?);
            Ok(names)
        }
    }
}

/// A machine with a management interface in libvirt's own network and two data ports on bridges.
fn domain(built: &Built<'_>) -> Domain {
    let plug = |to| Interface { to, mac: None };
    Domain {
        name: format!("sluice-{}", built.recipe.name),
        kvm: true,
        machine: Machine::Q35,
        memory: MEMORY,
        cpus: 2,
        hugepages: false,
        boot: Boot::Kernel {
            kernel: built.place.join("bzImage"),
            initramfs: built.place.join("initramfs"),
            command_line: built.command_line.clone(),
        },
        interfaces: vec![
            plug(Plug::Network("default".into())),
            plug(Plug::Bridge("data0".into())),
            plug(Plug::Bridge("data1".into())),
        ],
        seed: None,
        data: None,
        files: Vec::new(),
    }
}

/// The same for Xen.
fn guest(built: &Built<'_>, kind: Kind) -> Guest {
    let on = |bridge: &str| Vif { bridge: Some(bridge.into()), ..Vif::default() };
    Guest {
        name: format!("sluice-{}", built.recipe.name),
        kind,
        kernel: built.place.join("bzImage"),
        initramfs: built.place.join("initramfs"),
        command_line: format!("console=hvc0 {}", built.recipe.command_line).trim().to_string(),
        memory: MEMORY,
        cpus: 1,
        interfaces: vec![Vif::default(), on("data0"), on("data1")],
        disks: Vec::new(),
    }
}
