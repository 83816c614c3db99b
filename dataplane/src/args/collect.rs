//! [`Args`]: handing out the arguments of one element and collecting its mistakes.

use super::{FromArg, NameDb, keyword_of, split_args};
use crate::lang::{Diagnostic, Place, did_you_mean};
use alloc::{format, string::String, vec::Vec};

/// What is wrong with an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgError {
    /// Click's message, with the argument's name if it has one: `LIMIT: invalid number`.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl ArgError {
    /// The same as a diagnostic of the element `name :: class` that is declared at `at`.
    pub fn into_diagnostic(self, at: Option<Place>, name: &str, class: &str) -> Diagnostic {
        Diagnostic::error(at, self.message).hint(self.hint).configuring(name, class)
    }
}

/// What an element asked for, to tell the user what it takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Required,
    Optional,
    RequiredKeyword,
    Keyword,
    Rest,
}

struct Arg {
    text: String,
    /// Length of the word that may be a keyword, 0 if none.
    keyword: usize,
    used: Used,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Used {
    No,
    ByPosition,
    /// By keyword. Positional arguments end here.
    ByKeyword,
}

impl Arg {
    fn free(&self) -> bool {
        self.used == Used::No
    }

    fn key(&self) -> &str {
        self.text.get(..self.keyword).unwrap_or_default()
    }

    fn value(&self) -> &str {
        if self.keyword > 0 { keyword_of(&self.text).map_or("", |(_, v)| v) } else { &self.text }
    }
}

/// The arguments of one element.
///
/// Ask in the order in which arguments may be given by position. The last of several arguments
/// with the same keyword counts, as in Click.
pub struct Args<'a> {
    names: &'a NameDb,
    args: Vec<Arg>,
    /// Before this one all arguments are used.
    first_free: usize,
    asked: Vec<(&'static str, Asked)>,
    errors: Vec<ArgError>,
}

impl<'a> Args<'a> {
    /// Takes a configuration string apart. `names` is what the element sees:
    /// [`NameDb::for_element`].
    pub fn new(config: &str, names: &'a NameDb) -> Self {
        Self::from_list(split_args(config), names)
    }

    /// The same for arguments that are separated already.
    pub fn from_list(list: Vec<String>, names: &'a NameDb) -> Self {
        let args = list.into_iter().map(|text| {
            let keyword = keyword_of(&text).map_or(0, |(k, _)| k.len());
            Arg { text, keyword, used: Used::No }
        });
        Args { names, args: args.collect(), first_free: 0, asked: Vec::new(), errors: Vec::new() }
    }

    /// The names that arguments may use.
    pub fn names(&self) -> &'a NameDb {
        self.names
    }

    /// A mandatory argument, by position or keyword. Missing, it is an error.
    pub fn required<T: FromArg>(&mut self, name: &'static str) -> T {
        self.ask(name, Asked::Required).unwrap_or_else(T::blank)
    }

    /// A mandatory argument, by keyword only.
    pub fn required_keyword<T: FromArg>(&mut self, name: &'static str) -> T {
        self.ask(name, Asked::RequiredKeyword).unwrap_or_else(T::blank)
    }

    /// An optional argument, by position or keyword.
    pub fn optional<T: FromArg>(&mut self, name: &'static str, default: T) -> T {
        self.ask(name, Asked::Optional).unwrap_or(default)
    }

    /// An optional argument, by keyword only.
    pub fn keyword<T: FromArg>(&mut self, name: &'static str, default: T) -> T {
        self.ask(name, Asked::Keyword).unwrap_or(default)
    }

    /// Like [`Args::optional`], telling whether it was given.
    pub fn optional_some<T: FromArg>(&mut self, name: &'static str) -> Option<T> {
        self.ask(name, Asked::Optional)
    }

    /// Like [`Args::keyword`], telling whether it was given.
    pub fn keyword_some<T: FromArg>(&mut self, name: &'static str) -> Option<T> {
        self.ask(name, Asked::Keyword)
    }

    /// All values of a keyword that may be given several times, in order.
    pub fn keyword_all<T: FromArg>(&mut self, name: &'static str) -> Vec<T> {
        self.asked.push((name, Asked::Keyword));
        let texts: Vec<String> = self
            .args
            .iter_mut()
            .filter(|a| a.free() && a.keyword > 0 && a.key() == name)
            .map(|a| {
                a.used = Used::ByKeyword;
                a.value().into()
            })
            .collect();
        texts.iter().filter_map(|t| self.read(name, t)).collect()
    }

    /// Forgets the arguments that are taken, so that the others count as if those had not been there:
    /// positional arguments may then follow keywords (`TABLE t, 10.0.0.1`). For elements that Click
    /// lets read their keywords first.
    pub fn consume(&mut self) {
        self.args.retain(Arg::free);
        self.first_free = 0;
    }

    /// Accepts a keyword and throws its value away.
    pub fn ignore(&mut self, name: &'static str) {
        self.asked.push((name, Asked::Keyword));
        self.take(name, Asked::Keyword);
    }

    /// Whether an argument with this keyword is there and not yet taken.
    pub fn has(&self, name: &str) -> bool {
        self.args.iter().any(|a| a.free() && a.keyword > 0 && a.key() == name)
    }

    /// How many arguments are not yet taken.
    pub fn left(&self) -> usize {
        self.args.iter().filter(|a| a.free()).count()
    }

    /// All arguments that are left, as written, also those that look like keywords: the rules of
    /// a filter, the routes of a table. Ask for the keywords first.
    pub fn rest_strings(&mut self) -> Vec<String> {
        self.asked.push(("...", Asked::Rest));
        let left = self.args.iter_mut().filter(|a| a.free());
        left.map(|a| {
            a.used = Used::ByPosition;
            core::mem::take(&mut a.text)
        })
        .collect()
    }

    /// All arguments that are left and do not look like keywords, each read as `T`.
    pub fn all_positional<T: FromArg>(&mut self, name: &'static str) -> Vec<T> {
        self.asked.push((name, Asked::Rest));
        let left = self.args.iter_mut().filter(|a| a.free() && a.keyword == 0);
        let texts: Vec<String> = left
            .map(|a| {
                a.used = Used::ByPosition;
                core::mem::take(&mut a.text)
            })
            .collect();
        texts.iter().filter_map(|t| self.read(name, t)).collect()
    }

    /// Reports a mistake that only the element can see, such as two arguments that do not go together.
    pub fn error(&mut self, message: impl Into<String>) {
        self.errors.push(ArgError { message: message.into(), hint: None });
    }

    /// Reports a mistake of one argument: `NAME: message`.
    pub fn error_in(&mut self, name: &str, message: &str) {
        self.error(format!("{name}: {message}"));
    }

    fn ask<T: FromArg>(&mut self, name: &'static str, asked: Asked) -> Option<T> {
        self.asked.push((name, asked));
        match self.take(name, asked) {
            Some(text) => self.read(name, &text),
            None => {
                if matches!(asked, Asked::Required | Asked::RequiredKeyword) {
                    self.error_in(name, "required argument missing");
                }
                None
            }
        }
    }

    fn read<T: FromArg>(&mut self, name: &str, text: &str) -> Option<T> {
        T::from_arg(text, self.names).map_err(|e| self.error_in(name, &e)).ok()
    }

    /// The text of an argument, which is used from then on.
    fn take(&mut self, name: &str, asked: Asked) -> Option<String> {
        let mut got: Option<(usize, String)> = None;
        for (i, a) in self.args.iter_mut().enumerate() {
            if a.free() && a.keyword > 0 && a.key() == name {
                a.used = Used::ByKeyword;
                got = Some((i, a.value().into()));
            }
        }
        if matches!(asked, Asked::Required | Asked::Optional) {
            // An argument without keyword is the next by position. A mandatory argument that is
            // missing otherwise takes the next one even if it looks like a keyword: `foo bar`.
            let taken = self.args[self.first_free..].iter().take_while(|a| a.used == Used::ByPosition);
            self.first_free += taken.count();
            if let Some(a) = self.args.get_mut(self.first_free)
                && a.free()
                && (a.keyword == 0 || (asked == Asked::Required && got.is_none()))
            {
                a.used = Used::ByPosition;
                if got.as_ref().is_none_or(|(i, _)| *i < self.first_free) {
                    got = Some((self.first_free, core::mem::take(&mut a.text)));
                }
            }
        }
        got.map(|(_, text)| text)
    }

    /// Everything that was wrong.
    ///
    /// # Errors
    /// Bad and missing arguments in the order they were asked for, then arguments that nobody
    /// asked for.
    pub fn finish(mut self) -> Result<(), Vec<ArgError>> {
        let mut too_many = false;
        for a in self.args.iter().filter(|a| a.free()) {
            if a.keyword == 0 {
                too_many = true;
                continue;
            }
            let known = self.asked.iter().filter(|(_, how)| *how != Asked::Rest).map(|(name, _)| *name);
            let hint = did_you_mean(a.key(), known).or_else(|| self.expected());
            self.errors.push(ArgError { message: format!("{}: unknown argument", a.key()), hint });
        }
        if too_many {
            let hint = self.expected();
            self.errors.push(ArgError { message: "too many arguments".into(), hint });
        }
        if self.errors.is_empty() { Ok(()) } else { Err(self.errors) }
    }

    /// What the element takes: `expected ‘LIMIT, [BURST], [keywords STOP]’`.
    fn expected(&self) -> Option<String> {
        let mut parts: Vec<String> = Vec::new();
        let mut keywords: Vec<&str> = Vec::new();
        for (name, asked) in &self.asked {
            match asked {
                Asked::Required => parts.push((*name).into()),
                Asked::Optional => parts.push(format!("[{name}]")),
                Asked::Rest => parts.push("...".into()),
                Asked::RequiredKeyword => parts.push(format!("{name} value")),
                Asked::Keyword => keywords.push(name),
            }
        }
        if !keywords.is_empty() {
            parts.push(format!("[keywords {}]", keywords.join(", ")));
        }
        Some(if parts.is_empty() {
            "expected no arguments".into()
        } else {
            format!("expected ‘{}’", parts.join(", "))
        })
    }
}
