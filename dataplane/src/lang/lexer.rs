//! Text to tokens. Configuration strings, the part between a class and its closing parenthesis,
//! are not tokens: the parser asks for them with [`Lexer::config`].

use super::{place::Spot, sink::Sink};
use crate::args::{
    split::{cut, is_space, skip_backslash, skip_comment, skip_quote},
    unquote_text,
};
use alloc::{string::String, vec::Vec};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ident,
    Variable,
    Arrow,
    DoubleArrow,
    Colons,
    Bars,
    Dots,
    ElementClass,
    Require,
    Provide,
    Define,
    Char(char),
    End,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'s> {
    pub(super) kind: Kind,
    /// The text; of a variable without its dollar.
    pub(super) text: &'s str,
    pub(super) at: Spot,
}

impl Token<'_> {
    pub(super) fn is(&self, c: char) -> bool {
        self.kind == Kind::Char(c)
    }
}

pub(super) struct Lexer<'s> {
    text: &'s str,
    pos: usize,
    spot: Spot,
    original: u32,
    pushed: Vec<Token<'s>>,
    /// Where the last token ended.
    pub(super) last_end: Spot,
    /// What the last configuration string left open, and where that began.
    pub(super) unterminated: Option<(&'static str, Spot)>,
}

fn is_word(c: u8) -> bool {
    c.is_ascii_alphanumeric() || c == b'_' || c == b'@'
}

impl<'s> Lexer<'s> {
    pub(super) fn new(text: &'s str, file: u32) -> Self {
        let spot = Spot { file, line: 1, column: 1 };
        Lexer { text, pos: 0, spot, original: file, pushed: Vec::new(), last_end: spot, unterminated: None }
    }

    pub(super) fn spot(&self) -> Spot {
        self.spot
    }

    pub(super) fn unlex(&mut self, t: Token<'s>) {
        self.pushed.push(t);
    }

    /// The next token; at the end of the text `End`, again and again.
    pub(super) fn lex(&mut self, sink: &mut Sink) -> Token<'s> {
        self.pushed.pop().unwrap_or_else(|| {
            self.blanks(sink);
            let (kind, len) = self.measure();
            let at = self.spot;
            let text = cut(self.text, self.pos, self.pos + len);
            self.advance(self.pos + len);
            self.last_end = self.spot;
            Token { kind, text: if kind == Kind::Variable { &text[1..] } else { text }, at }
        })
    }

    /// Moves on to `to`, counting lines and columns.
    fn advance(&mut self, to: usize) {
        let b = self.text.as_bytes();
        let to = to.min(b.len());
        for i in self.pos..to {
            match b[i] {
                b'\n' => self.newline(),
                b'\r' if b.get(i + 1) != Some(&b'\n') => self.newline(),
                0x80..=0xbf => {}
                _ => self.spot.column = self.spot.column.saturating_add(1),
            }
        }
        self.pos = self.pos.max(to);
    }

    fn newline(&mut self) {
        self.spot.line = self.spot.line.wrapping_add(1);
        self.spot.column = 1;
    }

    fn at_line_start(&self, i: usize) -> bool {
        i == 0 || matches!(self.text.as_bytes()[i - 1], b'\n' | b'\r')
    }

    /// Skips spaces, comments and line directives.
    fn blanks(&mut self, sink: &mut Sink) {
        let b = self.text.as_bytes();
        while self.pos < b.len() {
            let i = self.pos;
            if is_space(b[i]) {
                self.advance(i + 1);
            } else if b[i] == b'/' && matches!(b.get(i + 1), Some(b'/' | b'*')) {
                let (end, closed) = skip_comment(b, i);
                if !closed {
                    sink.warning(self.spot, "unterminated comment");
                }
                self.advance(end);
            } else if b[i] == b'#' && self.at_line_start(i) {
                self.directive(sink);
            } else {
                return;
            }
        }
    }

    /// `# 12 "file"` or `#line 12 "file"`: the next line is line 12 of that file.
    fn directive(&mut self, sink: &mut Sink) {
        let (b, start) = (self.text.as_bytes(), self.pos);
        let end = b[start..].iter().position(|c| matches!(c, b'\n' | b'\r')).map_or(b.len(), |n| start + n);
        let mut line = cut(self.text, start + 1, end).trim_start_matches([' ', '\t']);
        if let Some(rest) = line.strip_prefix("line").filter(|r| r.starts_with([' ', '\t'])) {
            line = rest.trim_start_matches([' ', '\t']);
        }
        let digits = line.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            sink.error(self.spot, "unknown preprocessor directive");
            return self.advance(end);
        }
        let number = line[..digits].bytes().fold(0u32, |n, d| n.wrapping_mul(10).wrapping_add(u32::from(d - b'0')));
        let rest = line[digits..].trim_start_matches([' ', '\t']);
        self.advance(end);
        // The end of this line still counts as one.
        self.spot.line = number.wrapping_sub(1);
        if rest.starts_with('"') {
            let name = unquote_text(cut(rest, 0, skip_quote(rest.as_bytes(), 0).0));
            self.spot.file = if name.is_empty() { self.original } else { sink.file(&name) };
        }
    }

    /// Kind and length of the token that starts here.
    fn measure(&self) -> (Kind, usize) {
        let rest = &self.text[self.pos..];
        let b = rest.as_bytes();
        let Some(first) = rest.chars().next() else { return (Kind::End, 0) };
        if is_word(b[0]) {
            let mut n = 1;
            while b.get(n).is_some_and(|c| is_word(*c) || (*c == b'/' && b.get(n + 1).is_some_and(|c| is_word(*c)))) {
                n += 1;
            }
            let kind = match &rest[..n] {
                "elementclass" => Kind::ElementClass,
                "require" => Kind::Require,
                "provide" => Kind::Provide,
                "define" => Kind::Define,
                _ => Kind::Ident,
            };
            return (kind, n);
        }
        if b[0] == b'$' {
            let n = b[1..].iter().take_while(|c| c.is_ascii_alphanumeric() || **c == b'_').count();
            return (Kind::Variable, n + 1);
        }
        let long = [("->", Kind::Arrow), ("=>", Kind::DoubleArrow), ("::", Kind::Colons), ("||", Kind::Bars)];
        if let Some((_, kind)) = long.iter().find(|(text, _)| rest.starts_with(text)) {
            return (*kind, 2);
        }
        if rest.starts_with("...") {
            return (Kind::Dots, 3);
        }
        (Kind::Char(first), first.len_utf8())
    }

    /// The configuration string from here to its closing parenthesis, which is not read. Line
    /// directives inside are obeyed and removed.
    pub(super) fn config(&mut self, sink: &mut Sink) -> String {
        let b = self.text.as_bytes();
        self.unterminated = None;
        let mut out = String::new();
        let (mut copied, mut i, mut level) = (self.pos, self.pos, 1usize);
        while i < b.len() {
            let (end, what) = match b[i] {
                b'(' => {
                    level += 1;
                    (i + 1, None)
                }
                b')' => {
                    level -= 1;
                    if level == 0 {
                        break;
                    }
                    (i + 1, None)
                }
                b'#' if self.at_line_start(i) => {
                    out.push_str(cut(self.text, copied, i));
                    self.advance(i);
                    self.directive(sink);
                    copied = self.pos;
                    (self.pos, None)
                }
                b'/' if matches!(b.get(i + 1), Some(b'/' | b'*')) => {
                    let (end, closed) = skip_comment(b, i);
                    (end, (!closed).then_some("comment"))
                }
                b'\'' | b'"' => {
                    let (end, closed) = skip_quote(b, i);
                    (end, (!closed).then_some("string"))
                }
                b'\\' if b.get(i + 1) == Some(&b'<') => {
                    let (end, closed) = skip_backslash(b, i);
                    (end, (!closed).then_some("data string"))
                }
                _ => (i + 1, None),
            };
            if let Some(what) = what {
                self.advance(i);
                self.unterminated = Some((what, self.spot));
            }
            i = end.min(b.len());
        }
        self.advance(i);
        self.last_end = self.spot;
        out.push_str(cut(self.text, copied, i));
        out
    }
}
