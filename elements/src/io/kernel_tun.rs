//! Exchanges packets with the host's network stack, through a TUN or TAP interface.
use super::backlog::Backlog;
use alloc::format;
use alloc::string::String;
use core::any::Any;
use sluice_dataplane::args::{Args, FromArg, Ipv4Prefix};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Activity, Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Arg, Handler, Info, State, Task};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::port::{Device, Direction, PortId, PortSpec, TunDevice};

/// Exchanges packets with the host's network stack: IP packets, or Ethernet frames with `TAP`.
pub struct KernelDevice<const TAP: bool> {
    rx: PortId,
    backlog: Backlog,
    pulls: bool,
    count: u64,
}

/// Exchanges IP packets with the host's network stack.
pub type KernelTun = KernelDevice<false>;
/// Exchanges Ethernet frames with the host's network stack.
pub type KernelTap = KernelDevice<true>;

const ARGS: &[Arg] = &[
    Arg::required("ADDRESS", "IP address/prefix", "address of the host's end"),
    Arg::keyword("DEVNAME", "interface", "chosen by the kernel", "name of the interface"),
    Arg::keyword("MTU", "bytes", "1500", "largest packet, 68 to 2112 (KernelTap: 2094)"),
    Arg::keyword("HEADROOM", "bytes", "128", "accepted"),
];

const HANDLERS: &[Handler] = &[
    Handler::read("count", "packets received from the host so far"),
    Handler::read("sent", "packets given to the host so far"),
    Handler::write("reset_counts", "sets both counts to 0"),
];

const BOTH: Info = Info {
    ports: "1/1",
    flow: "a/h",
    task: Task::Yes,
    state: State::Single,
    args: ARGS,
    handlers: HANDLERS,
    ..Info::new("", "io", "")
};

impl Configure for KernelTun {
    const INFO: &'static Info = &Info {
        class: "KernelTun",
        synopsis: "exchanges IP packets with the host",
        doc: "Makes a network interface of the host (a TUN device) with the given address. IP packets that the host sends \
              to it come out, with their network header set; packets that go in are received by the host. The interface \
              goes away with the last graph that uses it.",
        example: "tun :: KernelTun(10.99.0.1/24); tun -> ICMPPingResponder -> Queue -> tun;",
        see: &["KernelTap", "FromDevice", "ToDevice"],
        ..BOTH
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        Self::read(args, env, 2112)
    }
}

impl Configure for KernelTap {
    const INFO: &'static Info = &Info {
        class: "KernelTap",
        synopsis: "exchanges Ethernet frames with the host",
        doc: "Makes a network interface of the host (a TAP device) with the given address. Ethernet frames that the host \
              sends to it come out; frames that go in are received by the host. The interface goes away with the last \
              graph that uses it.",
        example: "tap :: KernelTap(10.99.0.1/24); tap -> Queue -> tap;",
        see: &["KernelTun", "FromDevice", "ToDevice"],
        ..BOTH
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        Self::read(args, env, 2094) // a frame has an Ethernet header and perhaps a VLAN tag more
    }
}

impl<const TAP: bool> KernelDevice<TAP> {
    fn read(args: &mut Args<'_>, env: &mut Env<'_>, most: u16) -> Self {
        let address: Ipv4Prefix = args.required("ADDRESS");
        let name = args.keyword("DEVNAME", String::blank());
        let mtu = args.keyword("MTU", 1500u16);
        let _ = args.keyword_some::<usize>("HEADROOM");
        if !(68..=most).contains(&mtu) {
            args.error(format!("MTU must be between 68 and {most}, is {mtu}"));
        }
        let prefix = address.length();
        if prefix.is_none() {
            args.error("ADDRESS: the mask has gaps");
        }
        let unnamed = if TAP { "tap%d" } else { "tun%d" };
        let device = TunDevice {
            name: if name.is_empty() { unnamed.into() } else { name },
            tap: TAP,
            address: prefix.map(|p| (address.addr, p as u8)),
            mtu,
        };
        let mut port = |direction| {
            let device = Device::Tun(device.clone());
            env.port(PortSpec { device, direction, promiscuous: false })
        };
        let (rx, tx) = (port(Direction::Receive), port(Direction::Transmit));
        KernelDevice { rx, backlog: Backlog::new(tx), pulls: env.input_pulls(0), count: 0 }
    }
}

impl<const TAP: bool> Element for KernelDevice<TAP> {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        self.backlog.push(cx, batch);
    }
    fn run(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, batch: &mut Batch) -> Activity {
        let sent = if self.pulls { self.backlog.pull(cx, up, cx.burst()) } else { Activity::Idle };
        cx.receive(self.rx, cx.burst(), batch);
        self.count += batch.len() as u64;
        if !TAP {
            batch.iter_mut().for_each(|p| p.set_net_off(0));
        }
        if !batch.is_empty() || sent == Activity::Busy { Activity::Busy } else { Activity::Waiting }
    }
    fn held(&self) -> usize {
        self.backlog.held()
    }
    fn release(&mut self) -> Option<Packet> {
        self.backlog.release()
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_mut::<Self>() {
            self.count = old.count;
            self.backlog.take_state(&mut old.backlog);
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "count" => format!("{}", self.count),
            _ => format!("{}", self.backlog.sent),
        })
    }
    fn write(&mut self, _cx: &mut Context<'_>, _handler: &str, _text: &str) -> Result<(), HandlerError> {
        (self.count, self.backlog.sent) = (0, 0);
        Ok(())
    }
}
