//! Says which worker runs an element.
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use sluice_dataplane::args::{Args, parse_int, split_words};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::{Env, SetUp};
use sluice_dataplane::info::{Arg, Info};

/// Says which worker runs an element.
pub struct StaticThreadSched {
    warnings: Vec<String>,
}

impl Configure for StaticThreadSched {
    const INFO: &'static Info = &Info {
        ports: "0/0",
        args: &[Arg::rest("ELEMENT THREAD", "name and number", "an element and its worker")],
        doc: "Each argument names an element, or a compound, and the worker that shall run its tasks: with `sluice run --cores 0,1` \
              there are workers 0 and 1, each with a replica of the graph. -1 takes back what was said before; the last word on an \
              element counts, and a number beyond the workers is a warning and counts for nothing.\n\n\
              A task that every worker would run (FromDevice) then runs on this one only, and with it all that its packets are \
              pushed into. Elements of which there is one for all workers (sources, queues, shapers, scripts) live on worker 0 \
              unless something else is said here; packets pushed into them elsewhere are handed over, those that find no room on \
              the way are dropped as `handover_full`. What pulls, or is pulled from, lives on one worker with all that is \
              connected to it by pulling: if several numbers are given there, that of the element named first in the configuration \
              counts, with a warning. The handler `home_thread` of a task that several workers run gives a line for each.",
        example: "StaticThreadSched(s 0); s :: InfiniteSource(LIMIT 5) -> Discard;",
        see: &["ScheduleInfo", "FromDevice", "Queue"],
        ..Info::new("StaticThreadSched", "control", "says which worker runs an element")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let mut warnings = Vec::new();
        for arg in args.rest_strings() {
            let [element, thread] = split_words(&arg)[..] else {
                args.error(format!("expected ‘ELEMENT THREAD’, got ‘{arg}’"));
                continue;
            };
            if !env.has_element(element) {
                args.error(format!("ELEMENT: no element named ‘{element}’"));
            }
            match parse_int::<i32>(thread) {
                Ok(-1) => env.set_home(element, None),
                Ok(n) if usize::try_from(n).is_ok_and(|n| n < env.workers()) => env.set_home(element, Some(n as u16)),
                Ok(n) => warnings.push(format!("thread preference {n} out of range")),
                Err(e) => args.error_in("THREAD", &e.message()),
            }
        }
        StaticThreadSched { warnings }
    }
}

impl Element for StaticThreadSched {
    fn set_up(&mut self, cx: &mut SetUp<'_>) -> Result<(), String> {
        cx.warnings.append(&mut self.warnings);
        Ok(())
    }
}
