//! The command line of Click's user-level driver: one static table, and a parser that knows what
//! Click's knows: clusters (`-qh x.count`), `--name=value`, unambiguous beginnings of long names,
//! `--no-name`, and `NAME=VALUE` between the options.
use sluice_dataplane::args::quote;
use sluice_dataplane::clock::SIMULATED_START;
use std::str::FromStr;

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request {
    Run(Box<Options>),
    Help,
    Version,
}

/// One piece of the configuration, in the order in which they were given.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    File(String),
    Expression(String),
}

/// How to run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) pieces: Vec<Piece>,
    pub(super) defines: Vec<(String, String)>,
    pub(super) handlers: Vec<String>,
    pub(super) exit_handler: Option<String>,
    pub(super) output: Option<String>,
    /// `TCP, 7777`, `UNIX, file`, `SOCKET, 3`: arguments of ControlSockets.
    pub(super) listeners: Vec<String>,
    /// The core to stay on.
    pub(super) affinity: Option<usize>,
    /// How many threads are wanted.
    pub(super) threads: i32,
    pub(super) reconfigurable: bool,
    pub(super) quit: bool,
    pub(super) time: bool,
    pub(super) warnings: bool,
    /// Where simulated time starts, nanoseconds since the epoch.
    pub(super) simulated: Option<u64>,
    pub(super) clickpath: Option<String>,
    /// Arguments that DPDK is started with.
    pub(super) dpdk: Option<String>,
    /// What was wrong with the parameters, but does not stop the run by itself.
    pub(super) complaints: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            pieces: Vec::new(),
            defines: Vec::new(),
            handlers: Vec::new(),
            exit_handler: None,
            output: None,
            listeners: Vec::new(),
            affinity: None,
            threads: 1,
            reconfigurable: false,
            quit: false,
            time: false,
            warnings: true,
            simulated: None,
            clickpath: None,
            dpdk: None,
            complaints: Vec::new(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Name {
    Affinity,
    Clickpath,
    Dpdk,
    ExitHandler,
    Expression,
    File,
    Handler,
    Help,
    NoWarnings,
    Output,
    Port,
    Quit,
    Reconfigure,
    Simtime,
    Socket,
    Threads,
    Time,
    UnixSocket,
    Version,
    Warnings,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Value {
    No,
    /// No value, and `--no-NAME` is its opposite.
    Switch,
    Must,
    /// All that follows up to `--`, where there is one; otherwise as `Must`.
    Words,
    /// Only as `--name=value`.
    May,
    /// The same, and `--no-NAME` is its opposite.
    MayOrNot,
}

struct Row(&'static str, Option<char>, Name, Value);

/// Sorted by long name.
const TABLE: &[Row] = &[
    Row("affinity", Some('a'), Name::Affinity, Value::MayOrNot),
    Row("allow-reconfigure", Some('R'), Name::Reconfigure, Value::Switch),
    Row("clickpath", Some('C'), Name::Clickpath, Value::Must),
    Row("dpdk", None, Name::Dpdk, Value::Words),
    Row("exit-handler", Some('x'), Name::ExitHandler, Value::Must),
    Row("expression", Some('e'), Name::Expression, Value::Must),
    Row("file", Some('f'), Name::File, Value::Must),
    Row("handler", Some('h'), Name::Handler, Value::Must),
    Row("help", None, Name::Help, Value::No),
    Row("output", Some('o'), Name::Output, Value::Must),
    Row("port", Some('p'), Name::Port, Value::Must),
    Row("quit", Some('q'), Name::Quit, Value::No),
    Row("simtime", None, Name::Simtime, Value::May),
    Row("simulation-time", None, Name::Simtime, Value::May),
    Row("socket", None, Name::Socket, Value::Must),
    Row("threads", Some('j'), Name::Threads, Value::Must),
    Row("time", Some('t'), Name::Time, Value::No),
    Row("unix-socket", Some('u'), Name::UnixSocket, Value::Must),
    Row("version", Some('v'), Name::Version, Value::No),
    Row("warnings", None, Name::Warnings, Value::Switch),
    Row("", Some('w'), Name::NoWarnings, Value::No),
];

/// Reads the arguments that follow the command's name.
///
/// # Errors
/// What is wrong with them, for a person who asked for something that is not there.
pub(super) fn parse(args: &[String]) -> Result<Request, String> {
    let mut o = Options::default();
    let mut rest = args.iter();
    let mut only_files = false;
    while let Some(arg) = rest.next() {
        if only_files || arg == "-" || !arg.starts_with('-') {
            o.plain(arg)?;
        } else if arg == "--" {
            only_files = true;
        } else if let Some(long) = arg.strip_prefix("--") {
            let (typed, given) = long.split_once('=').map_or((long, None), |(n, v)| (n, Some(v)));
            let (row, negated) = find_long(typed)?;
            let value = match (row.3, given) {
                (Value::Words, None) => Some(words(&mut rest)?),
                (_, Some(_)) if negated => return Err(format!("‘--no-{}’ can't take an argument", row.0)),
                (Value::Must, None) => Some(rest.next().ok_or(format!("‘--{}’ requires an argument", row.0))?.clone()),
                (Value::No | Value::Switch, Some(_)) => return Err(format!("‘--{}’ can't take an argument", row.0)),
                (_, given) => given.map(str::to_string),
            };
            if let Some(done) = o.set(row, negated, value)? {
                return Ok(done);
            }
        } else {
            let mut cluster = arg[1..].char_indices();
            while let Some((i, letter)) = cluster.next() {
                let row = TABLE.iter().find(|r| r.1 == Some(letter));
                let row = row.ok_or_else(|| format!("unrecognized option ‘-{letter}’"))?;
                let mut value = None;
                if row.3 == Value::Must {
                    let attached = &arg[1 + i + letter.len_utf8()..];
                    cluster = "".char_indices();
                    value = Some(match attached {
                        "" => rest.next().ok_or(format!("‘-{letter}’ requires an argument"))?.clone(),
                        text => text.to_string(),
                    });
                }
                if let Some(done) = o.set(row, false, value)? {
                    return Ok(done);
                }
            }
        }
    }
    Ok(Request::Run(Box::new(o)))
}

/// `--dpdk ARGUMENT... --`, as FastClick has it; or `--dpdk "ARGUMENTS"`, if no `--` follows.
fn words(rest: &mut std::slice::Iter<'_, String>) -> Result<String, String> {
    let given = rest.as_slice();
    match given.iter().position(|a| a == "--") {
        Some(1) => {
            rest.nth(1);
            Ok(given[0].clone())
        }
        Some(end) => {
            let quoted = |a: &String| match a.contains(|c: char| c.is_whitespace() || c == '\'' || c == '"') {
                true => a.split('\'').map(|part| format!("'{part}'")).collect::<Vec<_>>().join("\"'\""),
                false => a.clone(),
            };
            let text = given[..end].iter().map(quoted).collect::<Vec<_>>().join(" ");
            rest.nth(end);
            Ok(text)
        }
        None => rest.next().cloned().ok_or("‘--dpdk’ requires arguments, and ‘--’ behind them".into()),
    }
}

/// The option of a long name, or of an unambiguous beginning; and whether `no-` was before it.
fn find_long(typed: &str) -> Result<(&'static Row, bool), String> {
    let mut candidates: Vec<(&'static Row, bool, String)> = Vec::new();
    for row in TABLE.iter().filter(|r| !r.0.is_empty()) {
        candidates.push((row, false, row.0.to_string()));
        if matches!(row.3, Value::Switch | Value::MayOrNot) {
            candidates.push((row, true, format!("no-{}", row.0)));
        }
    }
    if let Some((row, negated, _)) = candidates.iter().find(|c| c.2 == typed) {
        return Ok((row, *negated));
    }
    candidates.retain(|c| !typed.is_empty() && c.2.starts_with(typed));
    match candidates.as_slice() {
        [] => Err(format!("unrecognized option ‘--{typed}’")),
        [(first, negated, _), more @ ..] if more.iter().all(|c| c.0.2 == first.2 && c.1 == *negated) => {
            Ok((first, *negated))
        }
        several => {
            let names: Vec<String> = several.iter().map(|c| format!("‘--{}’", c.2)).collect();
            Err(format!("option ‘--{typed}’ is ambiguous (could be {})", names.join(" or ")))
        }
    }
}

impl Options {
    /// An argument that is no option: `NAME=VALUE`, or the configuration's file.
    fn plain(&mut self, arg: &str) -> Result<(), String> {
        if let Some((name, value)) = arg.split_once('=')
            && !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        {
            if self.defines.iter().any(|d| d.0 == name) {
                self.complaints.push(format!("parameter ‘{name}’ multiply defined"));
            } else {
                self.defines.push((name.into(), value.into()));
            }
            return Ok(());
        }
        if !self.pieces.is_empty() {
            return Err("router configuration specified twice".into());
        }
        self.pieces.push(Piece::File(arg.into()));
        Ok(())
    }

    fn set(&mut self, row: &Row, negated: bool, value: Option<String>) -> Result<Option<Request>, String> {
        let text = value.clone().unwrap_or_default();
        let once = |slot: &mut Option<String>, what: &str| match slot.replace(text.clone()) {
            Some(_) => Err(format!("{what} specified twice")),
            None => Ok(()),
        };
        match row.2 {
            Name::Affinity if negated => self.affinity = None,
            Name::Affinity => self.affinity = Some(value.map_or(Ok(0), |v| number(&v, "--affinity"))?),
            Name::Clickpath => self.clickpath = Some(text),
            Name::Dpdk => once(&mut self.dpdk, "--dpdk")?,
            Name::ExitHandler => once(&mut self.exit_handler, "--exit-handler")?,
            Name::Expression => self.pieces.push(Piece::Expression(text)),
            Name::File => self.pieces.push(Piece::File(text)),
            Name::Handler => self.handlers.push(text),
            Name::Help => return Ok(Some(Request::Help)),
            Name::NoWarnings => self.warnings = false,
            Name::Output => once(&mut self.output, "output file")?,
            Name::Port => self.listeners.push(format!("TCP, {}", tcp_port(&text)?)),
            Name::Quit => self.quit = true,
            Name::Reconfigure => self.reconfigurable = !negated,
            Name::Simtime => self.simulated = Some(value.as_deref().map_or(Ok(SIMULATED_START), seconds)?),
            Name::Socket => {
                number::<u32>(&text, "--socket")?;
                self.listeners.push(format!("SOCKET, {text}"));
            }
            Name::Threads => self.threads = number(&text, "--threads")?,
            Name::Time => self.time = true,
            Name::UnixSocket => self.listeners.push(format!("UNIX, {}", quote(text.as_bytes()))),
            Name::Version => return Ok(Some(Request::Version)),
            Name::Warnings => self.warnings = !negated,
        }
        Ok(None)
    }
}

/// A TCP port, or one with a `+`: the next free one from there.
fn tcp_port(text: &str) -> Result<&str, String> {
    let number = text.strip_suffix('+').unwrap_or(text).parse::<u16>();
    let good = number.is_ok_and(|n| n > 0 || !text.ends_with('+'));
    if good { Ok(text) } else { Err(format!("‘--port’ expects a TCP port number, not ‘{text}’")) }
}

fn number<T: FromStr>(text: &str, option: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("‘{option}’ expects an integer, not ‘{text}’"))
}

/// Seconds since the epoch as nanoseconds.
fn seconds(text: &str) -> Result<u64, String> {
    let value = text.parse::<f64>().ok().filter(|s| (0.0..1e10).contains(s));
    value.map(|s| (s * 1e9) as u64).ok_or_else(|| format!("‘--simtime’ expects a real number, not ‘{text}’"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(args: &[&str]) -> Result<Options, String> {
        let args: Vec<String> = args.iter().map(|a| a.to_string()).collect();
        parse(&args).map(|r| match r {
            Request::Run(o) => *o,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn clusters_take_the_rest_as_the_value_of_their_last_option() {
        let a = options(&["-qh", "x.count", "-hy.count", "-e", "Idle->Discard"]).unwrap();
        assert!(a.quit && a.handlers == ["x.count", "y.count"]);
        assert_eq!(a.pieces, [Piece::Expression("Idle->Discard".into())]);
    }

    #[test]
    fn long_names_may_be_cut_short_and_negated() {
        let a = options(&["--hand=x.y", "--no-warn", "--simtime=5.5", "--allow", "--no-allow-reconfigure"]).unwrap();
        assert_eq!((a.handlers, a.warnings, a.reconfigurable), (vec!["x.y".to_string()], false, false));
        assert_eq!(a.simulated, Some(5_500_000_000));
        assert_eq!(options(&["--simt"]).unwrap().simulated, Some(SIMULATED_START));
        assert_eq!(options(&["--sim"]).unwrap().simulated, Some(SIMULATED_START), "both names mean the same");
        assert!(options(&["--ex", "y"]).unwrap_err().contains("‘--exit-handler’ or ‘--expression’"));
        assert_eq!(options(&["--nonsense"]).unwrap_err(), "unrecognized option ‘--nonsense’");
        assert_eq!(options(&["-Z"]).unwrap_err(), "unrecognized option ‘-Z’");
        assert_eq!(options(&["-h"]).unwrap_err(), "‘-h’ requires an argument");
        assert_eq!(options(&["--quit=1"]).unwrap_err(), "‘--quit’ can't take an argument");
    }

    #[test]
    fn parameters_stand_anywhere_but_one_file_is_enough() {
        let a = options(&["N=3", "a.click", "B_2=x=y", "--", "-=3"]);
        assert_eq!(a.unwrap_err(), "router configuration specified twice");
        let a = options(&["N=3", "a.click", "B_2=x=y", "N=4"]).unwrap();
        assert_eq!(a.defines, [("N".into(), "3".into()), ("B_2".into(), "x=y".to_string())]);
        assert_eq!((a.pieces, a.complaints.len()), (vec![Piece::File("a.click".into())], 1));
        assert_eq!(options(&["a-b=c"]).unwrap().pieces, [Piece::File("a-b=c".into())]);
        assert_eq!(options(&["-"]).unwrap().pieces, [Piece::File("-".into())]);
    }

    #[test]
    fn listeners_become_arguments_of_control_sockets() {
        let a = options(&["-p7777", "-p", "8000+", "-u", "/run/x", "--socket=3", "-j4", "-a"]).unwrap();
        assert_eq!(a.listeners, ["TCP, 7777", "TCP, 8000+", "UNIX, \"/run/x\"", "SOCKET, 3"]);
        assert_eq!((a.affinity, a.threads), (Some(0), 4));
        assert_eq!(options(&["--affinity=3"]).unwrap().affinity, Some(3));
        assert_eq!(options(&["-a", "--no-affinity"]).unwrap().affinity, None);
        assert_eq!(options(&["--no-affinity=3"]).unwrap_err(), "‘--no-affinity’ can't take an argument");
        assert_eq!(options(&["--affinity=x"]).unwrap_err(), "‘--affinity’ expects an integer, not ‘x’");
        for bad in ["0+", "70000", "x", "+"] {
            assert!(options(&["-p", bad]).unwrap_err().contains("TCP port number"), "{bad}");
        }
    }

    #[test]
    fn arguments_of_dpdk_end_at_two_dashes_or_are_one() {
        let fast =
            options(&["--dpdk", "-l", "1", "--vdev", "net_null0", "--", "-qh", "x.y", "a.click", "N=1"]).unwrap();
        assert_eq!(fast.dpdk.as_deref(), Some("-l 1 --vdev net_null0"));
        assert_eq!((fast.quit, fast.pieces), (true, vec![Piece::File("a.click".into())]));
        for one in [&["--dpdk", "-l 1 --vdev 'a b'", "a.click"][..], &["--dpdk=-l 1 --vdev 'a b'", "a.click"]] {
            let one = options(one).unwrap();
            assert_eq!(one.dpdk.as_deref(), Some("-l 1 --vdev 'a b'"));
            assert_eq!(one.pieces, [Piece::File("a.click".into())]);
        }
        let both = options(&["--dpdk", "-l 1 --no-pci", "--", "a.click"]).unwrap();
        assert_eq!(both.dpdk.as_deref(), Some("-l 1 --no-pci"));
        let blanks = options(&["--dpdk", "--vdev", "a b", "x'y", "--", "a.click"]).unwrap();
        assert_eq!(blanks.dpdk.as_deref(), Some("--vdev 'a b' 'x'\"'\"'y'"));
        assert_eq!(options(&["--dpdk", "--", "a.click"]).unwrap().dpdk.as_deref(), Some(""));
        assert_eq!(options(&["--dpdk"]).unwrap_err(), "‘--dpdk’ requires arguments, and ‘--’ behind them");
        assert_eq!(options(&["--dpdk=", "--dpdk="]).unwrap_err(), "--dpdk specified twice");
    }

    #[test]
    fn the_table_is_sorted() {
        assert!(TABLE[..TABLE.len() - 1].windows(2).all(|w| w[0].0 < w[1].0));
    }
}
