//! Server-sent events (WHATWG HTML, section 9.2.6): from lines to events.
use std::io::{self, BufRead, Read as _};

/// Longest line, bytes.
const LONGEST: u64 = 1 << 20;

/// An event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Its number, as the server wrote it.
    pub id: String,
    /// Its type; empty if it has none.
    pub name: String,
    /// What it says.
    pub data: String,
}

/// The events of a stream, as they come.
pub struct Events<R>(R);

impl<R: BufRead> Events<R> {
    /// Those of this stream.
    pub fn new(from: R) -> Events<R> {
        Events(from)
    }

    /// The next line without its end; nothing at the end of the stream.
    fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        let read = (&mut self.0).take(LONGEST).read_until(b'\n', &mut line)?;
        if read as u64 == LONGEST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a line of more than {LONGEST} bytes")));
        }
        // What has no end was cut off.
        let Some(line) = line.strip_suffix(b"\n") else { return Ok(None) };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Ok(Some(String::from_utf8_lossy(line).into_owned()))
    }

    fn event(&mut self) -> io::Result<Option<Event>> {
        let mut event = Event::default();
        let mut data: Vec<String> = Vec::new();
        while let Some(line) = self.line()? {
            if line.is_empty() {
                if data.is_empty() {
                    event = Event::default(); // a comment, or an event without data
                    continue;
                }
                event.data = data.join("\n");
                return Ok(Some(event));
            }
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "id" => event.id = value.into(),
                "event" => event.name = value.into(),
                "data" if data.iter().map(String::len).sum::<usize>() < LONGEST as usize => data.push(value.into()),
                _ => {} // a comment, or nothing that we know
            }
        }
        Ok(None)
    }
}

impl<R: BufRead> Iterator for Events<R> {
    type Item = io::Result<Event>;

    fn next(&mut self) -> Option<Self::Item> {
        self.event().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_as_the_standard_says() {
        let stream = ": hello\n\nid: 1\nevent: swap\ndata: {\"a\":\ndata: 1}\n\nid: 2\r\ndata:x\r\n\r\nevent: none\n\ndata: cut off\n";
        let got: Vec<Event> = Events::new(stream.as_bytes()).map(Result::unwrap).collect();
        let event = |id: &str, name: &str, data: &str| Event { id: id.into(), name: name.into(), data: data.into() };
        assert_eq!(got, [event("1", "swap", "{\"a\":\n1}"), event("2", "", "x")]);
    }

    #[test]
    fn a_line_without_end_is_an_error() {
        let endless = io::BufReader::new(io::repeat(b'x'));
        assert!(Events::new(endless).next().unwrap().is_err());
    }
}
