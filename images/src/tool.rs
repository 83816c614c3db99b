//! Running the tools of others, with an answer that says what to do if that fails.
use anyhow::{Context as _, Result, bail};
use std::path::Path;
use std::process::Command;

/// Runs a tool to its end and answers what it wrote. It sees no local time and no local language: neither may show in an
/// image. `package` is Debian's package that has it.
///
/// # Errors
/// It is not installed, or it failed; what it said is in the message.
pub fn run(command: &mut Command, package: &str) -> Result<Vec<u8>> {
    // The FAT file system begins in 1980, in local time.
    command.env("SOURCE_DATE_EPOCH", "315532800").env("TZ", "UTC").env("LC_ALL", "C");
    let name = Path::new(command.get_program()).display().to_string();
    let out = command
        .output()
        .with_context(|| format!("cannot run {name}: is it installed? (Debian: apt install {package})"))?;
    if !out.status.success() {
        let arguments: Vec<_> = command.get_args().map(|a| a.to_string_lossy()).collect();
        bail!("{name} {}: {}: {}", arguments.join(" "), out.status, String::from_utf8_lossy(&out.stderr).trim());
    }
    Ok(out.stdout)
}
