//! From the arguments of a Script to its instructions.
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use sluice_dataplane::args::{parse_int, shift_word, split_words, unquote_text};

/// How a script ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum How {
    /// `end`, or the last instruction was passed.
    End,
    /// `exit`.
    Exit,
    /// `stop`: asks the driver to stop.
    Stop,
    /// `error`.
    Error,
}

/// Where a `goto` leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Target {
    /// To an instruction.
    At(usize),
    /// To the end of the script.
    End(How),
}

/// What a text is and what becomes of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Text {
    /// With `$` still in it.
    pub(super) text: String,
    /// Remove a layer of quotes after substitution.
    pub(super) unquote: bool,
}

/// Where `print` writes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Redirect {
    /// File; empty or `-` is standard output.
    pub(super) file: String,
    /// Keeps what is in the file.
    pub(super) append: bool,
}

/// One instruction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Insn {
    /// Before the first instruction, unless that waits: takes the first step.
    Initial,
    /// `pause`, `wait_step`, `wait_stop`: until so many steps were taken.
    WaitStep(u32),
    /// `wait TIME`: until then, or until a step.
    WaitTime(String),
    /// `print` and its like, `save`, `append`.
    Print { text: Text, newline: bool, redirect: Option<Redirect> },
    /// `read`.
    Read(Text),
    /// `write`.
    Write(Text),
    /// `set`: the variable's number and its value.
    Set(usize, Text),
    /// `init` and `export`: done once, at the start.
    Init(usize, Text),
    /// `return`.
    Return(Text),
    /// `label`.
    Label(String),
    /// `goto`, `loop`: target and condition.
    Goto(Target, String),
    /// `end`, `exit`, `stop`, `error` and its message.
    End(How, Option<Text>),
}

/// A script, read.
#[derive(Default, Debug)]
pub(super) struct Program {
    pub(super) insns: Vec<Insn>,
    /// Names of the variables, by number.
    pub(super) names: Vec<String>,
    /// Variables that are read handlers too.
    pub(super) exports: Vec<usize>,
}

impl Program {
    /// Reads the instructions. A driver script ends with `stop`, others with `end`.
    ///
    /// # Errors
    /// All mistakes, in Click's words.
    pub(super) fn parse(args: &[String], driver: bool) -> Result<Program, Vec<String>> {
        let (mut program, mut errors) = (Program::default(), Vec::new());
        let mut gotos = Vec::new();
        for arg in args {
            let (name, rest) = shift_word(arg);
            if name.is_empty() {
                continue;
            }
            match program.insn(name, rest) {
                Ok(insn) => {
                    if program.insns.is_empty() && !matches!(insn, Insn::WaitStep(_) | Insn::WaitTime(_)) {
                        program.insns.push(Insn::Initial);
                    }
                    if let ("goto", (label, _)) = (name, shift_word(rest)) {
                        gotos.push((program.insns.len(), label));
                    }
                    program.insns.push(insn);
                }
                Err(()) => errors.push(format!("syntax error at ‘{name}’")),
            }
        }
        for (at, label) in gotos {
            match program.find_label(label) {
                Some(to) => {
                    if let Insn::Goto(target, _) = &mut program.insns[at] {
                        *target = to;
                    }
                }
                None => errors.push(format!("no such label ‘{label}’")),
            }
        }
        if program.insns.is_empty() {
            program.insns.push(if driver { Insn::WaitStep(1) } else { Insn::Initial });
        }
        program.insns.push(Insn::End(if driver { How::Stop } else { How::End }, None));
        if errors.is_empty() { Ok(program) } else { Err(errors) }
    }

    fn insn(&mut self, name: &str, rest: &str) -> Result<Insn, ()> {
        // Names that end in `q` remove quotes.
        let (base, unquote) = match name.strip_suffix('q') {
            Some(base @ ("error" | "export" | "init" | "print" | "printn" | "read" | "return" | "set" | "write")) => {
                (base, true)
            }
            _ => (name, false),
        };
        let text = |t: &str| Text { text: t.to_string(), unquote };
        let alone = |insn| if rest.is_empty() { Ok(insn) } else { Err(()) };
        Ok(match base {
            "pause" | "wait_step" | "wait_stop" => self.wait_step(rest)?,
            "wait" if rest.is_empty() => self.wait_step(rest)?,
            "wait" | "wait_for" | "wait_time" => Insn::WaitTime(rest.to_string()),
            "print" | "printn" => {
                let (t, redirect) = redirection(rest);
                Insn::Print { text: text(t), newline: base == "print", redirect }
            }
            "save" | "append" => {
                // The handler may have a parameter; the last word is the file.
                let (handler, file) = match split_words(rest).as_slice() {
                    [_, .., file] => (rest.strip_suffix(file).unwrap_or(rest).trim_end(), *file),
                    _ => (rest, ""),
                };
                let redirect = Redirect { file: unquote_text(file), append: base == "append" };
                Insn::Print { text: text(handler), newline: true, redirect: Some(redirect) }
            }
            "read" => Insn::Read(text(rest)),
            "write" => Insn::Write(text(rest)),
            "return" => {
                self.variable("_");
                Insn::Return(text(rest))
            }
            "set" | "init" | "export" => {
                let (var, value) = shift_word(rest);
                if var.is_empty() || (base == "set" && value.is_empty()) {
                    return Err(());
                }
                let var = self.variable(var);
                if base == "export" {
                    self.exports.push(var);
                }
                if base == "set" { Insn::Set(var, text(value)) } else { Insn::Init(var, text(value)) }
            }
            "label" => match shift_word(rest) {
                (word, "") if !word.is_empty() => Insn::Label(word.to_string()),
                _ => return Err(()),
            },
            "goto" => Insn::Goto(Target::At(0), shift_word(rest).1.to_string()),
            "loop" => alone(Insn::Goto(Target::At(0), String::new()))?,
            "end" => alone(Insn::End(How::End, None))?,
            "exit" => alone(Insn::End(How::Exit, None))?,
            "stop" => alone(Insn::End(How::Stop, None))?,
            "error" => Insn::End(How::Error, Some(text(rest))),
            _ => return Err(()),
        })
    }

    fn wait_step(&self, rest: &str) -> Result<Insn, ()> {
        if rest.is_empty() { Ok(Insn::WaitStep(1)) } else { parse_int(rest).map(Insn::WaitStep).map_err(|_| ()) }
    }

    /// The files that are printed to, but for standard output.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        let files = self.insns.iter().filter_map(|i| match i {
            Insn::Print { redirect: Some(r), .. } => Some(&*r.file),
            _ => None,
        });
        files.filter(|file| !matches!(*file, "" | "-"))
    }

    /// A label of the script, else one that every script has. `goto` alone goes to the start.
    pub(super) fn find_label(&self, label: &str) -> Option<Target> {
        let own = self.insns.iter().position(|i| matches!(i, Insn::Label(l) if l == label));
        own.map(Target::At).or(match label {
            "" | "begin" | "loop" => Some(Target::At(0)),
            "end" => Some(Target::End(How::End)),
            "exit" => Some(Target::End(How::Exit)),
            "stop" => Some(Target::End(How::Stop)),
            "error" | "errorq" => Some(Target::End(How::Error)),
            _ => None,
        })
    }

    /// Number of a variable, if there is one of that name.
    pub(super) fn find_variable(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|n| n == name)
    }

    /// Number of a variable, which is made if need be.
    pub(super) fn variable(&mut self, name: &str) -> usize {
        self.find_variable(name).unwrap_or_else(|| {
            self.names.push(name.to_string());
            self.names.len() - 1
        })
    }
}

/// `>FILE` or `>>FILE` at the start of what is to be printed.
fn redirection(text: &str) -> (&str, Option<Redirect>) {
    let Some(rest) = text.strip_prefix('>') else { return (text, None) };
    let (append, rest) = rest.strip_prefix('>').map_or((false, rest), |r| (true, r));
    let (file, text) = shift_word(rest);
    (text, Some(Redirect { file: unquote_text(file), append }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Program, Vec<String>> {
        Program::parse(&args.iter().map(|a| a.to_string()).collect::<Vec<_>>(), false)
    }

    #[test]
    fn labels_are_found_wherever_they_stand() {
        let p = parse(&["goto b $x", "label a", "loop", "label b", "goto exit"]).expect("good");
        assert_eq!(p.insns[1], Insn::Goto(Target::At(4), "$x".into()));
        assert_eq!(p.insns[3], Insn::Goto(Target::At(0), String::new()));
        assert_eq!(p.insns[5], Insn::Goto(Target::End(How::Exit), String::new()));
    }

    #[test]
    fn every_mistake_is_reported() {
        let errors = parse(&["set x", "frob", "goto nowhere", "pause x", "end now", ""]).expect_err("bad");
        let expected = ["‘set’", "‘frob’", "‘pause’", "‘end’"].map(|e| format!("syntax error at {e}"));
        assert_eq!(errors[..4], expected);
        assert_eq!(errors[4], "no such label ‘nowhere’");
    }

    #[test]
    fn printing_may_be_redirected() {
        let file = |append| Some(Redirect { file: "f x".into(), append });
        assert_eq!(redirection(">\"f x\" c.count"), ("c.count", file(false)));
        assert_eq!(redirection(">> 'f x' $y z"), ("$y z", file(true)));
        let p = parse(&["save c.count /tmp/x"]).expect("good");
        assert!(matches!(&p.insns[1], Insn::Print { redirect: Some(r), newline: true, .. } if r.file == "/tmp/x"));
        let p = parse(&["append r.lookup 10.0.0.1 -"]).expect("good");
        let Insn::Print { text, redirect: Some(to), .. } = &p.insns[1] else { panic!("not printed") };
        assert_eq!((&*text.text, &*to.file, to.append), ("r.lookup 10.0.0.1", "-", true));
    }
}
