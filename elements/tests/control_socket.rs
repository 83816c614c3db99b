//! A control socket of a running graph, and what becomes of it when the graph is replaced.
mod common;

use common::Bench;
use sluice_dataplane::control::Servers;
use sluice_dataplane::lang::render_native;
use sluice_dataplane::worker::{Pace, Worker};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

struct Client(BufReader<TcpStream>);

impl Client {
    fn new(port: u16) -> Client {
        let s = TcpStream::connect(("127.0.0.1", port)).expect("connection");
        s.set_read_timeout(Some(Duration::from_secs(20))).expect("timeout");
        let mut client = Client(BufReader::new(s));
        assert_eq!(client.line(), "Click::ControlSocket/1.3");
        client
    }
    fn line(&mut self) -> String {
        let mut text = String::new();
        self.0.read_line(&mut text).expect("a line");
        text.trim_end().to_string()
    }
    fn say(&mut self, text: &str) -> String {
        self.0.get_mut().write_all(text.as_bytes()).expect("write");
        self.line()
    }
    /// Reads a handler whose value has no line end.
    fn read(&mut self, handler: &str) -> String {
        let said = self.say(&format!("READ {handler}\r\n"));
        assert_eq!(said, format!("200 Read handler '{handler}' OK"));
        let length: usize = self.line().strip_prefix("DATA ").expect("data").parse().expect("a length");
        let mut data = vec![0; length];
        std::io::Read::read_exact(&mut self.0, &mut data).expect("the data");
        String::from_utf8(data).expect("text")
    }
}

#[test]
fn a_socket_survives_the_graph_that_asked_for_it() {
    let config = "cs :: ControlSocket(tcp, 0); add :: Script(TYPE PASSIVE, return $(add $1 $2));
        q :: Script(export x 5, pause); t :: Script(TYPE PASSIVE, set n $(q.x), write q.set x 7, return $n$(q.x));";
    let mut bench = Bench::empty(32, 64);
    let plan = bench.plan(config).unwrap_or_else(|e| panic!("{}", render_native(&e)));
    let sockets = plan.services.sockets.clone();
    let port = sockets[0].socket.port().expect("a port");
    let Bench { mut engine, mut builder, .. } = bench;
    drop(engine.swap(plan));
    let worker = Worker::start(engine, Pace { wait_for_commands: true, ..Pace::default() }, |_: &str| ());
    let worker = worker.expect("a thread");
    let mut servers = Servers::new(worker.remote(), |_: &str| ());
    servers.update(&sockets).expect("threads");
    drop(sockets);
    let mut client = Client::new(port);
    assert_eq!(client.say("READ add.run 2 3\r\n"), "200 Read handler 'add.run' OK");
    assert_eq!(client.line(), "DATA 1");
    let mut digit = [0];
    std::io::Read::read_exact(&mut client.0, &mut digit).expect("the data");
    assert_eq!(digit, *b"5");
    assert_eq!(client.read("t.run"), "57");
    assert_eq!(client.read("cs.port"), port.to_string());
    assert_eq!(client.read("1.name"), "cs");
    assert_eq!(client.say("READ nobody.x\r\n"), "510 No element named 'nobody'");

    // The next graph asks for the same address. The connection goes on.
    let load = |builder: &mut sluice_dataplane::graph::plan::Builder, config: &str| {
        let checked = builder.load(config, "config", &[], None).expect("good");
        let mut refuse = |_: &sluice_dataplane::port::PortSpec| Err("no devices".to_string());
        builder.prepare(checked, &mut refuse).expect("opened").0
    };
    let plan =
        load(&mut builder, "cs :: ControlSocket(tcp, 0, READONLY true); new :: Script(TYPE PASSIVE, return here);");
    servers.update(&plan.services.sockets).expect("threads");
    worker.remote().run(move |e| drop(e.swap(plan))).expect("a worker");
    assert_eq!(client.read("new.run"), "here");
    assert_eq!(Client::new(port).say("WRITE new.run\r\n"), "530 Permission denied for 'new.run'");

    // The one after that has none.
    let plan = load(&mut builder, "new :: Script(TYPE PASSIVE, return there);");
    servers.update(&plan.services.sockets).expect("threads");
    worker.remote().run(move |e| drop(e.swap(plan))).expect("a worker");
    assert_eq!(client.line(), "");
    worker
        .remote()
        .run(|e| e.call(sluice_dataplane::handler::Call::write("stop", "")))
        .expect("a worker")
        .expect("stop");
    assert!(worker.join().is_some());
}
