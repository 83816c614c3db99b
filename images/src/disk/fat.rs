//! The file system, made by mtools inside the image.
use super::{SECTOR, START, write};
use crate::tool::run;
use anyhow::Result;
use sluice_init::machine::slots::LABEL;
use std::path::Path;
use std::process::Command;

/// Sectors in a cluster: 4 KiB, so that FAT16 does up to 256 MiB, and files begin at whole pages.
const CLUSTER: &str = "8";

/// Formats the partition of an image, and copies files into it.
pub(super) fn fill(
    image: &Path,
    sectors: u64,
    serial: u32,
    folders: &[&str],
    files: &[(&str, &[u8])],
    scratch: &Path,
) -> Result<()> {
    let place = format!("{}@@{START}", image.display());
    let tool = |name: &str| {
        let mut command = Command::new(name);
        command.env("MTOOLSRC", "/dev/null").env("MTOOLS_SKIP_CHECK", "1").args(["-i", &place]);
        command
    };
    let label = String::from_utf8_lossy(LABEL);
    let hidden = START / SECTOR;
    let format = [
        ("-T", sectors.to_string()),
        ("-H", hidden.to_string()),
        ("-h", "16".into()),
        ("-s", "63".into()),
        ("-c", CLUSTER.into()),
        ("-N", format!("{serial:08x}")),
        ("-v", label.trim_end().into()),
    ];
    run(tool("mformat").args(format.iter().flat_map(|(o, v)| [*o, v.as_str()])).arg("::"), "mtools")?;
    run(tool("mmd").args(folders.iter().map(|f| format!("::{f}"))), "mtools")?;
    for (name, bytes) in files {
        let source = scratch.join("file");
        write(&source, bytes)?;
        run(tool("mcopy").arg(&source).arg(format!("::{name}")), "mtools")?;
    }
    Ok(())
}
