//! Where something stands in a configuration text.

use alloc::{format, string::String, sync::Arc};
use core::fmt;

/// A position in a configuration file. Line and column count from 1; a column is one character.
///
/// `#line` directives change file and line as they do for Click.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The file's name as the caller or a `#line` directive gave it.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl Place {
    /// Makes a place.
    pub fn new(file: impl Into<Arc<str>>, line: u32, column: u32) -> Self {
        Place { file: file.into(), line, column }
    }

    /// Click's landmark, `file:line`; without a line (0) only the file's name.
    pub fn landmark(&self) -> String {
        if self.line == 0 {
            String::from(&*self.file)
        } else if self.file.ends_with(|c: char| c == ':' || c.is_ascii_whitespace()) {
            format!("{}{}", self.file, self.line)
        } else {
            format!("{}:{}", self.file, self.line)
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A place while parsing: the file is an index, so that a token costs no reference count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) file: u32,
    pub(super) line: u32,
    pub(super) column: u32,
}
