//! Sends frames through a network interface by an AF_XDP socket.
use super::backlog::Backlog;
use super::xdp_words::{self, Copy};
use alloc::format;
use alloc::string::String;
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::{Batch, MAX_BURST};
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Activity, Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Arg, Handler, Info, State, Task};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::port::{Device, Direction, PortSpec, XdpCopy, XdpDevice, XdpMode};

/// Sends frames through a network interface by an AF_XDP socket.
pub struct ToXDP {
    backlog: Backlog,
    burst: usize,
}

impl Configure for ToXDP {
    const INFO: &'static Info = &Info {
        ports: "1/0",
        task: Task::IfPull,
        state: State::Single,
        args: &[
            Arg::required("DEVNAME", "interface", "the network interface"),
            Arg::keyword("QUEUE", "number", "0", "its queue that is used"),
            Arg::keyword("ZEROCOPY", "word", "auto", "copy: always copied; zerocopy: never, or an error; auto"),
            Arg::keyword("BURST", "packets", "64", "frames sent in one turn"),
            Arg::keyword("NDESC", "frames", "2048", "size of the queue's rings, a power of two from 64 to 32768"),
        ],
        handlers: &[
            Handler::read("count", "frames sent so far"),
            Handler::read("dropped", "frames that were not sent: pushed without room, too long, or the interface down"),
            Handler::read("mode", "what was got: \"copy\" or \"zero-copy\""),
            Handler::write("reset_counts", "sets both counts to 0"),
        ],
        doc: "Sends frames, which must start with their Ethernet header, through a network interface, past its queueing \
              discipline, by an AF_XDP socket, which it shares with a FromXDP of the same interface and queue. With a \
              pull input it pulls as fast as the interface takes frames, and rests while it does not; with a push input, \
              frames that the interface does not take are dropped as `tx_full`. Frames longer than the interface allows \
              are dropped as `oversize`.",
        example: "FromXDP(lo) -> Queue -> ToXDP(lo);",
        see: &["FromXDP", "ToDevice"],
        ..Info::new("ToXDP", "io", "sends frames through a network interface by AF_XDP")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let name: String = args.required("DEVNAME");
        let queue = xdp_words::queue(args);
        let copy = args.keyword("ZEROCOPY", Copy(XdpCopy::Auto)).0;
        let burst = args.keyword("BURST", MAX_BURST);
        let ring = xdp_words::ring(args);
        if burst == 0 {
            args.error("BURST must be at least 1");
        }
        let device = Device::Xdp(XdpDevice { name, queue, queues: 1, mode: XdpMode::Auto, copy, ring });
        let port = env.port(PortSpec { device, direction: Direction::Transmit, promiscuous: false });
        ToXDP { backlog: Backlog::new(port), burst }
    }
}

impl Element for ToXDP {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        self.backlog.push(cx, batch);
    }
    fn run(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, _batch: &mut Batch) -> Activity {
        self.backlog.pull(cx, up, self.burst)
    }
    fn held(&self) -> usize {
        self.backlog.held()
    }
    fn release(&mut self) -> Option<Packet> {
        self.backlog.release()
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_mut::<ToXDP>() {
            self.backlog.take_state(&mut old.backlog);
        }
    }
    fn read(&mut self, cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "count" => format!("{}", self.backlog.sent),
            "dropped" => format!("{}", self.backlog.lost),
            what => cx.ask_port(self.backlog.port, Direction::Transmit, what).unwrap_or_default(),
        })
    }
    fn write(&mut self, _cx: &mut Context<'_>, _handler: &str, _text: &str) -> Result<(), HandlerError> {
        (self.backlog.sent, self.backlog.lost) = (0, 0);
        Ok(())
    }
}
