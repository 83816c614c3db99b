//! Receives frames from a network interface through AF_XDP sockets.
use super::xdp_words::{self, Copy, Mode};
use alloc::format;
use alloc::string::String;
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Activity, Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Arg, Handler, Info, State, Task};
use sluice_dataplane::port::{Device, Direction, PortId, PortSpec, XdpCopy, XdpDevice, XdpMode};

/// Receives frames from a network interface through AF_XDP sockets.
pub struct FromXDP {
    port: PortId,
    burst: Option<usize>,
    count: u64,
    /// What the port had lost when the counts were last set to 0.
    lost_before: u64,
}

impl Configure for FromXDP {
    const INFO: &'static Info = &Info {
        ports: "0/1",
        flow: "/h",
        task: Task::Yes,
        state: State::Single,
        args: &[
            Arg::required("DEVNAME", "interface", "the network interface"),
            Arg::keyword("QUEUE", "number", "0", "its first receive queue that is used"),
            Arg::keyword("N_QUEUES", "number", "1", "how many are used; frames of others go to the host"),
            Arg::keyword("MODE", "word", "auto", "native: in the driver; generic: before the host's stack; auto"),
            Arg::keyword("ZEROCOPY", "word", "auto", "copy: always copied; zerocopy: never, or an error; auto"),
            Arg::keyword("PROMISC", "boolean", "false", "receives frames for other hosts too"),
            Arg::keyword("BURST", "packets", "the engine's", "frames received in one turn"),
            Arg::keyword("NDESC", "frames", "2048", "size of a queue's rings, a power of two from 64 to 32768"),
        ],
        handlers: &[
            Handler::read("count", "frames received so far"),
            Handler::read(
                "dropped",
                "frames that the kernel dropped because the rings were full or they were too long",
            ),
            Handler::read("mode", "what was got, such as \"native, copy\""),
            Handler::write("reset_counts", "sets both counts to 0"),
        ],
        doc: "Receives frames from a network interface through AF_XDP sockets: they are taken before the host's stack sees \
              them, so the host does not get them. Frames start with their Ethernet header; the packet type annotation \
              says to whom they were addressed. FromXDP and ToXDP of one interface and queue share a socket. A program \
              is attached to the interface meanwhile, and taken off when the last FromXDP goes; an interface that \
              carries one of its own is an error. Needs root, and Linux 5.9.\n\nChecksums that a sender in the same \
              machine left to its hardware (over veth, say) are filled in. VLAN tags that the hardware or a veth peer \
              keeps beside the frame are lost (`ethtool -K DEV rxvlan off`, at the peer `txvlan off`); super-frames are \
              dropped by the kernel: veth does not send any to a native program, in generic mode switch them off at \
              the sender (`tso off gso off`). An interface that goes away is reported, and opened again when it is back.",
        example: "FromXDP(lo) -> Queue -> ToXDP(lo);",
        see: &["ToXDP", "FromDevice"],
        ..Info::new("FromXDP", "io", "receives frames from a network interface through AF_XDP")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let name: String = args.required("DEVNAME");
        let queue = xdp_words::queue(args);
        let queues = args.keyword("N_QUEUES", 1u32);
        let mode = args.keyword("MODE", Mode(XdpMode::Auto)).0;
        let copy = args.keyword("ZEROCOPY", Copy(XdpCopy::Auto)).0;
        let promiscuous = args.keyword("PROMISC", false);
        let burst = args.keyword_some("BURST");
        let ring = xdp_words::ring(args);
        if burst == Some(0) {
            args.error("BURST must be at least 1");
        }
        if queues == 0 || queues > 1024 - queue {
            args.error("N_QUEUES must be at least 1, and the last queue at most 1023");
        }
        let device = Device::Xdp(XdpDevice { name, queue, queues, mode, copy, ring });
        let port = env.port(PortSpec { device, direction: Direction::Receive, promiscuous });
        FromXDP { port, burst, count: 0, lost_before: 0 }
    }
}

impl Element for FromXDP {
    fn run(&mut self, cx: &mut Context<'_>, _up: &mut Upstream<'_>, batch: &mut Batch) -> Activity {
        cx.receive(self.port, self.burst.unwrap_or(cx.burst()), batch);
        if batch.is_empty() {
            return if cx.port_exhausted(self.port) { Activity::Idle } else { Activity::Waiting };
        }
        self.count += batch.len() as u64;
        Activity::Busy
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<FromXDP>() {
            self.count = old.count;
            if self.port == old.port {
                self.lost_before = old.lost_before;
            }
        }
    }
    fn read(&mut self, cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "count" => format!("{}", self.count),
            "dropped" => format!("{}", cx.port_kernel_drops(self.port).saturating_sub(self.lost_before)),
            what => cx.ask_port(self.port, Direction::Receive, what).unwrap_or_default(),
        })
    }
    fn write(&mut self, cx: &mut Context<'_>, _handler: &str, _text: &str) -> Result<(), HandlerError> {
        self.count = 0;
        self.lost_before = cx.port_kernel_drops(self.port);
        Ok(())
    }
}
