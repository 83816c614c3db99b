//! Checks IP headers without their checksums.
use super::check_ip_header::{ARGS, Check};
use super::tally;
use sluice_dataplane::args::Args;
use sluice_dataplane::element::Configure;
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Info, State};

/// Checks IP headers without their checksums.
pub type CheckIPHeader2 = Check<false>;

impl Configure for Check<false> {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        state: State::Replicated,
        live: true,
        args: ARGS,
        handlers: &[tally::DROPS],
        doc: "As CheckIPHeader, but checksums are not looked at: for packets whose checksum the receiving device has \
              checked.",
        example: "InfiniteSource(LIMIT 5) -> CheckIPHeader2(14) -> Discard;",
        see: &["CheckIPHeader"],
        ..Info::new("CheckIPHeader2", "ip", "checks IP headers without their checksums")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        Self::from_args(args)
    }
}
