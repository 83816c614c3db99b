//! GRUB, for both firmwares, with one configuration.
//!
//! Its modules are linked in, few of them: none is looked for on the disk, and there is no menu.
use crate::tool::run;
use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the configuration uses. Those of a serial console serve the last message alone.
const MODULES: &[&str] =
    &["part_msdos", "fat", "normal", "linux", "loadenv", "test", "echo", "sleep", "reboot", "serial", "terminal"];

/// GRUB for BIOS.
pub(super) struct Bios {
    /// What the first sector holds.
    pub(super) boot: Vec<u8>,
    /// What it loads, from the second sector on.
    pub(super) core: Vec<u8>,
}

/// The drive is the one that the BIOS booted.
pub(super) fn bios(scratch: &Path) -> Result<Bios> {
    let boot = Path::new("/usr/lib/grub/i386-pc/boot.img");
    let boot =
        fs::read(boot).with_context(|| format!("cannot read {} (Debian: apt install grub-pc-bin)", boot.display()))?;
    Ok(Bios { boot, core: image("i386-pc", "(,msdos1)/grub", &["biosdisk"], scratch)? })
}

/// The drive is the one that the firmware loaded it from.
pub(super) fn uefi(scratch: &Path) -> Result<Vec<u8>> {
    image("x86_64-efi", "/grub", &[], scratch)
}

fn image(format: &str, prefix: &str, modules: &[&str], scratch: &Path) -> Result<Vec<u8>> {
    let out: PathBuf = scratch.join(format);
    let mut command = Command::new("grub-mkimage");
    command.args(["-O", format, "-p", prefix, "-o"]).arg(&out).args(modules).args(MODULES);
    run(&mut command, "grub-common grub-pc-bin grub-efi-amd64-bin")?;
    fs::read(&out).with_context(|| format!("cannot read {}", out.display()))
}

/// Boots the slot on trial, once; else the one in use; else, because that is broken, the other one. A trial that cannot be
/// noted down beforehand is not made: it would be repeated for ever.
///
/// The modules of the console need not be spoken to until nothing can be booted.
const CONFIG: &str = r#"function try {
  if [ -f /slot-$1/manifest.json ]; then
    if linux /slot-$1/vmlinuz @COMMAND_LINE@ sluice.slot=$1 $2; then
      if initrd /slot-$1/initrd; then boot; fi
    fi
  fi
}
load_env slot trial
if [ "$slot" = b ]; then other=a; else slot=a; other=b; fi
if [ -n "$trial" ]; then
  tried="$trial"
  trial=
  if save_env trial tried; then try "$tried" sluice.trial=1; fi
fi
try $slot
try $other
serial --unit=0 --speed=115200
terminal_output serial console
echo "Sluice: neither slot of this disk can be booted. Trying again in 10 s."
sleep 10
reboot
"#;

/// The configuration, with this command line for both slots.
pub(super) fn config(command_line: &str) -> Result<String> {
    let special = |c: char| !c.is_ascii_graphic() && c != ' ' || "'\"\\".contains(c);
    ensure!(
        !command_line.contains(special),
        "the kernel's command line is to be words without quotes and backslashes: {command_line:?}"
    );
    let words = command_line.split(' ').filter(|word| !word.is_empty()).chain(["panic=1"]);
    let quoted: Vec<_> = words.map(|word| format!("'{word}'")).collect();
    Ok(CONFIG.replace("@COMMAND_LINE@", &quoted.join(" ")))
}
