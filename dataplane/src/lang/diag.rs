//! Errors and warnings of a configuration, and the two ways to print them.
//!
//! Messages are written once, in Click's words and with curly quotes; [`render_click`] prints what
//! Click prints, [`render_native`] adds columns and hints.

use super::place::Place;
use alloc::{
    borrow::Cow,
    format,
    string::{String, ToString},
    vec::Vec,
};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can, but something is suspicious.
    Warning,
    /// Nothing is wrong: the configuration says something.
    Message,
}

impl Severity {
    /// What comes before the text.
    fn grade(self) -> &'static str {
        match self {
            Severity::Error => "error: ",
            Severity::Warning => "warning: ",
            Severity::Message => "message: ",
        }
    }
}

/// What the router was doing to an element, in Click's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Reading its arguments.
    Configuring,
    /// Starting it.
    Initializing,
    /// Moving state into it from the graph that it replaces.
    Swapping,
}

impl Phase {
    fn words(self) -> &'static str {
        match self {
            Phase::Configuring => "While configuring",
            Phase::Initializing => "While initializing",
            Phase::Swapping => "While hot-swapping state into",
        }
    }
}

/// The element that a diagnostic is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// What was being done.
    pub phase: Phase,
    /// The element's name.
    pub name: String,
    /// Its class.
    pub class: String,
}

/// A further line that belongs to a diagnostic: another place, a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Where it points.
    pub at: Option<Place>,
    /// What it says.
    pub message: String,
}

/// One error, warning or message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which of them.
    pub severity: Severity,
    /// Where in the text, if it is about the text.
    pub at: Option<Place>,
    /// Where Click reports it, if that is another line than `at`.
    pub landmark: Option<Place>,
    /// The element, if it is about one that was being configured.
    pub element: Option<Context>,
    /// What is wrong, without place. May have several lines.
    pub message: String,
    /// What to do about it. Only [`render_native`] prints it.
    pub hint: Option<String>,
    /// Further lines.
    pub notes: Vec<Note>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(at: Option<Place>, message: impl Into<String>) -> Self {
        Diagnostic {
            severity: Severity::Error,
            at,
            landmark: None,
            element: None,
            message: message.into(),
            hint: None,
            notes: Vec::new(),
        }
    }

    /// A warning at a place.
    pub fn warning(at: Option<Place>, message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Warning, ..Self::error(at, message) }
    }

    /// Something to be said at a place.
    pub fn message(at: Option<Place>, message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Message, ..Self::error(at, message) }
    }

    /// The same, about an element's arguments.
    pub fn configuring(self, name: impl Into<String>, class: impl Into<String>) -> Self {
        self.within(Phase::Configuring, name, class)
    }

    /// The same, about an element in some phase.
    pub fn within(mut self, phase: Phase, name: impl Into<String>, class: impl Into<String>) -> Self {
        self.element = Some(Context { phase, name: name.into(), class: class.into() });
        self
    }

    /// The same, which Click reports at `landmark`.
    pub fn landmark(self, landmark: Place) -> Self {
        Diagnostic { landmark: Some(landmark), ..self }
    }

    /// The same with a hint, if there is one.
    pub fn hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// The same with one more note.
    pub fn note(mut self, at: Option<Place>, message: impl Into<String>) -> Self {
        self.notes.push(Note { at, message: message.into() });
        self
    }

    /// Whether it is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Which quotation marks Click prints: curly ones on a terminal that knows UTF-8, else `'`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quotes {
    /// `'x'`
    Ascii,
    /// `‘x’`
    Curly,
}

impl Quotes {
    /// A text with these marks.
    pub fn apply(self, text: &str) -> Cow<'_, str> {
        match self {
            Quotes::Ascii if text.contains(['‘', '’']) => Cow::Owned(text.replace(['‘', '’'], "'")),
            _ => Cow::Borrowed(text),
        }
    }
}

/// Prints diagnostics as `file:line:column: error: message`, each with its hint and notes.
///
/// ```
/// use sluice_dataplane::lang::{Diagnostic, Place, render_native};
/// let d = Diagnostic::error(Some(Place::new("a.click", 3, 6)), "unknown element class ‘Quee’")
///     .hint(Some("did you mean ‘Queue’?".into()));
/// assert_eq!(render_native(&[d]), "a.click:3:6: error: unknown element class ‘Quee’\n  hint: did you mean ‘Queue’?\n");
/// ```
pub fn render_native(diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for d in diagnostics {
        if let Some(at) = &d.at {
            out += &format!("{at}: ");
        }
        out += d.severity.grade();
        if let Some(e) = &d.element {
            out += &format!("{} :: {}: ", e.name, e.class);
        }
        out += &d.message.replace('\n', "\n  ");
        out.push('\n');
        for n in &d.notes {
            let at = n.at.as_ref().map(|p| format!("{p}: ")).unwrap_or_default();
            out += &format!("  note: {at}{}\n", n.message.trim_start());
        }
        if let Some(hint) = &d.hint {
            out += &format!("  hint: {hint}\n");
        }
    }
    out
}

/// Prints diagnostics as Click does: `file:line: message`, and errors of an element's arguments
/// indented below `While configuring ‘name :: Class’:`, which is said once per element.
pub fn render_click(diagnostics: &[Diagnostic], quotes: Quotes) -> String {
    let mut out = String::new();
    let mut said: Option<&Context> = None;
    for d in diagnostics {
        let place = d.landmark.as_ref().or(d.at.as_ref());
        let landmark = place.map(|p| p.landmark() + ": ").unwrap_or_default();
        let grade = if d.severity == Severity::Warning { d.severity.grade() } else { "" };
        let message = grade.to_string() + &d.message;
        if let Some(e) = &d.element {
            if said != Some(e) {
                out += &format!("{landmark}{} ‘{} :: {}’:\n", e.phase.words(), e.name, e.class);
            }
            message.lines().for_each(|l| out += &format!("  {l}\n"));
        } else {
            message.lines().for_each(|l| out += &format!("{landmark}{l}\n"));
        }
        said = d.element.as_ref();
        for n in &d.notes {
            let at = n.at.as_ref().map(|p| p.landmark() + ": ").unwrap_or_default();
            out += &format!("{at}{}\n", n.message);
        }
    }
    quotes.apply(&out).into_owned()
}
