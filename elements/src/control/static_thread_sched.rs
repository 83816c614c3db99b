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
        doc: "Each argument names an element, or a compound, and the worker that shall run its task. A graph runs on worker 0 as a whole, so any \
              other number is a warning and means 0.",
        example: "StaticThreadSched(s 0); s :: InfiniteSource(LIMIT 5) -> Discard;",
        see: &["ScheduleInfo"],
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
                Ok(0 | -1) => {}
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
