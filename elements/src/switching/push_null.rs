//! Passes packets on unchanged, by push only.
use sluice_dataplane::args::Args;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::Info;

/// Passes packets on unchanged, by push only.
pub struct PushNull;

impl Configure for PushNull {
    const INFO: &'static Info = &Info {
        flow: "h/h",
        doc: "Does nothing to packets. Its ports are push ports, which decides what agnostic elements around it do.",
        example: "InfiniteSource(LIMIT 5) -> PushNull -> Discard;",
        see: &["Null"],
        ..Info::new("PushNull", "switching", "passes packets on unchanged, by push only")
    };
    fn configure(_args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        PushNull
    }
}

impl Element for PushNull {}
