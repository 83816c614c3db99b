use super::protocol::{BANNER, LONGEST_DATA, LONGEST_LINE, talk};
use super::*;
use std::collections::HashMap;
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::Duration;

/// Handlers of which `x.rw` keeps what is written.
#[derive(Clone, Default)]
struct Fake(Arc<Mutex<HashMap<String, String>>>);

impl Handlers for Fake {
    fn call(&self, call: Call) -> Option<Reply> {
        let mut all = self.0.lock().expect("values");
        Some(match (&*call.path, call.op) {
            ("gone", _) => return None,
            ("x.bad", _) => Err("first\nsecond".into()),
            ("x.echo", crate::handler::Op::Read(text)) => Ok(format!("<{text}>")),
            (path, crate::handler::Op::Read(_)) => Ok(all.get(path).cloned().unwrap_or_default()),
            (path, crate::handler::Op::Write(text)) => {
                all.insert(path.into(), text);
                Ok(String::new())
            }
        })
    }
    fn access(&self, path: &str) -> Option<Result<Access, HandlerError>> {
        Some(match path {
            "x.rw" | "x.bad" => Ok(Access::ReadWrite),
            "x.echo" | "x.name" | "gone" => Ok(Access::Read),
            "x.w" => Ok(Access::Write),
            "dead" => return None,
            p if p.starts_with("x.") => Err(HandlerError::NoHandler(p[2..].into())),
            p => Err(HandlerError::NoElement(p.split('.').next().unwrap_or_default().into())),
        })
    }
}

/// What the server says to this, without the banner.
fn answers(read_only: bool, text: &[u8]) -> String {
    let mut out = Vec::new();
    // A small buffer, so that lines and data come in pieces.
    talk(&Fake::default(), read_only, BufReader::with_capacity(3, text), &mut out).expect("no error");
    let out = String::from_utf8(out).expect("text");
    out.strip_prefix(BANNER).expect("the banner first").to_string()
}

#[test]
fn commands_get_clicks_answers() {
    let cases: [(&str, &str); 23] = [
        ("READ x.echo a  b \r\n", "200 Read handler 'x.echo' OK\r\nDATA 6\r\n<a  b>"),
        ("read x.echo\n", "200 Read handler 'x.echo' OK\r\nDATA 2\r\n<>"),
        ("READDATA x.echo 3\r\n\nb\rQUIT\r", "200 Read handler 'x.echo' OK\r\nDATA 5\r\n<\nb\r>200 Goodbye!\r\n"),
        (
            "READUNTIL x.echo END \r\na\r\nb\r\nEND  \r\nHELLO",
            "200 Read handler 'x.echo' OK\r\nDATA 8\r\n<a\r\nb\r\n>501 Command 'HELLO' unimplemented\r\n",
        ),
        ("READUNTIL x.echo\na\n\nquit\n", "200 Read handler 'x.echo' OK\r\nDATA 4\r\n<a\n>200 Goodbye!\r\n"),
        ("WRITE x.rw 5 6\rREAD x.rw\r", "200 Write handler 'x.rw' OK\r\n200 Read handler 'x.rw' OK\r\nDATA 3\r\n5 6"),
        (
            "WRITEDATA x.rw 2\n\n\nREAD x.rw\n",
            "200 Write handler 'x.rw' OK\r\n200 Read handler 'x.rw' OK\r\nDATA 2\r\n\n\n",
        ),
        ("READ x.bad\n", "590-Read handler 'x.bad' error:\r\n590-first\r\n590 second\r\n"),
        ("WRITE x.bad\n", "520-Write handler 'x.bad' error:\r\n520-first\r\n520 second\r\n"),
        ("READ x.w\n", "530 Handler 'x.w' write-only\r\n"),
        ("WRITE x.echo\n", "530 Handler 'x.echo' read-only\r\n"),
        ("READ x.none\n", "511 No handler named 'x.none'\r\n"),
        ("READ y.z\n", "510 No element named 'y'\r\n"),
        (
            "READ\nREADDATA x.echo\nCHECKREAD a b\n",
            "500 Wrong number of arguments\r\n500 Wrong number of arguments\r\n500 Wrong number of arguments\r\n",
        ),
        ("CHECKREAD x.rw\nCHECKWRITE x.rw\n", "200 Read handler 'x.rw' OK\r\n200 Write handler 'x.rw' OK\r\n"),
        (
            "CHECKREAD x.w\nCHECKWRITE x.echo\n",
            "511 Handler 'x.w' not readable\r\n511 Handler 'x.echo' not writable\r\n",
        ),
        ("LLRPC x#1 2\r\nabREAD dead\r\n", "501 Cannot call LLRPC 'x#1' remotely\r\n540 No router installed\r\n"),
        (
            "LLRPC x\nLLRPC x#g\nLLRPC y#1\n",
            "500 Syntax error in LLRPC name 'x'\r\n500 Syntax error in LLRPC name 'x#g'\r\n510 No element named 'y'\r\n",
        ),
        ("READ gone\n", "540 No router installed\r\n"),
        ("READDATA x.echo 5\nabc", "500 Not enough data\r\n"),
        ("READDATA x.echo many\nabc", "500 Syntax error in 'READDATA'\r\n"),
        ("WRITEUNTIL x.rw END\nabc", "500 Not enough data\r\n"),
        ("\r\n  \r\nquit now\n", "500 Bad command syntax\r\n200 Goodbye!\r\n"),
    ];
    for (text, answer) in cases {
        assert_eq!(answers(false, text.as_bytes()), answer, "{text:?}");
    }
    let help = answers(false, b"HELP\n");
    assert!(
        help.starts_with("200-Commands supported:\r\n200-READ")
            && help.ends_with("200 QUIT                    close connection\r\n")
    );
}

#[test]
fn a_read_only_socket_refuses_to_write() {
    assert_eq!(
        answers(true, b"WRITE x.rw 5\nCHECKWRITE x.rw\nREAD x.rw\n"),
        "530 Permission denied for 'x.rw'\r\n530 Permission denied for 'x.rw'\r\n200 Read handler 'x.rw' OK\r\nDATA 0\r\n"
    );
}

#[test]
fn lines_and_data_have_limits() {
    let line = vec![b'x'; LONGEST_LINE + 10];
    assert_eq!(answers(false, &line), "500 Line too long\r\n");
    let data = format!("WRITEDATA x.rw {}\n", LONGEST_DATA + 1);
    assert_eq!(answers(false, data.as_bytes()), "521 Data too large\r\n");
    let huge = format!("WRITEDATA x.rw {}\nabc", u64::MAX);
    assert_eq!(answers(false, huge.as_bytes()), "521 Data too large\r\n");
}

#[test]
fn bytes_of_any_kind_do_no_harm() {
    let mut seed = 1u64;
    for _ in 0..200 {
        let words =
            ["READ ", "WRITEDATA ", "x.rw", " 3", "\r\n", "\n", "\r", "READUNTIL ", "\u{7f}", "LLRPC ", "é", "\0"];
        let mut text = Vec::new();
        for _ in 0..40 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            match seed >> 60 {
                n @ 0..12 => text.extend_from_slice(words[n as usize].as_bytes()),
                _ => text.push((seed >> 40) as u8),
            }
        }
        let mut out = Vec::new();
        talk(&Fake::default(), false, BufReader::with_capacity(5, &text[..]), &mut out).expect("no error");
    }
}

fn request(address: Address) -> Request {
    let socket = Arc::new(Socket::new(address));
    socket.bind().expect("a free address");
    Request { socket, options: Options { name: "c".into(), verbose: true, ..Options::default() } }
}

fn line(from: &mut impl Read) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n") && from.read(&mut byte).expect("a byte") == 1 {
        text.push(byte[0]);
    }
    String::from_utf8(text).expect("text")
}

#[test]
fn clients_are_served_over_tcp_and_survive_an_update() {
    let log: Arc<Mutex<Vec<String>>> = Arc::default();
    let sink = log.clone();
    let mut servers = Servers::new(Fake::default(), move |l| sink.lock().expect("log").push(l.into()));
    let wanted = request(Address::Tcp { port: 0, local: true, or_next: false });
    let port = wanted.socket.port().expect("a port");
    servers.update(std::slice::from_ref(&wanted)).expect("threads");
    let connect = || {
        let s = TcpStream::connect(("127.0.0.1", port)).expect("connection");
        s.set_read_timeout(Some(Duration::from_secs(20))).expect("timeout");
        s
    };
    let _silent = connect(); // never says anything
    let mut broken = connect();
    broken.write_all(b"WRITEDATA x.rw 100\r\nabc").expect("write");
    drop(broken);
    let mut client = connect();
    assert_eq!(line(&mut client), BANNER);
    client.write_all(b"WRITEDATA x.rw 3\r\nabcREAD x.rw\r\n").expect("write");
    assert_eq!(line(&mut client), "200 Write handler 'x.rw' OK\r\n");
    assert_eq!(line(&mut client), "200 Read handler 'x.rw' OK\r\n");
    assert_eq!(line(&mut client), "DATA 3\r\n");
    let mut data = [0; 3];
    client.read_exact(&mut data).expect("data");
    assert_eq!(&data, b"abc");
    // The next graph asks for the same socket, read-only: old connections go on.
    let mut again = wanted.clone();
    again.options.read_only = true;
    servers.update(&[again]).expect("threads");
    client.write_all(b"CHECKWRITE x.rw\r\n").expect("write");
    assert_eq!(line(&mut client), "200 Write handler 'x.rw' OK\r\n");
    let mut late = connect();
    late.write_all(b"CHECKWRITE x.rw\r\n").expect("write");
    assert_eq!(line(&mut late), BANNER);
    assert_eq!(line(&mut late), "530 Permission denied for 'x.rw'\r\n");
    // The graph after that does not.
    servers.update(&[]).expect("nothing");
    assert_eq!(line(&mut client), "");
    assert!(log.lock().expect("log")[0].starts_with("c: opened connection 1 from 127.0.0.1."));
    drop(wanted);
    for _ in 0..1000 {
        if TcpStream::connect(("127.0.0.1", port)).is_err() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the socket is still open");
}

#[test]
fn a_unix_socket_leaves_no_name_behind_and_a_taken_address_is_tried_again() {
    let folder = std::env::temp_dir().join(format!("control-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("folder");
    let name = folder.join("socket").to_string_lossy().into_owned();
    let address = Address::Unix(name.clone());
    let first = request(address.clone());
    let second = Arc::new(Socket::new(address));
    assert_eq!(second.bind(), Err("bind: Address already in use".into()));
    let options = Options { name: "c".into(), retries: 3, ..Options::default() };
    let mut servers = Servers::new(Fake::default(), |_| ());
    servers.update(&[Request { socket: second.clone(), options }]).expect("threads");
    assert!(Socket::new(Address::Unix("/dev/null".into())).bind().is_err(), "what is no socket stays");
    drop(first); // removes the name
    for _ in 0..1000 {
        if second.is_bound() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut client = std::os::unix::net::UnixStream::connect(&name).expect("connection");
    assert_eq!(line(&mut client), BANNER);
    drop((servers, second));
    assert_eq!(line(&mut client), "");
    for _ in 0..1000 {
        if !std::path::Path::new(&name).exists() {
            std::fs::remove_dir(&folder).expect("an empty folder");
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the name is still there");
}

#[test]
fn a_name_that_a_dead_process_left_behind_is_taken_over() {
    let name = std::env::temp_dir().join(format!("left-over-{}", std::process::id()));
    drop(std::os::unix::net::UnixListener::bind(&name).expect("a socket")); // the name stays
    let wanted = request(Address::Unix(name.to_string_lossy().into_owned()));
    std::os::unix::net::UnixStream::connect(&name).expect("connection");
    drop(wanted);
    assert!(!name.exists());
}

#[test]
fn a_taken_port_leads_to_the_next_free_one() {
    let first = request(Address::Tcp { port: 0, local: true, or_next: false });
    let taken = first.socket.port().expect("a port");
    let second = request(Address::Tcp { port: taken, local: true, or_next: true });
    let port = second.socket.port().expect("a port");
    assert!((taken + 1..=taken + socket::NEXT_PORTS).contains(&port), "{taken} {port}");
}

#[test]
fn a_connection_that_was_there_from_the_start_is_served_once() {
    use std::os::fd::AsRawFd as _;
    let (ours, mut client) = std::os::unix::net::UnixStream::pair().expect("a pair");
    let wanted = request(Address::Descriptor(ours.as_raw_fd()));
    drop(ours);
    let mut servers = Servers::new(Fake::default(), |_| ());
    servers.update(std::slice::from_ref(&wanted)).expect("threads");
    assert_eq!(line(&mut client), BANNER);
    servers.update(&[wanted]).expect("the next graph");
    client.write_all(b"QUIT\r\n").expect("write");
    assert_eq!(line(&mut client), "200 Goodbye!\r\n");
    assert_eq!(line(&mut client), "");
    assert_eq!(Socket::new(Address::Descriptor(1 << 20)).bind(), Err("socket: Bad file descriptor".into()));
}

#[test]
fn clients_beyond_the_limit_are_turned_away() {
    let mut servers = Servers::new(Fake::default(), |_| ());
    let wanted = request(Address::Tcp { port: 0, local: true, or_next: false });
    let port = wanted.socket.port().expect("a port");
    servers.update(&[wanted]).expect("threads");
    let mut all: Vec<TcpStream> =
        (0..=server::CONNECTIONS).map(|_| TcpStream::connect(("127.0.0.1", port)).expect("connection")).collect();
    let mut last = all.pop().expect("the last one");
    assert_eq!(line(&mut last), "500 Too many connections\r\n");
    assert_eq!(line(&mut all[server::CONNECTIONS - 1]), BANNER);
}
