//! `sluice-image run`: boots an image under QEMU, in this terminal.
use anyhow::{Context as _, Result, ensure};
use sluice_images::qemu::accelerator::{self, Wanted};
use sluice_images::qemu::{Boot, Bus, Drive, FwCfg, Kind, Machine, Nic, Serial, seed};
use std::fs;
use std::path::{Path, PathBuf};

/// Boots an image under QEMU, in this terminal. Ctrl-A X ends it.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    image: super::Image,
    /// The kind of machine.
    #[arg(long, value_enum, default_value_t)]
    machine: Kind,
    /// Its memory, MiB.
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(16..=1 << 20))]
    memory: u32,
    /// Its processors.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    cpus: u32,
    /// A network interface, the first one for management: `user[,ems=PORT][,forward=HOST:GUEST]`,
    /// `stream,path=FILE[,server]`, `dgram,local=FILE,remote=FILE`, `socket,connect=HOST:PORT` or `socket,listen=HOST:PORT`,
    /// `tap,ifname=NAME`, `vhost-user,path=FILE[,server]`; each with `mac=ADDRESS` if wanted.
    #[arg(long, value_name = "NETWORK")]
    nic: Vec<Nic>,
    /// A seed drive: an image, or a folder to make one of.
    #[arg(long, value_name = "FOLDER|FILE")]
    seed: Option<PathBuf>,
    /// How the guest sees the seed drive.
    #[arg(long, value_enum, default_value_t, requires = "seed")]
    seed_bus: Bus,
    /// A data disk, raw or qcow2; may be given several times.
    #[arg(long, value_name = "FILE")]
    data: Vec<PathBuf>,
    /// Something told by fw_cfg, NAME=TEXT or NAME=@FILE; a NAME without `/` lies in `opt/org.sluice/`.
    #[arg(long, value_name = "NAME=VALUE")]
    fw_cfg: Vec<String>,
    /// More for the kernel's command line.
    #[arg(long, value_name = "WORDS")]
    append: Vec<String>,
    /// Boot this disk image of the recipe, by BIOS, instead of the kernel.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["append", "vmlinux"])]
    disk: Option<PathBuf>,
    /// With --disk: boot by UEFI, with this firmware.
    #[arg(long, value_name = "FILE", requires = "disk")]
    uefi: Option<PathBuf>,
    /// Boot the kernel by its PVH entry on pc and q35 too.
    #[arg(long)]
    vmlinux: bool,
    /// What runs the guest's instructions.
    #[arg(long, value_enum, default_value_t)]
    accel: Wanted,
    /// Where the serial port leads: terminal, none, a file, or unix:FILE.
    #[arg(long, default_value = "terminal")]
    serial: String,
    /// A UNIX socket for QMP.
    #[arg(long, value_name = "FILE")]
    qmp: Option<PathBuf>,
    /// End when the guest wants to start again.
    #[arg(long)]
    once: bool,
    /// Print the command line of QEMU, and do nothing.
    #[arg(long)]
    dry_run: bool,
}

impl Args {
    pub(crate) fn run(&self) -> Result<()> {
        let (accelerator, why) = accelerator::chosen(self.accel);
        eprintln!("{accelerator}: {why}");
        let mut machine = Machine::new(self.machine, accelerator, self.memory, self.boot()?);
        machine.cpus = self.cpus;
        machine.nics.clone_from(&self.nic);
        machine.fw_cfg = self.fw_cfg.iter().map(|f| fw_cfg(f)).collect::<Result<_>>()?;
        machine.qmp.clone_from(&self.qmp);
        machine.once = self.once;
        machine.serial = match self.serial.as_str() {
            "terminal" => Serial::Terminal,
            "none" => Serial::None,
            other => other.strip_prefix("unix:").map_or_else(|| Serial::File(other.into()), |f| Serial::Unix(f.into())),
        };
        let made = Made(std::env::temp_dir().join(format!("sluice-seed-{}.iso", std::process::id())));
        if let Some(seed) = &self.seed {
            let mut file = seed.clone();
            if seed.is_dir() {
                file.clone_from(&made.0);
                if !self.dry_run {
                    seed::make(seed, &made.0)?;
                }
            }
            machine.drives.push(Drive { file, read_only: true, bus: self.seed_bus });
        }
        for file in &self.data {
            machine.drives.push(Drive { file: file.clone(), read_only: false, bus: Bus::Virtio });
        }
        for drive in &machine.drives {
            let file = &drive.file;
            ensure!(self.dry_run || file.is_file(), "there is no drive {}", file.display());
        }
        if self.dry_run {
            println!("{}", machine.shown()?);
            return Ok(());
        }
        let status = machine.command()?.status().with_context(|| {
            format!("cannot run {} (Debian: apt install qemu-system-x86)", sluice_images::qemu::QEMU)
        })?;
        ensure!(status.success(), "QEMU ended with {status}");
        Ok(())
    }

    fn boot(&self) -> Result<Boot> {
        if let Some(file) = &self.disk {
            let disk = Drive { file: file.clone(), read_only: false, bus: Bus::Virtio };
            return Ok(Boot::Disk { disk, uefi: self.uefi.clone() });
        }
        let (manifest, folder) = super::manifest(&self.image.image)?;
        let pvh = self.vmlinux || self.machine == Kind::Microvm;
        let words: Vec<&str> =
            [manifest.command_line.as_str()].into_iter().chain(self.append.iter().map(String::as_str)).collect();
        Ok(Boot::Kernel {
            kernel: folder.join(if pvh { "vmlinux" } else { "bzImage" }),
            initramfs: folder.join("initramfs"),
            command_line: words.join(" "),
        })
    }
}

/// `NAME=TEXT` or `NAME=@FILE`.
fn fw_cfg(text: &str) -> Result<(String, FwCfg)> {
    let (name, value) = text.split_once('=').with_context(|| format!("{text:?}: want NAME=TEXT or NAME=@FILE"))?;
    ensure!(!name.is_empty(), "{text:?}: want NAME=TEXT or NAME=@FILE");
    let name = if name.contains('/') { name.to_string() } else { format!("opt/org.sluice/{name}") };
    ensure!(name.len() <= 55, "{name} is longer than fw_cfg can hold: 55 bytes");
    Ok((
        name,
        match value.strip_prefix('@') {
            Some(file) => {
                ensure!(Path::new(file).is_file(), "there is no file {file}");
                FwCfg::File(file.into())
            }
            None => FwCfg::Text(value.to_string()),
        },
    ))
}

/// A seed drive that was made for this run, and goes with it.
struct Made(PathBuf);

impl Drop for Made {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_by_fw_cfg_lies_in_our_folder_unless_it_says_where() {
        assert_eq!(fw_cfg("ip=a=b").unwrap(), ("opt/org.sluice/ip".into(), FwCfg::Text("a=b".into())));
        assert_eq!(fw_cfg("opt/x=1").unwrap(), ("opt/x".into(), FwCfg::Text("1".into())));
        for wrong in ["name", "=1", "f=@/nonexistent", &format!("{}=1", "n".repeat(41))] {
            assert!(fw_cfg(wrong).is_err(), "{wrong}");
        }
    }
}
