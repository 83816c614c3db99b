//! What scripts do with files and processes of the operating system.
use alloc::string::String;
use sluice_dataplane::confine::Confinement;
use sluice_dataplane::files::Files;

/// Writes or appends text to a file.
///
/// # Errors
/// What the operating system says, after the file's name.
#[cfg(feature = "std")]
pub(super) fn write(files: &Files, file: &str, append: bool, text: &str) -> Result<(), String> {
    use std::io::Write;
    let opened = if append { files.append(file) } else { files.create(file) };
    opened.and_then(|mut f| f.write_all(text.as_bytes())).map_err(|e| because(file, &e))
}

/// The text of a file; bytes that are no UTF-8 become U+FFFD.
///
/// # Errors
/// What the operating system says, after the file's name.
#[cfg(feature = "std")]
pub(super) fn read(files: &Files, file: &str) -> Result<String, String> {
    let bytes = files.read(file).map_err(|e| because(file, &e))?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}

#[cfg(feature = "std")]
fn because(file: &str, e: &std::io::Error) -> String {
    alloc::format!("{file}: {}", sluice_dataplane::os::strerror(e))
}

/// Sends signal `number` to a process.
///
/// # Errors
/// What the operating system says, or that the script may not.
#[cfg(feature = "std")]
pub(super) fn kill(confinement: &Confinement, pid: i32, number: i32) -> Result<(), String> {
    confinement.signals()?;
    sluice_dataplane::signal::send(pid, number)
        .map_err(|e| alloc::format!("kill({pid}, {number}): {}", sluice_dataplane::os::strerror(&e)))
}

/// The number of this process.
#[cfg(feature = "std")]
pub(super) fn pid() -> u32 {
    std::process::id()
}

#[cfg(not(feature = "std"))]
mod none {
    use super::{Confinement, Files, String};

    pub(in super::super) fn write(_files: &Files, _file: &str, _append: bool, _text: &str) -> Result<(), String> {
        Err("file redirection not supported here".into())
    }
    pub(in super::super) fn read(_files: &Files, _file: &str) -> Result<String, String> {
        Err("no files here".into())
    }
    pub(in super::super) fn kill(_confinement: &Confinement, _pid: i32, _number: i32) -> Result<(), String> {
        Err("no processes here".into())
    }
    pub(in super::super) fn pid() -> u32 {
        0
    }
}
#[cfg(not(feature = "std"))]
pub(super) use none::{kill, pid, read, write};
