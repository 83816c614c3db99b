//! The Click configuration language (`click.5`): text in, a flat graph or all errors out.
//!
//! [`Reader`] reads a configuration and everything it requires, expands its compound elements
//! and returns a [`Flat`]: elements with their classes and arguments, and the connections between
//! their ports. Nothing here knows what an element does: the caller's [`Classes`] says which
//! classes exist, [`crate::args`] parses their arguments, the graph checks ports.
//!
//! ```
//! use sluice_dataplane::lang::{Classes, Reader};
//! struct Table;
//! impl Classes for Table {
//!     fn exists(&self, class: &str) -> bool {
//!         ["Idle", "Queue", "Discard"].contains(&class)
//!     }
//!     fn names(&self) -> Vec<&str> {
//!         vec!["Idle", "Queue", "Discard"]
//!     }
//! }
//! let parsed = Reader::new(&Table).define("N", "20").read("Idle -> q :: Queue($N) -> Discard;", "config");
//! let (flat, _warnings) = parsed.into_result().unwrap();
//! assert_eq!(flat.elements[1].config, "20");
//! assert_eq!(
//!     flat.unparse(),
//!     "Idle@1 :: Idle;\nq :: Queue(20);\nDiscard@3 :: Discard;\n\nIdle@1 -> q\n    -> Discard@3;\n"
//! );
//!
//! let parsed = Reader::new(&Table).read("a :: Quee;\nb -> a;", "config");
//! let text = sluice_dataplane::lang::render_native(&parsed.diagnostics);
//! assert!(text.starts_with("config:1:6: error: unknown element class ‘Quee’\n  hint: did you mean ‘Queue’?\n"));
//! ```
//!
//! How far it goes beyond Click: port ranges (`[0-2]`), `provide(...)`, every error of a file in
//! one go, and limits instead of exhaustion: 50 levels of nesting, a million expanded elements.

mod body;
mod connection;
mod diag;
mod directive;
mod flatten;
mod formal;
mod lexer;
mod parser;
mod place;
mod ports;
mod sink;
mod suggest;
#[cfg(test)]
mod tests;
mod tunnel;
mod unparse;

pub use diag::{Context, Diagnostic, Note, Phase, Quotes, Severity, render_click, render_native};
pub use place::Place;
pub use suggest::{closest, did_you_mean};

use crate::confine::Confinement;
use alloc::{string::String, vec::Vec};
use core::fmt;

/// The element classes that a configuration may name.
pub trait Classes {
    /// Whether there is a class of this name.
    fn exists(&self, class: &str) -> bool;
    /// All names, to find what a misspelt one may have meant.
    fn names(&self) -> Vec<&str>;
}

/// A file that a configuration asked for with `require(library NAME)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    /// Its path: what errors in it name, and what is read only once.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// Finds the files of `require(library NAME)`.
pub trait Loader {
    /// Reads library `name`, required by the file `from`. `Ok(None)` if there is none.
    ///
    /// # Errors
    /// A message, if it is there but cannot be read.
    fn load(&mut self, name: &str, from: &str) -> Result<Option<Library>, String>;
}

/// Stands in a [`Flat`] that has errors for the class of elements whose class is not known.
pub const UNKNOWN: &str = "";

/// An element of a flat graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Its name; inside compounds with the compound's name and a slash before it.
    pub name: String,
    /// Its class, one of the caller's table; or [`UNKNOWN`].
    pub class: String,
    /// The text between its parentheses, variables replaced.
    pub config: String,
    /// Where it is declared.
    pub at: Place,
}

impl fmt::Display for Declared {
    /// `name :: Class`, as messages name an element.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} :: {}", self.name, self.class)
    }
}

/// A connection from an output port to an input port. Elements are indices into [`Flat::elements`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The element that packets come from.
    pub from: usize,
    /// Its output port.
    pub from_port: usize,
    /// The element that they go to.
    pub to: usize,
    /// Its input port.
    pub to_port: usize,
    /// Where the arrow stands.
    pub at: Place,
}

/// Something that a configuration requires of its driver, such as `package` `foo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// `package` or `compact_config`.
    pub kind: String,
    /// The package's name, else empty.
    pub value: String,
}

impl Requirement {
    fn new(kind: &str, value: &str) -> Self {
        Requirement { kind: kind.into(), value: value.into() }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.kind, if self.value.is_empty() { "" } else { " " }, self.value)
    }
}

/// A configuration with nothing left to expand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flat {
    /// In Click's order: that of the text, the elements of compounds after all others.
    pub elements: Vec<Declared>,
    /// Without doubles, sorted by input port, then by output port.
    pub connections: Vec<Connection>,
    /// What `require` named, in order.
    pub requirements: Vec<Requirement>,
    /// What `provide` named, in order.
    pub provides: Vec<String>,
    /// How many of the last elements the driver has added itself: whatever the text may not do, these may.
    pub own: usize,
}

impl Flat {
    /// What element `i` of a graph with this confinement may reach outside of it.
    pub(crate) fn confinement_of<'c>(&self, i: usize, graph: &'c Confinement) -> &'c Confinement {
        if i + self.own >= self.elements.len() { Confinement::NONE } else { graph }
    }
}

/// What reading a configuration gave.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The graph. If there are errors, what could be made out of it.
    pub flat: Flat,
    /// All errors and warnings, those of the text first, then those of compound elements.
    pub diagnostics: Vec<Diagnostic>,
}

impl Parsed {
    /// Whether the configuration has no error.
    pub fn is_ok(&self) -> bool {
        !self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// The graph with its warnings.
    ///
    /// # Errors
    /// All diagnostics, if one of them is an error.
    pub fn into_result(self) -> Result<(Flat, Vec<Diagnostic>), Vec<Diagnostic>> {
        if self.is_ok() { Ok((self.flat, self.diagnostics)) } else { Err(self.diagnostics) }
    }
}

/// Reads configurations.
pub struct Reader<'a> {
    classes: &'a dyn Classes,
    loader: Option<&'a mut dyn Loader>,
    defines: Vec<(String, String)>,
    inside: Vec<(String, String, String)>,
}

impl<'a> Reader<'a> {
    /// A reader for configurations of these classes.
    pub fn new(classes: &'a dyn Classes) -> Self {
        Reader { classes, loader: None, defines: Vec::new(), inside: Vec::new() }
    }

    /// Defines a variable, as `NAME=VALUE` on the command line does: it wins over `define(...)`.
    pub fn define(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.defines.push((name.into(), value.into()));
        self
    }

    /// The same for the body of one compound element of the text's top level: there it wins over `define(...)`, and is
    /// not seen elsewhere.
    pub fn define_in(mut self, compound: impl Into<String>, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.inside.push((compound.into(), name.into(), value.into()));
        self
    }

    /// Lets configurations require libraries. Without a loader that is an error.
    pub fn libraries(mut self, loader: &'a mut dyn Loader) -> Self {
        self.loader = Some(loader);
        self
    }

    /// Reads a configuration. `file` is the name that its places carry; Click calls an unnamed
    /// one `config`.
    pub fn read(self, text: &str, file: &str) -> Parsed {
        let file = if file.is_empty() { "config" } else { file };
        let mut p = parser::Parser::new(self.classes, self.loader, sink::Sink::default(), file);
        p.file(text, file);
        let parser::Parser { mut sink, classes, body, requirements, provides, end, .. } = p;
        let mut flattener = flatten::Flattener::new(&classes, &mut sink, end);
        flattener.expand(body, &self.defines, &self.inside);
        let mut flat = flattener.finish(&classes);
        (flat.requirements, flat.provides) = (requirements, provides);
        Parsed { flat, diagnostics: sink.found }
    }
}
