//! What all commands share: whom they talk to, how they print, and how they end.
use crate::cmd::run::duration;
use crate::driver::console;
use serde_json::Value;
use sluice_dataplane::context::Stream;
use sluice_mgmt::client::{Call, Client, Failure, Options, Reply, Tls, path};
use sluice_mgmt::problem::Problem;
use sluice_mgmt::vnf::{Finding, Grade, MAIN};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Whom to talk to, and how.
#[derive(clap::Args)]
pub(crate) struct Connection {
    /// Where the EMS listens.
    #[arg(long, global = true, env = "SLUICE_URL", default_value = "http://127.0.0.1:8000")]
    url: String,
    /// A file with the bearer token, readable by its owner only. A token is never taken from the command line.
    #[arg(long, global = true, value_name = "FILE", env = "SLUICE_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// For https: the certificate that is trusted (PEM), the EMS's own or its authority's.
    #[arg(long, global = true, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// For https: our certificate (PEM); goes with --key.
    #[arg(long, global = true, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// For https: the private key of our certificate (PEM).
    #[arg(long, global = true, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The function that is meant.
    #[arg(long, global = true, value_name = "NAME", default_value = MAIN)]
    function: String,
    /// Longest time that a request may take; of a stream, until it begins.
    #[arg(long, global = true, value_name = "TIME", default_value = "30s", value_parser = duration)]
    timeout: Duration,
    /// Waits so long for an EMS that is not there yet.
    #[arg(long, global = true, value_name = "TIME", default_value = "0s", value_parser = duration)]
    retry_for: Duration,
    /// Prints what the API answers, as JSON; streams one document a line.
    #[arg(long, global = true)]
    pub(super) json: bool,
}

/// A connection to an EMS.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) function: String,
    pub(super) json: bool,
}

/// How a command ends.
pub(super) type Done = Result<(), Trouble>;

/// Why it did not do what it should.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The EMS, or the way to it.
    Failure(Failure),
    /// A function was refused that came from a file.
    Refused {
        /// Why.
        problem: Box<Problem>,
        /// The function.
        function: String,
        /// The file.
        file: String,
    },
    /// Something that the user can put right: a file, an option.
    Usage(String),
    /// The EMS did what it could, and it was not enough.
    Missing(String),
    /// Who read our output has gone.
    Closed,
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Trouble {
        Trouble::Failure(failure)
    }
}

impl Connection {
    pub(super) fn open(&self) -> Result<Session, Trouble> {
        if self.cert.is_some() != self.key.is_some() {
            return Err(Trouble::Usage("--cert and --key go together".into()));
        }
        let token = self.token_file.as_deref().map(token).transpose()?;
        if token.is_some() && self.url.starts_with("http://") && !is_loopback(&self.url) {
            eprintln!("sluice: {}: the token goes there unencrypted; use https", self.url);
        }
        let tls = Tls { ca: self.ca.clone(), cert: self.cert.clone(), key: self.key.clone() };
        let (url, timeout, retry_for) = (self.url.clone(), self.timeout, self.retry_for);
        let client = Client::new(Options { url, token, tls, timeout, retry_for })?;
        Ok(Session { client, function: self.function.clone(), json: self.json })
    }
}

fn is_loopback(url: &str) -> bool {
    let host = url.trim_start_matches("http://");
    ["127.", "localhost", "[::1]"].iter().any(|l| host.starts_with(l))
}

/// Reads a token. A file that others can read is told about: whoever reads it can do what its owner can.
fn token(file: &Path) -> Result<String, Trouble> {
    let wrong = |e: &dyn std::fmt::Display| Trouble::Usage(format!("--token-file {}: {e}", file.display()));
    let mode = std::fs::metadata(file).map_err(|e| wrong(&e))?.permissions().mode();
    if mode & 0o077 != 0 {
        eprintln!("sluice: {}: others can use this token; run chmod 600 on it", file.display());
    }
    let text = std::fs::read_to_string(file).map_err(|e| wrong(&e))?;
    let token = text.trim();
    if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(wrong(&"there must be one token in it, and nothing else"));
    }
    Ok(token.into())
}

impl Session {
    /// GET in JSON.
    pub(super) fn get(&self, path: &str) -> Result<Value, Trouble> {
        Ok(self.client.get(path)?)
    }

    /// Sends a request.
    pub(super) fn send(&self, call: &Call) -> Result<Reply, Trouble> {
        Ok(self.client.send(call)?)
    }

    /// An answer as one of the API's types.
    pub(super) fn as_type<T: serde::de::DeserializeOwned>(&self, value: &Value) -> Result<T, Trouble> {
        Ok(self.client.read(value)?)
    }

    /// The path of something that belongs to the function.
    pub(super) fn of_function(&self, rest: &[&str]) -> String {
        path::v1(&[&["functions", &self.function], rest].concat())
    }

    /// What a path must say of the function; nothing where it is the only one.
    pub(super) fn which_function(&self) -> (&'static str, Option<String>) {
        ("function", (self.function != MAIN).then(|| self.function.clone()))
    }

    /// Prints an answer: as it is with `--json`, else as `table` makes it.
    pub(super) fn show(&self, value: &Value, table: impl FnOnce(&Value) -> Result<String, Trouble>) -> Done {
        let text = if self.json { format!("{value:#}\n") } else { table(value)? };
        print(&text)
    }
}

/// Prints on standard output, at once.
pub(super) fn print(text: &str) -> Done {
    write(text.as_bytes())
}

/// The same for what is no text.
pub(super) fn write(bytes: &[u8]) -> Done {
    use std::io::Write as _;
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|_| Trouble::Closed)
}

/// A text of an answer whose shape may grow; empty if it is not there.
pub(super) fn text(value: &Value, name: &str) -> String {
    match value.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(s)) => s.clone(),
        Some(other) => other.to_string(),
    }
}

/// Findings as compilers print them. What the EMS calls by the function's name is the local `file`.
pub(super) fn findings(all: &[Finding], function: &str, file: &str) -> String {
    let mut out = String::new();
    for f in all {
        let place = f.place.as_deref().unwrap_or(function);
        let place = match place.strip_prefix(function) {
            Some(rest) if rest.is_empty() || rest.starts_with(':') => format!("{file}{rest}"),
            _ if place.starts_with(|c: char| c.is_ascii_digit()) => format!("{file}:{place}"),
            _ => place.to_string(),
        };
        let grade = match f.grade {
            Grade::Error => "error: ",
            Grade::Warning => "warning: ",
            Grade::Message => "",
        };
        let element = f.element.as_ref().map(|e| format!("{e}: ")).unwrap_or_default();
        out += &format!("{place}: {grade}{element}{}\n", f.message.replace('\n', "\n  "));
        if let Some(hint) = &f.hint {
            out += &format!("  hint: {hint}\n");
        }
    }
    out
}

/// What to do about a refusal, where the status says it.
fn advice(status: u16) -> &'static str {
    match status {
        401 => "; give a token with --token-file FILE",
        403 => "; use a token with that role",
        409 => "; `sluice ctl status` shows what goes on",
        412 => "; somebody else changed it: look at it with `sluice ctl get`, then apply again",
        429 | 503 => "; try again later",
        500..=599 => "; `sluice ctl log` may say more",
        _ => "",
    }
}

impl Trouble {
    /// Says what went wrong. Gives the exit status.
    pub(super) fn tell(&self, json: bool) -> ExitCode {
        let (text, code) = match self {
            Trouble::Closed => (String::new(), 0),
            Trouble::Usage(why) => (format!("sluice: {why}\n"), 2),
            Trouble::Missing(why) => (format!("sluice: {why}\n"), 1),
            Trouble::Failure(Failure::Refused(p)) => (refusal(p, MAIN, MAIN, json), 1),
            Trouble::Refused { problem, function, file } => (refusal(problem, function, file, json), 1),
            Trouble::Failure(f @ Failure::Unreachable { .. }) => (
                format!("sluice: {f}: is it running? (`sluice run ...` prints its address; --url URL names another)\n"),
                3,
            ),
            Trouble::Failure(f @ Failure::Options(_)) => (format!("sluice: {f}\n"), 2),
            Trouble::Failure(f @ (Failure::Broken { .. } | Failure::Untrusted { .. })) => (format!("sluice: {f}\n"), 3),
            Trouble::Failure(f @ Failure::Strange { .. }) => (format!("sluice: {f}\n"), 1),
        };
        console(Stream::Err, &text);
        ExitCode::from(code)
    }
}

/// A refusal in one line, below all findings; with `--json` the problem details themselves.
fn refusal(p: &Problem, function: &str, file: &str, json: bool) -> String {
    if json {
        return serde_json::to_string_pretty(p).unwrap_or_default() + "\n";
    }
    let listed = findings(&p.findings, function, file);
    let errors = p.findings.iter().filter(|f| f.grade == Grade::Error).count();
    if errors > 0 {
        let s = if errors == 1 { "" } else { "s" };
        return format!("{listed}sluice: {} {}: {errors} error{s}, nothing was changed\n", p.status, p.title);
    }
    let request = p.instance.as_ref().map(|i| format!(" (request {i})")).unwrap_or_default();
    format!("{listed}sluice: {p}{}{request}\n", advice(p.status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_carry_the_name_of_the_local_file() {
        let finding = |place: Option<&str>| Finding {
            grade: Grade::Error,
            place: place.map(str::to_string),
            element: None,
            message: "m".into(),
            hint: None,
        };
        let line = |place| findings(&[finding(place)], "main", "r.click");
        assert_eq!(line(Some("main:1:2")), "r.click:1:2: error: m\n");
        assert_eq!(line(Some("3:4")), "r.click:3:4: error: m\n");
        assert_eq!(line(None), "r.click: error: m\n");
        assert_eq!(line(Some("mainly.click:1:2")), "mainly.click:1:2: error: m\n");
    }
}
