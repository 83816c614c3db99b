//! Handlers: the named values of elements that people, scripts and control sockets read and write.
//!
//! A handler call never reaches into a running element: elements *ask* for calls
//! ([`Context::call`](crate::context::Context::call), [`Outcome::Yield`]) and the engine makes them
//! when the element is at rest. So scripts may call each other, and themselves, without recursion.
use crate::args::{FromArg, NameDb};
use alloc::format;
use alloc::string::{String, ToString};

/// Why a handler call failed. Displays as Click words it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HandlerError {
    /// No element of that name.
    NoElement(String),
    /// The element has no such handler.
    NoHandler(String),
    /// The handler can only be written.
    NotReadable(String),
    /// The handler can only be read.
    NotWritable(String),
    /// The handler refused.
    Failed(String),
    /// The engine ended a chain of calls that nests too deeply or takes too long. Who gets this
    /// should end too, and not go on to the next call.
    GaveUp(String),
}

impl core::fmt::Display for HandlerError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            HandlerError::NoElement(e) => write!(f, "no element named ‘{e}’"),
            HandlerError::NoHandler(h) => write!(f, "no ‘{h}’ handler"),
            HandlerError::NotReadable(h) => write!(f, "‘{h}’ is a write handler"),
            HandlerError::NotWritable(h) => write!(f, "‘{h}’ is a read handler"),
            HandlerError::Failed(why) | HandlerError::GaveUp(why) => f.write_str(why),
        }
    }
}

impl core::error::Error for HandlerError {}

impl From<String> for HandlerError {
    fn from(why: String) -> Self {
        HandlerError::Failed(why)
    }
}

impl From<&str> for HandlerError {
    fn from(why: &str) -> Self {
        HandlerError::Failed(why.to_string())
    }
}

/// The answer to a call: a reading, or for a write an empty (for some handlers a telling) text.
pub type Reply = Result<String, HandlerError>;

/// What a call does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Op {
    /// Reads, with a parameter (mostly empty).
    Read(String),
    /// Writes a value.
    Write(String),
}

/// A call that an element asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// `element.handler`, or a global handler's name. Elements are looked up from the scope of the
    /// caller outwards.
    pub path: String,
    /// What to do.
    pub op: Op,
}

impl Call {
    /// Reads `path`.
    pub fn read(path: impl Into<String>, parameter: impl Into<String>) -> Call {
        Call { path: path.into(), op: Op::Read(parameter.into()) }
    }
    /// Writes `value` to `path`.
    pub fn write(path: impl Into<String>, value: impl Into<String>) -> Call {
        Call { path: path.into(), op: Op::Write(value.into()) }
    }
    /// Reads the text of a callback argument: `element.handler value ...` is a write.
    pub fn from_text(text: &str) -> Call {
        let text = text.trim();
        match text.split_once(char::is_whitespace) {
            Some((path, value)) => Call::write(path, value.trim()),
            None => Call::write(text, ""),
        }
    }
}

/// How far an element got with a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The answer.
    Done(Reply),
    /// The element needs the answer to another call first; it is given to
    /// [`Element::resume`](crate::element::Element::resume).
    Yield(Call),
}

/// Reads the value written to a handler as the type of an argument.
///
/// # Errors
/// The value is no `T`; the message names the handler.
pub fn value<T: FromArg>(text: &str, handler: &str) -> Result<T, HandlerError> {
    T::from_arg(text.trim(), &NameDb::default()).map_err(|why| HandlerError::Failed(format!("{handler}: {why}")))
}

/// `name.handler` taken apart at the last dot; a global handler has no element.
pub(crate) fn split_path(path: &str) -> (Option<&str>, &str) {
    match path.rsplit_once('.') {
        Some((element, handler)) if !element.is_empty() => (Some(element), handler),
        Some((_, handler)) => (None, handler),
        None => (None, path),
    }
}

/// The names that `name` may mean for an element called `caller`: in its own compound, then in the
/// compounds around it.
pub(crate) fn scopes(caller: &str, name: &str) -> impl Iterator<Item = String> {
    let mut prefix = Some(caller.rsplit_once('/').map_or("", |p| p.0).to_string());
    let name = name.to_string();
    core::iter::from_fn(move || {
        let p = prefix.take()?;
        if p.is_empty() {
            return Some(name.clone());
        }
        prefix = Some(p.rsplit_once('/').map_or("", |p| p.0).to_string());
        Some(format!("{p}/{name}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn names_are_looked_up_from_the_inside_out() {
        assert_eq!(scopes("a/b/c", "x").collect::<Vec<_>>(), ["a/b/x", "a/x", "x"]);
        assert_eq!(scopes("c", "x").collect::<Vec<_>>(), ["x"]);
    }

    #[test]
    fn paths_split_at_the_last_dot() {
        assert_eq!(split_path("a/b.count"), (Some("a/b"), "count"));
        assert_eq!(split_path("stop"), (None, "stop"));
        assert_eq!(split_path(".stop"), (None, "stop"));
        assert_eq!(Call::from_text("x.reset 1 2"), Call::write("x.reset", "1 2"));
    }
}
