//! A machine's serial port.
use super::LONG;
use crate::wire::process::listen;
use crate::wire::stop::Stop;
use anyhow::{Context as _, Result};
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// The serial port, and what it said.
pub(super) struct Console {
    stream: UnixStream,
    said: Arc<Mutex<Vec<u8>>>,
}

impl Console {
    /// Connects as soon as QEMU listens; `runs` fails if that has ended.
    pub(super) fn open(path: &Path, stop: &Stop, mut runs: impl FnMut() -> Result<()>) -> Result<Console> {
        let mut stream = None;
        stop.wait(LONG, "QEMU", || {
            runs()?;
            stream = UnixStream::connect(path).ok();
            Ok(stream.is_some())
        })?;
        let stream = stream.context("no console")?;
        let said = Arc::<Mutex<Vec<u8>>>::default();
        let (input, to) = (stream.try_clone()?, said.clone());
        std::thread::spawn(move || listen(input, &to));
        Ok(Console { stream, said })
    }

    pub(super) fn text(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&said).into_owned()
    }

    pub(super) fn say(&self, text: &[u8]) -> Result<()> {
        Ok((&self.stream).write_all(text)?)
    }
}
