//! Control sockets and signals, in `sluice click` and `sluice run`.
#![allow(clippy::unwrap_used)] // a test that cannot go on panics
#[allow(dead_code)]
mod program;
use program::{Folder, Run, sluice, start};
use rustix::process::{Signal, kill_process};
use sluice_dataplane::time::now;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(20);

/// A client of the protocol: sends lines, reads answers.
struct Client(BufReader<UnixStream>);

impl Client {
    fn connect(path: &str) -> Client {
        let start = now();
        loop {
            match UnixStream::connect(path) {
                Ok(s) => {
                    s.set_read_timeout(Some(LONG)).unwrap();
                    let mut c = Client(BufReader::new(s));
                    assert_eq!(c.line(), "Click::ControlSocket/1.3");
                    return c;
                }
                Err(e) => assert!(now() - start < LONG.as_nanos() as u64, "{path}: {e}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_string()
    }
    /// Sends a request; gives the lines of the answer.
    fn ask(&mut self, request: &str) -> String {
        self.0.get_mut().write_all(format!("{request}\r\n").as_bytes()).unwrap();
        let mut answer = self.line();
        while answer.lines().last().is_some_and(|l| l.get(3..4) == Some("-")) {
            answer = answer + "\n" + &self.line();
        }
        answer
    }
    fn read(&mut self, handler: &str) -> String {
        assert_eq!(self.ask(&format!("READ {handler}")), format!("200 Read handler '{handler}' OK"));
        let len = self.line().strip_prefix("DATA ").unwrap().parse().unwrap();
        let mut data = vec![0; len];
        self.0.read_exact(&mut data).unwrap();
        String::from_utf8(data).unwrap()
    }
}

/// All five packets are counted: it takes some rounds.
fn counted(c: &mut Client) {
    let start = now();
    while c.read("c.count") != "5" {
        assert!(now() - start < LONG.as_nanos() as u64);
    }
}

/// Waits for the end; gives what was printed, and the exit status.
fn end(mut run: Run) -> (String, String, i32) {
    let ended = run.0.take().unwrap().wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(ended.stdout), text(ended.stderr), ended.status.code().unwrap())
}

const IDLE: &str = "InfiniteSource(LIMIT 5) -> c :: Counter -> Discard;";

#[test]
fn the_option_of_click_opens_a_socket() {
    let dir = Folder::new("control-click");
    let path = dir.path("socket");
    let child = start(&["click", "-u", &path, "-e", IDLE, "-h", "c.count"]);
    let mut c = Client::connect(&path);
    counted(&mut c);
    assert!(c.read("list").ends_with("click_driver@@ControlSocket\n"));
    assert!(c.ask("READ nix.count").starts_with("510 "));
    assert!(c.ask("WRITE hotconfig Idle").starts_with("5"), "not without -R");
    assert!(c.ask("WRITE stop").starts_with("200 "));
    assert_eq!(end(child), ("5\n".into(), String::new(), 0));
    assert!(!std::path::Path::new(&path).exists());
}

#[test]
fn a_port_is_served_in_simulated_time_too() {
    let dir = Folder::new("control-simtime");
    let path = dir.path("socket");
    let child = start(&["click", "--simtime", "-u", &path, "-e", IDLE]);
    let mut c = Client::connect(&path);
    counted(&mut c);
    assert!(c.ask("WRITE stop").starts_with("200 "));
    assert_eq!(end(child).2, 0);
}

#[test]
fn hotconfig_replaces_the_graph_and_keeps_state_and_connections() {
    let dir = Folder::new("control-hotconfig");
    let path = dir.path("socket");
    let child = start(&["click", "-R", "-u", &path, "-e", IDLE, "-h", "c.count"]);
    let mut c = Client::connect(&path);
    counted(&mut c);
    let bad = c.ask("WRITE hotconfig x :: Nix;");
    assert!(bad.starts_with("520-") && bad.contains("unknown element class 'Nix'"), "{bad}");
    counted(&mut c);
    assert!(
        c.ask("WRITE hotconfig InfiniteSource(LIMIT 3) -> c :: Counter -> n :: Null -> Discard;").starts_with("200 ")
    );
    assert!(c.read("list").contains("\nn\n"), "the new graph is there when the answer is");
    assert!(c.ask("WRITE stop").starts_with("200 "));
    let (out, err, status) = end(child);
    assert_eq!((err.as_str(), status), ("", 0));
    assert!(out.trim_end().parse::<u64>().unwrap() >= 5, "{out}");
}

#[test]
fn an_element_opens_a_socket_under_run() {
    let dir = Folder::new("control-run");
    let (element, option) = (dir.path("element"), dir.path("option"));
    let file = dir.file("a.click", &format!("ControlSocket(unix, {element}); {IDLE}"));
    let child = start(&["run", "-q", &file, "-u", &option]);
    counted(&mut Client::connect(&element));
    let mut c = Client::connect(&option);
    counted(&mut c);
    assert!(c.ask("WRITE stop").starts_with("200 "));
    assert_eq!(end(child).2, 0);
}

#[test]
fn a_taken_address_is_an_error_of_the_configuration() {
    let dir = Folder::new("control-taken");
    let path = dir.file("socket", "not a socket");
    let (out, err, status) = end(start(&["click", "-u", &path, "-e", IDLE, "-h", "c.count"]));
    assert_eq!((out.as_str(), status), ("", 1));
    assert!(err.contains("Address already in use") && err.ends_with("Router could not be initialized!\n"), "{err}");
}

#[test]
fn signals_go_to_the_scripts_that_want_them() {
    let dir = Folder::new("control-signal");
    let path = dir.path("socket");
    let text = format!("{IDLE} Script(TYPE SIGNAL USR1, print \"came\"); Script(TYPE SIGNAL INT, print \"kept\");");
    let child = start(&["click", "-u", &path, "-e", &text]);
    let mut c = Client::connect(&path);
    let pid = child.pid();
    for signal in [Signal::USR1, Signal::INT] {
        kill_process(pid, signal).unwrap();
        std::thread::sleep(Duration::from_millis(200));
    }
    counted(&mut c);
    kill_process(pid, Signal::TERM).unwrap();
    let (out, err, status) = end(child);
    assert_eq!((out.as_str(), err.as_str(), status), ("came\nkept\n", "", 0));
}

#[test]
fn a_signal_comes_before_what_is_due_later_and_goes_to_scripts_that_have_ended_only() {
    let script = "Script(print \"a\", set y $(kill USR1 $$), wait 1us, print \"b\", set y $(kill USR1 $$), wait 1us, print \"c\", stop);";
    let run = |end: &str| sluice(&["click", "-e", &format!("{script} Script(TYPE SIGNAL USR1, print \"got\", {end})")]);
    let r = run("end");
    assert_eq!((r.out.as_str(), r.status), ("a\ngot\nb\ngot\nc\n", 0), "{}", r.err);
    // `exit` gives the signal back: the second one ends the process.
    for how in ["exit", "wait 100s, end"] {
        let r = run(how);
        assert_eq!(r.out, "a\ngot\nb\n", "{how}: {}", r.err);
        assert_eq!(r.status, 128 + 10, "{how}: SIGUSR1");
    }
}
