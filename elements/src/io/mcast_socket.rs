//! Exchanges packets with the members of a multicast group.
use super::backlog::Backlog;
use alloc::format;
use core::any::Any;
use core::net::Ipv4Addr;
use sluice_dataplane::args::{Args, UdpPort};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Activity, Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Arg, Handler, Info, Paths, State, Task};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::port::{Device, Direction, MulticastDevice, PortId, PortSpec};

/// Exchanges packets with the members of a multicast group.
pub struct McastSocket {
    rx: Option<PortId>,
    backlog: Option<Backlog>,
    pulls: bool,
    timestamp: bool,
    count: u64,
}

impl Configure for McastSocket {
    const INFO: &'static Info = &Info {
        ports: "0-1/0-1",
        flow: "a/h",
        paths: Paths::None,
        task: Task::Yes,
        state: State::Single,
        args: &[
            Arg::required("MCASTIP", "IP address", "address of the group"),
            Arg::required("MCASTPORT", "UDP port", "port of the group"),
            Arg::optional("SOURCEIP", "IP address", "the kernel's choice", "address that packets are sent from"),
            Arg::optional("SOURCEPORT", "UDP port", "0", "port that packets are sent from; the kernel chooses for 0"),
            Arg::keyword("LOOP", "boolean", "true", "members on this machine get what is sent too"),
            Arg::keyword("SNAPLEN", "bytes", "2048", "longer packets are cut"),
            Arg::keyword("RCVBUF", "bytes", "the kernel's", "buffer of the receiving socket"),
            Arg::keyword("SNDBUF", "bytes", "the kernel's", "buffer of the sending socket"),
            Arg::keyword("TIMESTAMP", "boolean", "true", "received packets carry the time as annotation"),
            Arg::keyword("HEADROOM", "bytes", "128", "accepted"),
        ],
        handlers: &[
            Handler::read("count", "packets received so far"),
            Handler::read("sent", "packets sent so far"),
            Handler::write("reset_counts", "sets both counts to 0"),
        ],
        doc: "Sends each packet that comes in as a UDP datagram to a multicast group (IPv4), and puts out the datagrams that \
              its members send. With SOURCEIP the group is joined on the interface with that address, and what this element has \
              sent itself is not received; without it the routing table says which interface that is, and own packets come \
              back unless LOOP is false.\n\nPackets that are pushed in and find the socket's buffer full are dropped as \
              `tx-full`; pulled ones wait.",
        example: "link :: McastSocket(239.0.0.1, 1234, 127.0.0.1); link -> Queue -> link;",
        see: &["KernelTap"],
        ..Info::new("McastSocket", "io", "exchanges packets with a multicast group")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        // It binds a UDP port of the host.
        if let Err(why) = env.confinement().listeners() {
            args.error(why);
        }
        let address: Ipv4Addr = args.required("MCASTIP");
        let UdpPort(port) = args.required("MCASTPORT");
        let source: Option<Ipv4Addr> = args.optional_some("SOURCEIP");
        let UdpPort(source_port) = args.optional("SOURCEPORT", UdpPort(0));
        let looped = args.keyword("LOOP", true);
        let snaplen = args.keyword("SNAPLEN", 2048);
        let buffers = [args.keyword_some("RCVBUF"), args.keyword_some("SNDBUF")];
        let timestamp = args.keyword("TIMESTAMP", true);
        let _ = args.keyword_some::<usize>("HEADROOM");
        if !address.is_multicast() {
            args.error_in("MCASTIP", &format!("{address} is no multicast address"));
        }
        let device = MulticastDevice {
            name: format!("{address}:{port}"),
            element: env.name().into(),
            group: (address, port),
            source: source.filter(|s| !s.is_unspecified()).map(|s| (s, source_port)),
            looped,
            buffers,
            snaplen,
        };
        let (sends, receives) = (env.inputs() > 0, env.outputs() > 0);
        let pulls = sends && env.input_pulls(0);
        let mut port = |wanted: bool, direction| {
            let device = Device::Multicast(device.clone());
            wanted.then(|| env.port(PortSpec { device, direction, promiscuous: false }))
        };
        let rx = port(receives, Direction::Receive);
        let backlog = port(sends, Direction::Transmit).map(Backlog::new);
        McastSocket { rx, backlog, pulls, timestamp, count: 0 }
    }
}

impl Element for McastSocket {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        if let Some(backlog) = &mut self.backlog {
            backlog.push(cx, batch);
        }
    }
    fn run(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, batch: &mut Batch) -> Activity {
        let sent = match &mut self.backlog {
            Some(backlog) if self.pulls => backlog.pull(cx, up, cx.burst()),
            _ => Activity::Idle,
        };
        let Some(rx) = self.rx else { return sent };
        cx.receive(rx, cx.burst(), batch);
        if batch.is_empty() {
            return if sent == Activity::Busy { sent } else { Activity::Waiting };
        }
        self.count += batch.len() as u64;
        if self.timestamp {
            let now = cx.now();
            batch.iter_mut().for_each(|p| p.set_timestamp(now));
        }
        Activity::Busy
    }
    fn held(&self) -> usize {
        self.backlog.as_ref().map_or(0, Backlog::held)
    }
    fn release(&mut self) -> Option<Packet> {
        self.backlog.as_mut()?.release()
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_mut::<Self>() {
            self.count = old.count;
            if let (Some(new), Some(old)) = (&mut self.backlog, &mut old.backlog) {
                new.take_state(old);
            }
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "count" => format!("{}", self.count),
            _ => format!("{}", self.backlog.as_ref().map_or(0, |b| b.sent)),
        })
    }
    fn write(&mut self, _cx: &mut Context<'_>, _handler: &str, _text: &str) -> Result<(), HandlerError> {
        self.count = 0;
        if let Some(backlog) = &mut self.backlog {
            backlog.sent = 0;
        }
        Ok(())
    }
}
