//! Reading a summary dump: directives, lines of text, binary records.
use super::build::{Build, Flow};
use super::{Field, VERSION, Value, find};
use crate::io::files::reason;
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;
use core::net::Ipv4Addr;
use sluice_dataplane::args::{FromArg, IpProto, NameDb, parse_int, split_words, unquote_text};
use std::io::{BufRead, Read};

/// Most bytes of a line or record.
const MAX_LINE: u64 = 1 << 20;

/// A dump that is being read.
pub struct Reader {
    /// Name for messages.
    name: String,
    source: Option<Box<dyn BufRead + Send>>,
    /// Line, or in the binary part record, that was read last.
    line: u64,
    /// Bytes read so far.
    pub position: u64,
    text: Vec<u8>,
    fields: Vec<&'static Field>,
    /// The fields' numbers in the order in which they are put into a packet.
    order: Vec<usize>,
    aggregate: u32,
    binary: bool,
    complained: bool,
    /// The packet that was read last.
    pub build: Build,
    /// What must be told to the user.
    pub messages: String,
}

impl Reader {
    /// Nothing to read yet.
    pub fn new(protocol: u8, names: NameDb) -> Self {
        Reader {
            name: String::new(),
            source: None,
            line: 0,
            position: 0,
            text: Vec::new(),
            fields: Vec::new(),
            order: Vec::new(),
            aggregate: 0,
            binary: false,
            complained: false,
            build: Build::new(protocol, names),
            messages: String::new(),
        }
    }

    /// Begins to read; `name` stands in messages.
    pub fn open(&mut self, name: &str, source: Box<dyn BufRead + Send>) {
        (self.name, self.source) = (name.to_string(), Some(source));
    }

    /// Whether the end was reached.
    pub fn is_done(&self) -> bool {
        self.source.is_none()
    }

    fn say(&mut self, text: &str) {
        let record = if self.binary { "record " } else { "" };
        let _ = writeln!(self.messages, "{}:{record}{}: {text}", self.name, self.line);
    }

    /// Reads on to the next packet, which is in `build` then; false at the end. Checksums are filled in if wanted.
    pub fn next(&mut self, checksums: bool) -> bool {
        loop {
            let textual = match self.read() {
                Ok(Some(textual)) => textual,
                Ok(None) => break,
                Err(e) => {
                    self.say(&reason(&e));
                    break;
                }
            };
            self.line += 1;
            let text = core::mem::take(&mut self.text);
            let packet =
                if textual { self.take_line(&String::from_utf8_lossy(&text)) } else { self.take_record(&text) };
            self.text = text;
            if packet {
                self.build.finish(checksums);
                return true;
            }
        }
        self.source = None;
        false
    }

    /// Reads a line (true) or a binary record (false) into `text`.
    fn read(&mut self) -> std::io::Result<Option<bool>> {
        let Some(source) = &mut self.source else { return Ok(None) };
        self.text.clear();
        if !self.binary {
            let n = source.take(MAX_LINE).read_until(b'\n', &mut self.text)?;
            self.position += n as u64;
            while self.text.last().is_some_and(|b| matches!(b, b'\n' | b'\r')) {
                self.text.pop();
            }
            return Ok((n > 0).then_some(true));
        }
        let mut head = [0; 4];
        if source.fill_buf()?.is_empty() {
            return Ok(None);
        }
        source.read_exact(&mut head)?;
        let (len, textual) = (u32::from_be_bytes(head) & 0x7fff_ffff, head[0] & 0x80 != 0);
        let body = u64::from(len).checked_sub(4).filter(|&n| n <= MAX_LINE);
        let body = body.ok_or_else(|| std::io::Error::other("binary record of impossible length"))?;
        if source.take(body).read_to_end(&mut self.text)? as u64 != body {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        self.position += u64::from(len);
        Ok(Some(textual))
    }

    /// Takes a line; true when it was a packet.
    fn take_line(&mut self, line: &str) -> bool {
        if line.starts_with('!') {
            self.directive(line);
            return false;
        }
        if self.line == 1 && self.fields.is_empty() {
            self.say("warning: missing banner line; is this an IP summary dump?");
        }
        if line.is_empty() || line.starts_with('#') {
            return false;
        }
        let words = data_words(line);
        self.begin();
        let mut given = 0;
        for &i in &self.order {
            let (Some(field), Some(word)) = (self.fields.get(i), words.get(i)) else { continue };
            if !word.is_empty() && *word != "-" && field.parse(&mut self.build, word) {
                given += 1;
            }
        }
        self.complain(given, line.trim().is_empty())
    }

    fn take_record(&mut self, record: &[u8]) -> bool {
        let mut rest = record;
        let values: Vec<Option<Value<'_>>> = self.fields.iter().map(|f| f.take_binary(&mut rest)).collect();
        self.begin();
        let mut given = 0;
        for &i in &self.order {
            if let (Some(field), Some(Some(value))) = (self.fields.get(i), values.get(i))
                && field.is_input()
            {
                field.put(&mut self.build, value);
                given += 1;
            }
        }
        self.complain(given, false)
    }

    fn begin(&mut self) {
        self.build.clear();
        self.build.anno.aggregate = self.aggregate;
    }

    /// Says once that lines are not as they should be; whether this one is.
    fn complain(&mut self, given: usize, blank: bool) -> bool {
        if given == 0 && !blank && !core::mem::replace(&mut self.complained, true) {
            let what = if self.fields.is_empty() { "no ‘!data’ provided" } else { "packet parse error" };
            self.say(what);
        }
        given > 0
    }

    fn directive(&mut self, line: &str) {
        let words = split_words(line);
        match *words.first().unwrap_or(&"") {
            "!IPSummaryDump" => self.banner(words.get(1).unwrap_or(&"")),
            "!data" | "!contents" => {
                for message in self.set_fields(line) {
                    self.say(&message);
                }
            }
            "!flowid" => {
                if let Err(why) = self.set_flow(line) {
                    self.say(why);
                }
            }
            "!proto" => match words.get(1).filter(|_| words.len() == 2).and_then(|w| protocol(w, &self.build.names)) {
                Some(p) => self.build.protocol = p,
                None => self.say("bad protocol in !proto"),
            },
            "!aggregate" => match words.get(1).filter(|_| words.len() == 2).and_then(|w| parse_int(w).ok()) {
                Some(n) => self.aggregate = n,
                None => self.say("bad !aggregate specification"),
            },
            "!binary" => (self.binary, self.line) = (true, 0),
            _ => {}
        }
    }

    fn banner(&mut self, version: &str) {
        let read = version.split_once('.').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        match read {
            Some((VERSION_MAJOR, minor)) if minor <= VERSION.1 => self.build.minor_version = minor,
            Some((a, b)) => {
                let _: (u32, u32) = (a, b);
                self.say(&format!("warning: unexpected IPSummaryDump version {a}.{b}"));
            }
            None => {}
        }
    }

    /// Takes the fields' names from a `!data` line or from an argument. Returns what is wrong with them.
    pub fn set_fields(&mut self, text: &str) -> Vec<String> {
        /// Stands for a field that is passed over.
        const NOTHING: &str = "thread";
        let mut wrong = Vec::new();
        self.fields.clear();
        let words = split_words(text).into_iter().enumerate().map(|(i, w)| (i, unquote_text(w)));
        for (_, word) in words.filter(|(i, w)| *i > 0 || (w != "!data" && w != "!contents")) {
            let field = find(&word);
            match field {
                None => wrong.push(format!("warning: unknown content type ‘{word}’")),
                Some(f) if !f.is_input() => wrong.push(format!("warning: content type ‘{word}’ ignored on input")),
                Some(_) => {}
            }
            // What a field cannot be read from still has its place in the line.
            self.fields.extend(field.or_else(|| find(NOTHING)));
        }
        if self.fields.is_empty() {
            wrong.push("no contents specified".into());
        }
        self.order = (0..self.fields.len()).collect();
        self.order.sort_by_key(|&i| self.fields[i].order);
        wrong
    }

    /// Takes addresses and ports from a `!flowid` line or from an argument.
    ///
    /// # Errors
    /// They are not what they should be.
    pub fn set_flow(&mut self, text: &str) -> Result<(), &'static str> {
        let words = split_words(text);
        let words = words.strip_prefix(&["!flowid"]).unwrap_or(&words);
        let names = &self.build.names;
        self.build.flow = flow(words, names);
        if self.build.flow.is_none() {
            return Err("bad !flowid specification");
        }
        if let Some(word) = words.get(4) {
            self.build.protocol = protocol(word, names).ok_or("bad protocol in !flowid")?;
        }
        Ok(())
    }
}

/// Addresses and ports, `-` for none.
fn flow(words: &[&str], names: &NameDb) -> Option<Flow> {
    let address = |at: usize| match *words.get(at)? {
        "-" => Some(Ipv4Addr::UNSPECIFIED),
        w => Ipv4Addr::from_arg(w, names).ok(),
    };
    let port = |at: usize| match *words.get(at)? {
        "-" => Some(0),
        w => parse_int::<u16>(w).ok(),
    };
    Some(Flow { src: (address(0)?, port(1)?), dst: (address(2)?, port(3)?) })
}

const VERSION_MAJOR: u32 = VERSION.0;

fn protocol(word: &str, names: &NameDb) -> Option<u8> {
    match word {
        "T" => Some(6),
        "U" => Some(17),
        "I" => Some(1),
        _ => IpProto::from_arg(word, names).ok().map(|p| p.0),
    }
}

/// The words of a line; spaces inside double quotes do not separate.
fn data_words(line: &str) -> Vec<Cow<'_, str>> {
    let mut words = Vec::new();
    let (mut start, mut quoted, mut escaped) = (None, false, false);
    for (i, c) in line.char_indices() {
        let space = !quoted && c.is_ascii_whitespace();
        match start {
            Some(from) if space => {
                words.push(line[from..i].into());
                start = None;
            }
            None if !space => start = Some(i),
            _ => {}
        }
        quoted ^= c == '"' && !escaped;
        escaped = quoted && c == '\\' && !escaped;
    }
    words.extend(start.map(|from| line[from..].into()));
    words
}
