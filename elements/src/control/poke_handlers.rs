//! Writes handlers at set times.
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use sluice_dataplane::args::{Args, FromArg, HandlerRef, Interval, shift_word};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Stream};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{Call, HandlerError, Outcome, Reply};
use sluice_dataplane::info::{Arg, Info, State};

/// Least time that a turn of a loop takes, nanoseconds, so that one without a delay stops nobody.
const LEAST: u64 = 1_000_000;

enum Step {
    Wait(u64),
    Write(Call),
    Quit,
    Loop,
}

/// Writes handlers at set times.
pub struct PokeHandlers {
    steps: Vec<Step>,
    pos: usize,
}

impl Configure for PokeHandlers {
    const INFO: &'static Info = &Info {
        ports: "0/0",
        state: State::Single,
        args: &[Arg::rest("DELAY or HANDLER VALUE", "time, or handler and value", "what to do, in order")],
        doc: "Does what its arguments say, one after the other: wait (a time, seconds if no unit follows), write a value to a \
              handler, `quit` (asks the driver to stop), `loop` (starts again, a millisecond later at the earliest). Script can \
              do more.",
        example: "c :: Counter; InfiniteSource(LIMIT 5) -> c -> Discard; PokeHandlers(1.5, c.reset, 0.5, quit);",
        see: &["Script"],
        ..Info::new("PokeHandlers", "control", "writes handlers at set times")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let names = args.names();
        let mut steps = Vec::new();
        for (i, arg) in args.rest_strings().iter().enumerate() {
            let (first, rest) = shift_word(arg);
            steps.push(match (first, rest) {
                ("", _) => continue,
                ("quit", "") => Step::Quit,
                ("loop", "") => Step::Loop,
                _ => match (Interval::from_arg(first, names), HandlerRef::from_arg(first, names)) {
                    (Ok(t), _) if rest.is_empty() => Step::Wait(t.0),
                    (_, Ok(_)) if !first.starts_with(|c: char| c.is_ascii_digit()) => {
                        Step::Write(Call::write(first, rest))
                    }
                    _ => {
                        args.error(format!("argument {}: expected ‘TIMEOUT’ or ‘ELEMENT.HANDLER VALUE’", i + 1));
                        continue;
                    }
                },
            });
        }
        PokeHandlers { steps, pos: 0 }
    }
}

impl PokeHandlers {
    /// Goes on to the next wait, or the next answer.
    fn go(&mut self, cx: &mut Context<'_>) {
        let Some(step) = self.steps.get(self.pos) else { return };
        self.pos += 1;
        match step {
            Step::Wait(t) => {
                let at = cx.recent().saturating_add(*t);
                cx.timer_at(at);
            }
            Step::Write(call) => cx.call(call.clone()),
            Step::Quit => {
                self.pos = self.steps.len();
                cx.stop_driver();
            }
            Step::Loop => {
                self.pos = 0;
                let at = cx.recent().saturating_add(LEAST);
                cx.timer_at(at);
            }
        }
    }
}

impl Element for PokeHandlers {
    fn start(&mut self, cx: &mut Context<'_>) {
        self.pos = 0;
        let now = cx.recent();
        cx.timer_at(now);
    }
    fn timer(&mut self, cx: &mut Context<'_>, _batch: &mut Batch) {
        self.go(cx);
    }
    fn resume(&mut self, cx: &mut Context<'_>, call: &Call, reply: Reply) -> Outcome {
        let name = cx.name();
        let text = match reply {
            Ok(_) => String::new(),
            Err(HandlerError::Failed(why)) => {
                let lines: String = why.lines().map(|l| format!("  {l}\n")).collect();
                format!("In write handler ‘{}’:\n{lines}", call.path)
            }
            Err(HandlerError::NotWritable(_)) => format!("{name}: no write handler ‘{}’\n", call.path),
            Err(_) => format!("{name}: no handler ‘{}’\n", call.path),
        };
        if !text.is_empty() {
            cx.print(Stream::Err, &text);
        }
        self.go(cx);
        Outcome::Done(Ok(String::new()))
    }
}
