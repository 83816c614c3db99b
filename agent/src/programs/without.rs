//! What stands for programs where they were left out (feature `external`): a description may name them, and each of them fails.
use serde::Deserialize;
use std::convert::Infallible;
use std::path::PathBuf;

/// What would be a program. Little of it is looked at.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "toml::Table")]
pub(crate) struct Spec {
    pub(super) attach: Attach,
    pub(super) fail: Fail,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attach {
    Memif,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fail {
    Open,
    Closed,
}

impl From<toml::Table> for Spec {
    fn from(table: toml::Table) -> Spec {
        let word = |key| table.get(key).and_then(toml::Value::as_str);
        Spec {
            attach: if word("attach") == Some("memif") { Attach::Memif } else { Attach::Other },
            fail: if word("fail") == Some("open") { Fail::Open } else { Fail::Closed },
        }
    }
}

/// How the program would be started.
#[allow(dead_code)] // nobody does
pub(super) struct Sandbox {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
}

/// There is none of these.
pub(super) struct External(Infallible);

pub(super) struct Status {
    pub(super) state: Life,
    pub(super) stalled: bool,
    pub(super) process: Option<u32>,
    pub(super) failures: u64,
    pub(super) ended: Option<i32>,
    pub(super) detail: String,
    pub(super) words: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(dead_code)] // there is no program to be in any of them
pub(super) enum Life {
    Starting,
    Running,
    BackingOff,
    Stopped,
    Failed,
}

impl External {
    pub(super) fn start(_: &str, _: Spec, again: Sandbox) -> Result<External, String> {
        drop(again);
        Err("this Sluice was built without external programs".into())
    }
    pub(super) fn click(&self) -> String {
        match self.0 {}
    }
    pub(super) fn status(&self) -> Status {
        match self.0 {}
    }
    pub(super) fn run(&self) {
        match self.0 {}
    }
    pub(super) fn restart(&self) {
        match self.0 {}
    }
    pub(super) fn stop(&self) {
        match self.0 {}
    }
    pub(super) fn quit(&self) {
        match self.0 {}
    }
}

pub(super) fn vdevs(_: &str, _: &Spec) -> Result<Vec<String>, String> {
    Ok(Vec::new())
}
