//! Files that elements write: opened while a graph is built, emptied when it starts to run.
//!
//! A graph that replaces another one may write the same file. So nothing is cut off before it is known that the new
//! element does not continue what the old one wrote.
use alloc::format;
use alloc::string::{String, ToString};
use sluice_dataplane::args::Args;
use sluice_dataplane::files::Files;
use std::fs::File;
use std::io::{self, BufWriter, Write};

/// What the system says of an error, without its number.
pub fn reason(e: &io::Error) -> String {
    let text = e.to_string();
    match text.find(" (os error") {
        Some(at) => text[..at].to_string(),
        None => text,
    }
}

/// Opens a file to be read.
///
/// # Errors
/// `name: reason`.
pub fn open(files: &Files, name: &str) -> Result<File, String> {
    files.open(name).map_err(|e| format!("{name}: {}", reason(&e)))
}

/// Looks at the name of a file in an argument, `-` for a standard stream: whether it may be opened at all.
pub fn check(args: &mut Args<'_>, argument: &str, files: &Files, name: &str) {
    if let Err(why) = if name == "-" { files.check_stream() } else { files.check(name) } {
        args.error_in(argument, &why);
    }
}

enum Sink {
    /// Not opened yet.
    Closed,
    File(BufWriter<File>),
    Stdout(BufWriter<io::Stdout>),
}

/// A file, or with the name `-` standard output, that an element writes.
pub struct OutFile {
    name: String,
    files: Files,
    sink: Sink,
    /// The old element's file: it is continued.
    continued: bool,
    failed: bool,
    /// It was not there before; it goes again if the graph never runs.
    made: bool,
}

impl OutFile {
    /// Nothing is opened yet.
    pub fn new(name: String, files: Files) -> Self {
        OutFile { name, files, sink: Sink::Closed, continued: false, failed: false, made: false }
    }
    /// The name as users know it.
    pub fn name(&self) -> &str {
        if self.is_stdout() { "<stdout>" } else { &self.name }
    }
    /// Whether this is standard output.
    pub fn is_stdout(&self) -> bool {
        self.name == "-"
    }
    /// Creates the file, or opens it as it is.
    ///
    /// # Errors
    /// `name: reason`.
    pub fn open(&mut self) -> Result<(), String> {
        self.sink = if self.is_stdout() {
            Sink::Stdout(BufWriter::new(io::stdout()))
        } else {
            let new = self.files.create_new(&self.name);
            self.made = new.is_ok();
            // A name that leads nowhere yet (a symbolic link) exists, too.
            let file = new.or_else(|_| self.files.keep(&self.name));
            Sink::File(BufWriter::new(file.map_err(|e| format!("{}: {}", self.name, reason(&e)))?))
        };
        Ok(())
    }
    /// Whether another one of that name is the same file.
    fn is_same(&self, other: &OutFile) -> bool {
        self.name == other.name && self.files == other.files
    }
    /// Goes on where an old element of the same file is.
    pub fn take(&mut self, old: &mut OutFile) {
        if self.is_same(old) && !matches!(old.sink, Sink::Closed) {
            self.sink = core::mem::replace(&mut old.sink, Sink::Closed);
            (self.continued, self.failed) = (true, old.failed);
        }
    }
    /// Empties the file, unless it is continued. True: it is empty now.
    pub fn begin(&mut self) -> bool {
        self.made = false;
        if let Sink::File(f) = &self.sink
            && !self.continued
        {
            // Pipes and devices cannot be emptied, and need not be.
            let _ = f.get_ref().set_len(0);
        }
        !self.continued
    }
    /// Appends bytes.
    ///
    /// # Errors
    /// For the first failure what to tell the user, afterwards `None`: nothing is written any more.
    pub fn put(&mut self, bytes: &[u8]) -> Result<(), Option<String>> {
        if self.failed {
            return Err(None);
        }
        self.write_all(bytes).map_err(|e| self.fail(&e))
    }
    /// Hands everything written so far to the system.
    ///
    /// # Errors
    /// As for [`put`](Self::put).
    pub fn sync(&mut self) -> Result<(), Option<String>> {
        Write::flush(self).map_err(|e| self.fail(&e))
    }
    fn fail(&mut self, e: &io::Error) -> Option<String> {
        // What is buffered cannot be written either: let go of it, or dropping the buffer tries again.
        if let Sink::File(f) = core::mem::replace(&mut self.sink, Sink::Closed) {
            let _ = f.into_parts();
        }
        (!core::mem::replace(&mut self.failed, true)).then(|| format!("{}: {}", self.name(), reason(e)))
    }
}

/// A graph that could not be started leaves no empty files behind.
impl Drop for OutFile {
    fn drop(&mut self) {
        if self.made {
            let _ = self.files.remove(&self.name); // somebody else was faster
        }
    }
}

/// The bare file: whoever writes it this way looks after failures.
impl Write for OutFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.sink {
            Sink::Closed => Err(io::Error::other("not open")),
            Sink::File(f) => f.write(bytes),
            Sink::Stdout(f) => f.write(bytes),
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Closed => Ok(()),
            Sink::File(f) => f.flush(),
            Sink::Stdout(f) => f.flush(),
        }
    }
}
