//! Passes packets on unchanged, by pull only.
use sluice_dataplane::args::Args;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::Info;

/// Passes packets on unchanged, by pull only.
pub struct PullNull;

impl Configure for PullNull {
    const INFO: &'static Info = &Info {
        flow: "l/l",
        doc: "Does nothing to packets. Its ports are pull ports, which decides what agnostic elements around it do.",
        example: "InfiniteSource(LIMIT 5) -> Queue -> PullNull -> Unqueue -> Discard;",
        see: &["Null"],
        ..Info::new("PullNull", "switching", "passes packets on unchanged, by pull only")
    };
    fn configure(_args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        PullNull
    }
}

impl Element for PullNull {}
