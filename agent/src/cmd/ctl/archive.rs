//! Archives: the whole configuration, and what an engineer asks for.
use super::session::{Done, Session, Trouble, print};
use sluice_mgmt::client::{Call, Failure};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Saves the whole configuration of the VNF in one archive (tar, gzip).
#[derive(clap::Args)]
pub(crate) struct Backup {
    /// Where to; readable by its owner only.
    file: PathBuf,
}

/// Puts a saved configuration back.
#[derive(clap::Args)]
pub(crate) struct Restore {
    /// What `backup` wrote.
    file: PathBuf,
}

/// Saves everything that an engineer asks for, without secrets (tar, gzip).
#[derive(clap::Args)]
pub(crate) struct SupportBundle {
    /// Where to; readable by its owner only.
    file: PathBuf,
}

/// Installs another image of the virtual machine beside the one that runs. `reboot` tries it: if it does not become ready,
/// the boot after that is of the one before.
#[derive(clap::Args)]
pub(crate) struct Upgrade {
    /// The bundle that `sluice-image build` made: `NAME.bundle.tar`.
    file: PathBuf,
}

const GZIP: &str = "application/gzip";

pub(super) fn backup(s: &Session, args: &Backup) -> Done {
    save(s, "/v1/backup", &args.file)
}

pub(super) fn support_bundle(s: &Session, args: &SupportBundle) -> Done {
    save(s, "/v1/support-bundle", &args.file)
}

pub(super) fn restore(s: &Session, args: &Restore) -> Done {
    let wrong = |e: io::Error| Trouble::Usage(format!("{}: {e}", args.file.display()));
    let archive = std::fs::read(&args.file).map_err(wrong)?;
    let answer = s.send(&Call::put("/v1/backup").body(GZIP, archive))?.text()?;
    if s.json && !answer.is_empty() {
        return print(&format!("{}\n", answer.trim_end()));
    }
    print(&format!("{} is restored\n", args.file.display()))
}

pub(super) fn upgrade(s: &Session, args: &Upgrade) -> Done {
    let wrong = |e: io::Error| Trouble::Usage(format!("{}: {e}", args.file.display()));
    let bundle = std::fs::read(&args.file).map_err(wrong)?;
    let answer = s.send(&Call::put("/v1/system/image").body("application/x-tar", bundle))?.json()?;
    if s.json {
        return print(&format!("{answer:#}\n"));
    }
    let [name, version, slot] = ["name", "version", "slot"].map(|key| answer[key].as_str().unwrap_or("?"));
    print(&format!("{name} {version} is in slot {slot}; ‘sluice ctl reboot’ tries it\n"))
}

/// Saves what a path answers. The file is whole, or as it was before.
fn save(s: &Session, path: &str, file: &Path) -> Done {
    let mut archive = s.send(&Call::get(path).accept(GZIP))?.reader();
    let part = part_of(file);
    let saved = new_file(&part)
        .map_err(|e| Trouble::Usage(format!("{}: {e}", part.display())))
        .and_then(|mut to| copy(&mut archive, &mut to, s.client.url(), &part))
        .and_then(|bytes| {
            std::fs::rename(&part, file).map_err(|e| Trouble::Usage(format!("{}: {e}", file.display())))?;
            Ok(bytes)
        });
    match saved {
        Ok(bytes) if s.json => print(&format!("{:#}\n", serde_json::json!({"file": file, "bytes": bytes}))),
        Ok(bytes) => print(&format!("{}: {bytes} bytes\n", file.display())),
        Err(why) => {
            let _ = std::fs::remove_file(&part); // it may not be there
            Err(why)
        }
    }
}

/// It may hold what is not for everybody's eyes.
fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

fn copy(from: &mut impl io::Read, to: &mut File, url: &str, name: &Path) -> Result<u64, Trouble> {
    use io::Write as _;
    let mut piece = vec![0; 64 << 10];
    let mut bytes = 0;
    loop {
        let broken = |e: io::Error| Failure::Broken { url: url.into(), why: e.to_string() };
        let n = from.read(&mut piece).map_err(broken)?;
        let wrong = |e: io::Error| Trouble::Usage(format!("{}: {e}", name.display()));
        if n == 0 {
            to.sync_all().map_err(wrong)?;
            return Ok(bytes);
        }
        to.write_all(&piece[..n]).map_err(wrong)?;
        bytes += n as u64;
    }
}

/// Where a file grows until it is whole.
fn part_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    name.into()
}
