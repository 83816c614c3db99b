//! Pulls from one input, which a handler chooses, and tells nobody which.
use super::pull_switch::PullSwitch;
use sluice_dataplane::args::Args;
use sluice_dataplane::element::Configure;
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};

/// Pulls from one input, which a handler chooses, and tells nobody which.
pub type SimplePullSwitch = PullSwitch<false, true>;

impl Configure for SimplePullSwitch {
    const INFO: &'static Info = &Info {
        ports: "-/1",
        flow: "l/l",
        live: true,
        args: &[Arg::optional("INPUT", "input", "0", "where packets come from; a number without input for nowhere")],
        handlers: Self::HANDLERS,
        doc: "Answers each pull with a packet from the input INPUT. Tasks downstream pull whenever there are packets at any \
              input: they find nothing if those are at another. PullSwitch lets them sleep.",
        example: "InfiniteSource(LIMIT 5) -> Queue -> SimplePullSwitch -> Unqueue -> Discard;",
        see: &["PullSwitch", "StaticPullSwitch"],
        ..Info::new("SimplePullSwitch", "switching", "pulls from one input, which a handler chooses; keeps tasks awake")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        Self::from(args.optional("INPUT", 0), env)
    }
}
