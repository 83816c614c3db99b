//! The ControlSocket protocol 1.3, on any pair of byte streams. Its description is the manual of
//! Click's element ControlSocket.
use super::Handlers;
use crate::handler::{Call, HandlerError, Op};
use std::io::{self, BufRead, Write};

/// What the server says first.
pub const BANNER: &str = "Click::ControlSocket/1.3\r\n";
/// Longest command line, bytes.
pub const LONGEST_LINE: usize = 1 << 20;
/// Most data that one command may bring, bytes.
pub const LONGEST_DATA: usize = 64 << 20;

const OK: u16 = 200;
const SYNTAX: u16 = 500;
const UNIMPLEMENTED: u16 = 501;
const NO_ELEMENT: u16 = 510;
const NO_HANDLER: u16 = 511;
const HANDLER_ERROR: u16 = 520;
const TOO_BIG: u16 = 521;
const PERMISSION: u16 = 530;
const NO_ROUTER: u16 = 540;
/// What a read handler that fails gets, though the manual does not list it.
const UNSPECIFIED: u16 = 590;

const HELP: [&str; 11] = [
    "Commands supported:",
    "READ handler [arg...]   call read handler, return DATA",
    "READDATA handler len    call read handler with len data bytes, return DATA",
    "READUNTIL handler term  call read handler, take data until term, return DATA",
    "WRITE handler [arg...]  call write handler",
    "WRITEDATA handler len   call write handler, pass len data bytes",
    "WRITEUNTIL handler term call write handler, take data until term",
    "CHECKREAD handler       check if read handler is valid",
    "CHECKWRITE handler      check if write handler is valid",
    "LLRPC elt#number [len]  call LLRPC, pass len data bytes, return DATA",
    "QUIT                    close connection",
];

/// What goes on after a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Then {
    Next,
    Close,
}

/// Talks to one client until it leaves, or sends more than it may.
///
/// # Errors
/// The connection broke.
pub fn talk<H: Handlers>(handlers: &H, read_only: bool, from: impl BufRead, to: impl Write) -> io::Result<()> {
    let mut talk = Talk { handlers, read_only, input: Input { from, skip_lf: false }, to, out: BANNER.into() };
    talk.flush()?;
    loop {
        let then = match talk.input.line(LONGEST_LINE)? {
            Line::Text(line) => talk.command(&line)?,
            Line::TooLong => {
                talk.say(SYNTAX, "Line too long");
                Then::Close
            }
            Line::Closed => Then::Close,
        };
        talk.flush()?;
        if then == Then::Close {
            return Ok(());
        }
    }
}

struct Talk<'h, H, R, W> {
    handlers: &'h H,
    read_only: bool,
    input: Input<R>,
    to: W,
    out: Vec<u8>,
}

impl<H: Handlers, R: BufRead, W: Write> Talk<'_, H, R, W> {
    fn flush(&mut self) -> io::Result<()> {
        self.to.write_all(&self.out)?;
        self.to.flush()?;
        self.out.clear();
        Ok(())
    }

    /// One line of an answer.
    fn line(&mut self, code: u16, text: &str, more: bool) {
        let text: String = text.chars().map(|c| if c.is_control() && c != '\t' { '.' } else { c }).collect();
        let mark = if more { '-' } else { ' ' };
        self.out.extend_from_slice(format!("{code}{mark}{text}\r\n").as_bytes());
    }

    fn say(&mut self, code: u16, text: &str) {
        self.line(code, text, false);
    }

    /// A line and what a handler said, which may have several.
    fn say_why(&mut self, code: u16, text: &str, why: &str) {
        let lines: Vec<&str> = why.lines().filter(|l| !l.is_empty()).collect();
        let Some((last, before)) = lines.split_last() else { return self.say(code, text) };
        self.line(code, &format!("{text}:"), true);
        before.iter().for_each(|l| self.line(code, l, true));
        self.line(code, last, false);
    }

    fn command(&mut self, line: &[u8]) -> io::Result<Then> {
        let line = String::from_utf8_lossy(line);
        let (word, rest) = shift(&line);
        let (handler, rest) = shift(rest);
        let rest = rest.trim_end();
        let word = word.to_ascii_uppercase();
        let arguments = |ok: bool| if ok { Ok(()) } else { Err("Wrong number of arguments") };
        let one = !rest.contains(|c: char| c.is_ascii_whitespace());
        let checked = match &*word {
            "" => return Ok(Then::Next),
            "READ" | "GET" | "WRITE" | "SET" | "READUNTIL" | "WRITEUNTIL" => arguments(!handler.is_empty()),
            "READDATA" | "WRITEDATA" | "SETDATA" => arguments(!rest.is_empty() && one),
            "CHECKREAD" | "CHECKWRITE" => arguments(!handler.is_empty() && rest.is_empty()),
            "LLRPC" => arguments(!handler.is_empty() && one),
            _ => Ok(()),
        };
        if let Err(why) = checked {
            self.say(SYNTAX, why);
            return Ok(Then::Next);
        }
        match &*word {
            "READ" | "GET" => self.call(handler, Op::Read(rest.into())),
            "WRITE" | "SET" => self.call(handler, Op::Write(rest.into())),
            "CHECKREAD" => self.check(handler, false),
            "CHECKWRITE" => self.check(handler, true),
            "READDATA" | "WRITEDATA" | "SETDATA" => {
                let Some(data) = self.data(rest, &word)? else { return Ok(Then::Close) };
                let read = word == "READDATA";
                self.call(handler, if read { Op::Read(data) } else { Op::Write(data) });
            }
            "READUNTIL" | "WRITEUNTIL" => match self.input.until(rest.as_bytes(), LONGEST_DATA)? {
                Line::Text(data) => {
                    let data = String::from_utf8_lossy(&data).into_owned();
                    self.call(handler, if word == "READUNTIL" { Op::Read(data) } else { Op::Write(data) });
                }
                Line::TooLong => {
                    self.say(TOO_BIG, "Data too large");
                    return Ok(Then::Close);
                }
                Line::Closed => {
                    self.say(SYNTAX, "Not enough data");
                    return Ok(Then::Close);
                }
            },
            "LLRPC" => {
                if !rest.is_empty() && self.data(rest, "llrpc")?.is_none() {
                    return Ok(Then::Close);
                }
                self.llrpc(handler);
            }
            "HELP" => {
                let last = HELP.len() - 1;
                HELP.iter().enumerate().for_each(|(i, l)| self.line(OK, l, i < last));
            }
            "CLOSE" | "QUIT" => {
                if !handler.is_empty() {
                    self.say(SYNTAX, "Bad command syntax");
                }
                self.say(OK, "Goodbye!");
                return Ok(Then::Close);
            }
            _ => self.say(UNIMPLEMENTED, &format!("Command '{word}' unimplemented")),
        }
        Ok(Then::Next)
    }

    /// The data that follow a command; nothing, and an answer, if they do not come: then nobody
    /// knows where the next command begins.
    fn data(&mut self, length: &str, command: &str) -> io::Result<Option<String>> {
        let Ok(length) = length.parse::<usize>() else {
            self.say(SYNTAX, &format!("Syntax error in '{command}'"));
            return Ok(None);
        };
        if length > LONGEST_DATA {
            self.say(TOO_BIG, "Data too large");
            return Ok(None);
        }
        match self.input.data(length)? {
            Some(data) => Ok(Some(String::from_utf8_lossy(&data).into_owned())),
            None => {
                self.say(SYNTAX, "Not enough data");
                Ok(None)
            }
        }
    }

    /// What may be done with a handler; says so itself if there is none.
    fn access(&mut self, name: &str) -> Option<crate::info::Access> {
        match self.handlers.access(name) {
            Some(Ok(access)) => return Some(access),
            Some(Err(HandlerError::NoElement(element))) => {
                self.say(NO_ELEMENT, &format!("No element named '{element}'"));
            }
            Some(Err(_)) => self.say(NO_HANDLER, &format!("No handler named '{name}'")),
            None => self.say(NO_ROUTER, "No router installed"),
        }
        None
    }

    fn call(&mut self, name: &str, op: Op) {
        let Some(access) = self.access(name) else { return };
        let what = match &op {
            Op::Read(_) if !access.reads() => return self.say(PERMISSION, &format!("Handler '{name}' write-only")),
            Op::Write(_) if !access.writes() => return self.say(PERMISSION, &format!("Handler '{name}' read-only")),
            Op::Write(_) if self.read_only => return self.say(PERMISSION, &format!("Permission denied for '{name}'")),
            Op::Read(_) => "Read",
            Op::Write(_) => "Write",
        };
        match self.handlers.call(Call { path: name.into(), op }) {
            Some(Ok(data)) => {
                self.say(OK, &format!("{what} handler '{name}' OK"));
                if what == "Read" {
                    self.out.extend_from_slice(format!("DATA {}\r\n", data.len()).as_bytes());
                    self.out.extend_from_slice(data.as_bytes());
                }
            }
            Some(Err(why)) => {
                let code = if what == "Read" { UNSPECIFIED } else { HANDLER_ERROR };
                self.say_why(code, &format!("{what} handler '{name}' error"), &why.to_string());
            }
            None => self.say(NO_ROUTER, "No router installed"),
        }
    }

    /// `element#number`, the number in hexadecimal: elements have handlers, and none of these.
    fn llrpc(&mut self, name: &str) {
        let (element, number) = name.split_once('#').unwrap_or((name, ""));
        if u32::from_str_radix(number.trim_start_matches("0x"), 16).is_err() {
            self.say(SYNTAX, &format!("Syntax error in LLRPC name '{name}'"));
        } else if self.access(&format!("{element}.name")).is_some() {
            self.say(UNIMPLEMENTED, &format!("Cannot call LLRPC '{name}' remotely"));
        }
    }

    fn check(&mut self, name: &str, write: bool) {
        let Some(access) = self.access(name) else { return };
        match write {
            true if access.writes() && self.read_only => {
                self.say(PERMISSION, &format!("Permission denied for '{name}'"));
            }
            true if access.writes() => self.say(OK, &format!("Write handler '{name}' OK")),
            false if access.reads() => self.say(OK, &format!("Read handler '{name}' OK")),
            true => self.say(NO_HANDLER, &format!("Handler '{name}' not writable")),
            false => self.say(NO_HANDLER, &format!("Handler '{name}' not readable")),
        }
    }
}

/// The first word of a line, and what follows it.
fn shift(line: &str) -> (&str, &str) {
    let line = line.trim_start();
    let (word, rest) = line.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((line, ""));
    (word, rest.trim_start())
}

enum Line {
    Text(Vec<u8>),
    TooLong,
    Closed,
}

/// Lines that end with CR, LF or both. After a CR nobody waits for the LF that may follow: it is
/// left out when it comes.
struct Input<R> {
    from: R,
    skip_lf: bool,
}

impl<R: BufRead> Input<R> {
    /// Leaves out the LF of a line that ended with CR, and says whether it did.
    fn skip(&mut self) -> io::Result<bool> {
        let skip = core::mem::take(&mut self.skip_lf) && self.from.fill_buf()?.first() == Some(&b'\n');
        if skip {
            self.from.consume(1);
        }
        Ok(skip)
    }

    /// A line without its end.
    fn line(&mut self, limit: usize) -> io::Result<Line> {
        self.skip()?;
        let mut line = Vec::new();
        loop {
            let buf = self.from.fill_buf()?;
            if buf.is_empty() {
                return Ok(if line.is_empty() { Line::Closed } else { Line::Text(line) });
            }
            let end = buf.iter().position(|c| matches!(c, b'\r' | b'\n'));
            line.extend_from_slice(&buf[..end.unwrap_or(buf.len())]);
            self.skip_lf = end.is_some_and(|e| buf[e] == b'\r');
            let used = end.map_or(buf.len(), |e| e + 1);
            self.from.consume(used);
            if line.len() > limit {
                return Ok(Line::TooLong);
            }
            if end.is_some() {
                return Ok(Line::Text(line));
            }
        }
    }

    /// So many bytes; nothing if the other end closes before.
    fn data(&mut self, length: usize) -> io::Result<Option<Vec<u8>>> {
        let mut data = Vec::new();
        if length > 0 {
            self.skip()?;
        }
        while data.len() < length {
            let buf = self.from.fill_buf()?;
            if buf.is_empty() {
                return Ok(None);
            }
            let take = buf.len().min(length - data.len());
            data.extend_from_slice(&buf[..take]);
            self.from.consume(take);
        }
        Ok(Some(data))
    }

    /// All lines, with their ends, before the one that equals `until`; spaces at the end of a line
    /// do not count.
    fn until(&mut self, until: &[u8], limit: usize) -> io::Result<Line> {
        self.skip()?;
        let (mut data, mut start, mut after_cr) = (Vec::new(), 0, false);
        while data.len() <= limit {
            let Some(&c) = self.from.fill_buf()?.first() else { return Ok(Line::Closed) };
            self.from.consume(1);
            let ends = matches!(c, b'\r' | b'\n');
            if ends && !(c == b'\n' && after_cr) && data[start..].trim_ascii_end() == until {
                data.truncate(start);
                self.skip_lf = c == b'\r';
                return Ok(Line::Text(data));
            }
            data.push(c);
            if ends {
                start = data.len();
            }
            after_cr = c == b'\r';
        }
        Ok(Line::TooLong)
    }
}
