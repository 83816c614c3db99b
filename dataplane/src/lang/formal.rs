//! Parameters of compound elements: declaring them, and assigning arguments to them.

use super::{
    body::{Body, Formal},
    lexer::{Kind, Lexer},
    parser::Parser,
    place::Spot,
};
use crate::args::{keyword_of, split_args};
use alloc::{format, string::String, vec, vec::Vec};

const REST: &str = "__REST__";
/// How many parameters a compound may have; Click allows far fewer.
const MOST: usize = 1000;

impl Parser<'_> {
    /// `$a, KEY $b, __REST__ $c |`
    pub(super) fn formals(&mut self, lx: &mut Lexer<'_>) {
        loop {
            let mut t = lx.lex(&mut self.sink);
            let mut keyword = "";
            if t.kind == Kind::Ident {
                let next = lx.lex(&mut self.sink);
                if next.kind != Kind::Variable {
                    if !self.body.formals.is_empty() {
                        self.sink.error(t.at, "expected variable");
                    }
                    lx.unlex(next);
                    return lx.unlex(t);
                }
                keyword = t.text;
                t = next;
            } else if t.is('|') {
                return;
            } else if t.kind != Kind::Variable {
                if !self.body.formals.is_empty() {
                    self.sink.error(t.at, "expected variable");
                }
                return lx.unlex(t);
            }
            self.formal(t.text, keyword, t.at);
            let separator = lx.lex(&mut self.sink);
            if separator.is('|') {
                return;
            }
            if !separator.is(',') {
                self.sink.error(separator.at, "expected ‘,’ or ‘|’");
                return lx.unlex(separator);
            }
        }
    }

    /// Notes a variable's name; reports it if that is the second time.
    pub(super) fn multiply_defined(&mut self, name: &str, at: Spot) -> bool {
        let new = self.body.vars.insert(name.into());
        if !new {
            self.sink.error(at, format!("parameter ‘${name}’ multiply defined"));
        }
        !new
    }

    fn formal(&mut self, name: &str, keyword: &str, at: Spot) {
        if self.body.formals.len() == MOST {
            return self.sink.error(at, "too many compound element parameters");
        }
        if self.multiply_defined(name, at) {
            return;
        }
        if !keyword.is_empty() && self.body.formals.iter().any(|f| f.keyword == keyword) {
            self.sink.error(at, format!("repeated keyword parameter ‘{keyword}’ in compound element"));
        }
        let last = self.body.formals.last().map_or("", |f| &f.keyword);
        if (keyword.is_empty() && !last.is_empty()) || last == REST {
            let message = "compound element parameters out of order\n\
                           (The correct order is ‘[positional], [keywords], [__REST__]’.)";
            self.sink.error(at, message);
        }
        self.body.formals.push(Formal { name: name.into(), keyword: keyword.into() });
    }
}

impl Body {
    /// The values of the parameters for a configuration string, in their order; `None` if the
    /// arguments do not fit. Positional parameters come first and are all needed, then keywords,
    /// all needed too; `__REST__` takes what is left.
    pub(super) fn assign(&self, config: &str) -> Option<Vec<String>> {
        let args = split_args(config);
        let positional = self.formals.iter().take_while(|f| f.keyword.is_empty()).count();
        let rest = self.formals.last().is_some_and(|f| f.keyword == REST);
        let keywords = &self.formals[positional..self.formals.len() - usize::from(rest)];
        if args.len() < positional {
            return None;
        }
        let mut args = args.into_iter();
        let mut values: Vec<String> = args.by_ref().take(positional).collect();
        let mut named: Vec<Option<String>> = vec![None; keywords.len()];
        let mut others = vec![];
        for arg in args {
            let named_by = keyword_of(&arg).and_then(|(k, v)| {
                let i = keywords.iter().position(|f| f.keyword == k)?;
                Some((i, String::from(v)))
            });
            match named_by {
                Some((i, value)) => named[i] = Some(value),
                None if rest => others.push(arg),
                None => return None,
            }
        }
        for value in named {
            values.push(value?);
        }
        if rest {
            values.push(others.join(", "));
        }
        Some(values)
    }

    /// Name, parameters and ports, as Click lists the candidates of an overloaded class.
    pub(super) fn signature(&self) -> String {
        let shown = self.formals.iter().map(|f| match &*f.keyword {
            "" => "<arg>",
            REST => "...",
            keyword => keyword,
        });
        let shown: Vec<&str> = shown.collect();
        let args = if shown.is_empty() { String::new() } else { format!("({})", shown.join(", ")) };
        format!("{}{args}[{}]", self.printable_name(), ports(self.ports))
    }

    /// The same of a use: how many arguments and ports it has.
    pub(super) fn use_signature(&self, args: usize, used: [u32; 2]) -> String {
        let args = if args > 0 { format!("{}, ", count(args, "argument")) } else { String::new() };
        format!("{}[{args}{}]", self.printable_name(), ports(used))
    }
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn ports(n: [u32; 2]) -> String {
    format!("{}, {}", count(n[0] as usize, "input"), count(n[1] as usize, "output"))
}
