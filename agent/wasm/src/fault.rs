//! What can be wrong with a guest, and why a running one ended.
use core::fmt;
use wasmtime::{Trap, WasmBacktrace};

/// Why an instance cannot go on, or could not begin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It trapped: a division by zero, memory out of bounds, `unreachable`.
    Trap(String),
    /// It used up its fuel or its time.
    Limit,
    /// It needs more memory, tables or stack than it may have.
    Resources(String),
    /// It said what cannot be true.
    Invalid(String),
    /// It refused its configuration or its state.
    Refused(String),
}

/// Why a guest ended, in words of RFC 3165 (`smRunExitCode`, section 6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExitCode {
    /// It ended well, or has not ended yet.
    NoError,
    /// It used up its time.
    LifeTimeExceeded,
    /// It used up what else it may use.
    NoResourcesLeft,
    /// It failed.
    RuntimeError,
    /// It was given what it does not take.
    InvalidArgument,
    /// It tried what it may not do.
    SecurityViolation,
}

impl ExitCode {
    /// The RFC's word.
    pub fn name(self) -> &'static str {
        match self {
            ExitCode::NoError => "noError",
            ExitCode::LifeTimeExceeded => "lifeTimeExceeded",
            ExitCode::NoResourcesLeft => "noResourcesLeft",
            ExitCode::RuntimeError => "runtimeError",
            ExitCode::InvalidArgument => "invalidArgument",
            ExitCode::SecurityViolation => "securityViolation",
        }
    }
}

impl Fault {
    /// How the RFC calls it.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Fault::Trap(_) => ExitCode::RuntimeError,
            Fault::Limit => ExitCode::LifeTimeExceeded,
            Fault::Resources(_) => ExitCode::NoResourcesLeft,
            Fault::Invalid(_) => ExitCode::SecurityViolation,
            Fault::Refused(_) => ExitCode::InvalidArgument,
        }
    }
    pub(crate) fn invalid(why: impl Into<String>) -> Fault {
        Fault::Invalid(why.into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Trap(why) | Fault::Resources(why) => f.write_str(why),
            Fault::Limit => f.write_str("ran for longer than it may"),
            Fault::Invalid(why) => write!(f, "invalid: {why}"),
            Fault::Refused(why) => write!(f, "refused: {why}"),
        }
    }
}

impl core::error::Error for Fault {}

/// A guest told the host what cannot be true, in a call of the host's functions.
#[derive(Debug)]
pub(crate) struct Lie(pub(crate) &'static str);

impl fmt::Display for Lie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl core::error::Error for Lie {}

/// What ended a call into a guest.
impl From<wasmtime::Error> for Fault {
    fn from(e: wasmtime::Error) -> Fault {
        match e.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel | Trap::Interrupt) => Fault::Limit,
            Some(Trap::StackOverflow) => Fault::Resources("call stack exhausted".into()),
            Some(trap) => {
                let text = trap.to_string();
                let what = text.strip_prefix("wasm trap: ").unwrap_or(&text);
                Fault::Trap(format!("{what}{}", place(&e)))
            }
            None => match e.downcast_ref::<Lie>() {
                Some(lie) => Fault::invalid(lie.0),
                None => Fault::Trap(e.root_cause().to_string()),
            },
        }
    }
}

/// The function that a trap happened in, if its name is known.
fn place(e: &wasmtime::Error) -> String {
    let trace = e.downcast_ref::<WasmBacktrace>();
    let name = trace.and_then(|t| t.frames().first()?.func_name());
    name.map_or(String::new(), |n| format!(" in {}", crate::log::plain(n.as_bytes())))
}
