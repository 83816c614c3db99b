//! Gives tasks their shares of the rounds.
use alloc::format;
use sluice_dataplane::args::{Args, FromArg, NameDb, split_words};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};

/// Greatest share: as many turns a round.
const MOST: f64 = 32.0;

/// Gives tasks their shares of the rounds.
pub struct ScheduleInfo;

impl Configure for ScheduleInfo {
    const INFO: &'static Info = &Info {
        ports: "0/0",
        informs: true,
        args: &[Arg::rest("ELEMENT SHARE", "name and number", "share of an element or compound element, 0 to 32")],
        doc: "A task with share 2 gets twice as many turns as one with share 1, which is what all have if nothing is said; with \
              share 0 it gets none. The shares of compound elements and of what is in them multiply. The handler `tickets` of a \
              task shows its share, times 1024.",
        example: "ScheduleInfo(s 0.5); s :: InfiniteSource(LIMIT 5) -> Discard;",
        see: &["StaticThreadSched"],
        ..Info::new("ScheduleInfo", "control", "gives tasks their shares of the rounds")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        for arg in args.rest_strings() {
            match split_words(&arg)[..] {
                [] => {}
                [element, share] if let Some(share) = read_share(share) => env.set_share(element, share),
                _ => args.error(format!("expected ‘ELEMENTNAME PARAM’, got ‘{arg}’")),
            }
        }
        ScheduleInfo
    }
}

/// In 1/1024.
fn read_share(text: &str) -> Option<u32> {
    let share = f64::from_arg(text, &NameDb::default()).ok().filter(|s| *s >= 0.0)?;
    Some((share.min(MOST) * 1024.0 + 0.5) as u32)
}

impl Element for ScheduleInfo {}
