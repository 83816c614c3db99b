//! What a script asks others: values for the texts of its instructions, readings and writes; and
//! what it says when they fail.
use super::expand::{Reference, expand};
use super::parse::{Target, Text};
use super::run::{Answer, Cause, Frame, Runner};
use super::{files, functions};
use alloc::format;
use alloc::string::{String, ToString};
use sluice_dataplane::args::{parse_int, shift_word, split_words, unquote_text};
use sluice_dataplane::context::{Context, Stream};
use sluice_dataplane::handler::{Call, HandlerError, Reply};

/// Longest text that substitution may give, bytes: variables that double must end somewhere.
const LONGEST: usize = 4 << 20;
/// What `$?` is after a write that failed: Click's -EINVAL.
const FAILED: i32 = -22;

impl Runner {
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.vars.iter().find(|v| v.0 == name).map(|v| &*v.1)
    }

    pub(super) fn set_variable(&mut self, name: &str, value: String) {
        match self.vars.iter_mut().find(|v| v.0 == name) {
            Some(v) => v.1 = value,
            None => self.vars.push((name.to_string(), value)),
        }
    }

    /// The handlers `get`, `set` and `shift`. `f` is the frame that runs, if one does.
    fn variable_handler(&mut self, f: Option<&mut Frame>, what: &str, text: &str) -> Reply {
        let (name, value) = shift_word(text);
        let name = if name.is_empty() && what == "shift" { "args" } else { name };
        if name.is_empty() {
            return Err("no variable".into());
        }
        if !value.is_empty() && what != "set" {
            return Err("too many arguments".into());
        }
        if what == "set" && name != "args" && self.variable(name).is_none() {
            self.set_variable(name, String::new());
        }
        let known = self.vars.iter_mut().find(|v| v.0 == name).map(|v| &mut v.1);
        let variable = match f {
            Some(f) if name == "args" => Some(&mut f.args),
            None if name == "args" => self.frames.last_mut().map(|f| &mut f.args),
            _ => known,
        };
        let Some(variable) = variable else { return Err(format!("undefined variable ‘{name}’").into()) };
        Ok(match what {
            "get" => variable.clone(),
            "set" => {
                *variable = value.to_string();
                String::new()
            }
            _ => {
                let (word, rest) = shift_word(variable);
                let word = word.to_string();
                *variable = rest.to_string();
                word
            }
        })
    }

    /// The same, called from outside.
    pub(super) fn variable_call(&mut self, what: &str, text: &str) -> Reply {
        self.variable_handler(None, what, text)
    }

    /// An instruction's text with everything put in.
    pub(super) fn text(&mut self, cx: &mut Context<'_>, f: &mut Frame, text: &Text) -> Result<String, Call> {
        let value = self.expand(cx, f, &text.text, false)?;
        Ok(if text.unquote { unquote_text(&value) } else { value })
    }

    pub(super) fn expand(
        &mut self,
        cx: &mut Context<'_>,
        f: &mut Frame,
        text: &str,
        quote: bool,
    ) -> Result<String, Call> {
        if !text.contains('$') {
            return Ok(text.to_string());
        }
        let mut room = LONGEST;
        let value = expand(text, quote, &mut |reference| {
            let value = self.look_up(cx, f, reference)?;
            let taken = value.as_ref().map_or(0, String::len);
            if taken > room {
                self.report(cx, f, "text too long");
                return Ok(Some(String::new()));
            }
            room -= taken;
            Ok(value)
        })?;
        Ok(value)
    }

    /// What a reference stands for. All that was looked up is noted in the frame's log.
    fn look_up(&mut self, cx: &mut Context<'_>, f: &mut Frame, r: Reference<'_>) -> Result<Option<String>, Call> {
        f.cursor += 1;
        if let Some(Answer::Text(known)) = f.log.get(f.cursor - 1) {
            return Ok(known.clone());
        }
        let (name, is_call) = match r {
            Reference::Name(n) => (n, false),
            Reference::Call(c) => (c, true),
        };
        let mut value = self.variable(name).map(str::to_string).or_else(|| self.special(f, name));
        if value.is_none() && is_call {
            let (handler, parameter) = shift_word(name);
            let handler = unquote_text(handler);
            match self.own_read(cx, f, &handler, parameter) {
                Some(Ok(text)) => value = Some(text),
                Some(Err(why)) => {
                    self.report(cx, f, &why.to_string());
                    value = Some(String::new());
                }
                None => {
                    f.own_call = false;
                    f.cursor -= 1;
                    return Err(Call::read(target(cx, &handler), parameter));
                }
            }
        }
        f.log.push(Answer::Text(value.clone()));
        Ok(value)
    }

    fn special(&self, f: &Frame, name: &str) -> Option<String> {
        Some(match name {
            "?" => self.status.to_string(),
            "args" => f.args.clone(),
            "$" => files::pid().to_string(),
            "0" => f.handler.clone(),
            "#" => split_words(&f.args).len().to_string(),
            "write" => f.write.to_string(),
            n => {
                let n: usize = n.parse().ok().filter(|n| *n > 0)?;
                split_words(&f.args).get(n - 1).map_or(String::new(), |w| w.to_string())
            }
        })
    }

    /// A read handler that the script answers at once.
    fn own_read(&mut self, cx: &mut Context<'_>, f: &mut Frame, path: &str, parameter: &str) -> Option<Reply> {
        let name = own_handler(cx, path)?;
        match name {
            "get" | "shift" => Some(self.variable_handler(Some(f), name, parameter)),
            _ if functions::exists(name, true) => {
                Some(functions::compute(cx, &self.confinement, name, parameter).map_err(HandlerError::from))
            }
            _ => None,
        }
    }

    /// The instruction's own call of a read handler: its full name and the reading; nothing after
    /// an error.
    pub(super) fn read(
        &mut self,
        cx: &mut Context<'_>,
        f: &mut Frame,
        call: &str,
        unquote: bool,
    ) -> Result<Option<(String, String)>, Call> {
        let (path, value) = shift_word(call);
        let path = unquote_text(path);
        let value = if unquote { unquote_text(value) } else { value.to_string() };
        let at = target(cx, &path);
        let reply = match f.log.get(f.cursor) {
            Some(Answer::Reply(reply)) => reply.clone(),
            _ => match self.own_read(cx, f, &path, &value) {
                Some(reply) => reply,
                None => {
                    f.own_call = true;
                    return Err(Call::read(at, value));
                }
            },
        };
        let name = cx.find_handler(&at).map_or(at.clone(), |found| found.0);
        Ok(match reply {
            Ok(text) => Some((name, text)),
            Err(why) => {
                self.report_call(cx, f, &why, &path, "read", &name, &value);
                None
            }
        })
    }

    /// The instruction's own call of a write handler.
    pub(super) fn write(&mut self, cx: &mut Context<'_>, f: &mut Frame, call: &str, unquote: bool) -> Result<(), Call> {
        let (path, value) = shift_word(call);
        let path = unquote_text(path);
        let value = if unquote { unquote_text(value) } else { value.to_string() };
        let at = target(cx, &path);
        let reply = match (f.log.get(f.cursor), own_handler(cx, &path)) {
            (Some(Answer::Reply(reply)), _) => reply.clone(),
            (_, Some("set")) => self.variable_handler(Some(f), "set", &value),
            (_, Some("step")) => match parse_int::<u32>(if value.trim().is_empty() { "1" } else { value.trim() }) {
                Ok(n) => {
                    f.left = f.left.saturating_add(n.into());
                    Ok(String::new())
                }
                Err(_) => Err("syntax error".into()),
            },
            (_, Some("goto")) => match self.program.find_label(value.trim()) {
                Some(Target::At(to)) => {
                    self.waits.iter_mut().skip(to).for_each(|w| *w = 0);
                    (f.pos, f.moved) = (to, true);
                    Ok(String::new())
                }
                _ => Err("jump to nonexistent label".into()),
            },
            _ => {
                f.own_call = true;
                return Err(Call::write(at, value));
            }
        };
        match reply {
            Ok(_) => self.status = 0,
            Err(why) => {
                if matches!(why, HandlerError::Failed(_)) {
                    self.status = FAILED;
                }
                let name = cx.find_handler(&at).map_or(at, |found| found.0);
                self.report_call(cx, f, &why, &path, "write", &name, &value);
            }
        }
        Ok(())
    }

    /// Reports an error: to the caller of a handler, else on standard error under a heading.
    pub(super) fn report(&self, cx: &mut Context<'_>, f: &mut Frame, message: &str) {
        f.failed = true;
        if message.is_empty() {
            return;
        }
        if f.cause == Cause::Handler {
            return f.errors.push(message.to_string());
        }
        let mut text = String::new();
        let indent = if f.cause == Cause::Driver { "" } else { "  " };
        if !f.headed && !indent.is_empty() {
            text = format!("While executing ‘{} :: {}’:\n", cx.name(), cx.class());
            f.headed = true;
        }
        for line in message.lines() {
            text.push_str(&format!("{indent}{line}\n"));
        }
        cx.print(Stream::Err, &text);
    }

    /// Reports that a call of the instruction failed.
    #[allow(clippy::too_many_arguments)] // the parts of one message
    fn report_call(
        &self,
        cx: &mut Context<'_>,
        f: &mut Frame,
        why: &HandlerError,
        path: &str,
        what: &str,
        name: &str,
        value: &str,
    ) {
        f.failed = true;
        let HandlerError::Failed(why) = why else { return self.report(cx, f, &missing(why, path, what)) };
        if why.is_empty() {
            return;
        }
        let call = if value.is_empty() { name.to_string() } else { format!("{name} {value}") };
        let lines = why.lines().map(|l| format!("\n  {l}")).collect::<String>();
        self.report(cx, f, &format!("While calling ‘{call}’:{lines}"));
    }
}

/// Why a handler could not be called at all, in Click's words.
pub(super) fn missing(why: &HandlerError, path: &str, what: &str) -> String {
    match why {
        HandlerError::NoHandler(_) | HandlerError::NotReadable(_) | HandlerError::NotWritable(_) => {
            format!("no ‘{path}’ {what} handler")
        }
        other => other.to_string(),
    }
}

/// The last part of the script's name, by which it is found from where it is.
fn own_name<'c>(cx: &'c Context<'_>) -> &'c str {
    cx.name().rsplit('/').next().unwrap_or_default()
}

/// The handler of this script that a path may mean: `handler` or `script.handler`.
fn own_handler<'p>(cx: &Context<'_>, path: &'p str) -> Option<&'p str> {
    match path.split_once('.') {
        None => Some(path),
        Some((element, handler)) => (element == own_name(cx) || element == cx.name()).then_some(handler),
    }
}

/// The path that the engine is asked for: without a dot the script's own handlers come first.
fn target(cx: &Context<'_>, path: &str) -> String {
    if !path.contains('.') {
        let own = format!("{}.{path}", own_name(cx));
        if cx.find_handler(&own).is_ok() {
            return own;
        }
    }
    path.to_string()
}
