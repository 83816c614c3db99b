//! `define`, `require` and `provide`.

use super::{
    Library, Requirement,
    lexer::Lexer,
    parser::{DEEPEST, Parser},
    place::Spot,
};
use crate::args::{is_word, shift_word, split_args, split_words, unquote_text};
use alloc::{format, string::String, vec::Vec};

impl Parser<'_> {
    /// `define($NAME value, ...)`
    pub(super) fn define(&mut self, lx: &mut Lexer<'_>) {
        let Some((args, at)) = self.parenthesized(lx) else { return };
        for arg in split_args(&args) {
            let (var, value) = shift_word(&arg);
            let name = var.strip_prefix('$').unwrap_or_default();
            if name.is_empty() || !name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_') {
                if !arg.is_empty() {
                    self.sink.error(at, "bad ‘define’ declaration: not a variable");
                }
            } else if !self.multiply_defined(name, at) {
                self.body.defines.push((name.into(), value.into()));
            }
        }
    }

    fn parenthesized(&mut self, lx: &mut Lexer<'_>) -> Option<(String, Spot)> {
        if !self.expect(lx, '(', None) {
            return None;
        }
        let at = lx.last_end;
        let text = lx.config(&mut self.sink);
        self.expect(lx, ')', Some(at));
        Some((text, at))
    }

    pub(super) fn provide(&mut self, lx: &mut Lexer<'_>) {
        if let Some((args, _)) = self.parenthesized(lx) {
            let names = split_args(&args);
            self.provides.extend(names.iter().filter(|n| !n.is_empty()).map(|n| unquote_text(n)));
        }
    }

    /// `require(package x, library y, compact_config)`, or `require(x)` for a package.
    pub(super) fn require(&mut self, lx: &mut Lexer<'_>) {
        let Some((args, at)) = self.parenthesized(lx) else { return };
        for arg in split_args(&args) {
            let words = split_words(&arg);
            let words: Vec<String> = words.into_iter().map(unquote_text).collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match words[..] {
                [] => {}
                ["compact_config"] => self.requirements.push(Requirement::new("compact_config", "")),
                ["library", file] => self.library(file, at),
                ["package", name] => self.requirements.push(Requirement::new("package", name)),
                [name] if name != "package" && name != "library" && is_word(name) => {
                    self.requirements.push(Requirement::new("package", name));
                }
                _ => self.sink.error(at, "syntax error at requirement"),
            }
        }
    }

    fn library(&mut self, name: &str, at: Spot) {
        if self.body.depth > 0 {
            return self.sink.error(at, "‘require library’ must be used at file scope");
        }
        let Some(loader) = self.loader.as_deref_mut() else {
            return self.sink.error(at, "‘require library’ may not be used in this driver");
        };
        let Library { path, text } = match loader.load(name, &self.sink.place(at).file) {
            Ok(Some(library)) => library,
            Ok(None) => return self.sink.error(at, format!("library ‘{name}’ not found in CLICKPATH/conf")),
            Err(message) => return self.sink.error(at, message),
        };
        if self.loaded.contains(&path) {
            return;
        }
        self.loaded.push(path.clone());
        if self.nesting >= DEEPEST {
            return self.sink.error(at, "libraries require each other too deeply");
        }
        self.nesting += 1;
        self.file(&text, &path);
        self.nesting -= 1;
    }
}
