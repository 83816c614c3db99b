//! Passes packets on unchanged.
use sluice_dataplane::args::Args;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::Info;

/// Passes packets on unchanged.
pub struct Null;

impl Configure for Null {
    const INFO: &'static Info = &Info {
        doc: "Does nothing to packets. Useful to name a place in a graph, and to measure what an element costs.",
        example: "InfiniteSource(LIMIT 5) -> Null -> Discard;",
        see: &["PushNull", "PullNull"],
        ..Info::new("Null", "switching", "passes packets on unchanged")
    };
    fn configure(_args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        Null
    }
}

impl Element for Null {}
