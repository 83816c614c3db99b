//! Receives frames from a network interface.
use alloc::format;
use alloc::string::String;
use core::any::Any;
use sluice_dataplane::args::{Args, Raw};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Activity, Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info, State, Task};
use sluice_dataplane::port::{Device, Direction, PortId, PortSpec};

/// Receives frames from a network interface.
pub struct FromDevice {
    port: PortId,
    burst: Option<usize>,
    active: bool,
    snaplen: usize,
    count: u64,
}

impl Configure for FromDevice {
    const INFO: &'static Info = &Info {
        ports: "0/1",
        flow: "/h",
        task: Task::Yes,
        state: State::Replicated,
        args: &[
            Arg::required("DEVNAME", "interface", "the network interface"),
            Arg::keyword("SNIFFER", "boolean", "true", "accepted; the host goes on receiving the frames too"),
            Arg::keyword("PROMISC", "boolean", "false", "receives frames for other hosts too"),
            Arg::keyword("SNAPLEN", "bytes", "65535", "longer frames are cut"),
            Arg::keyword("BURST", "packets", "the engine's", "frames received in one turn"),
            Arg::keyword("TIMESTAMP", "boolean", "true", "accepted; frames carry the kernel's time as annotation"),
            Arg::keyword("METHOD", "word", "LINUX", "accepted; frames come through a mapped packet socket"),
            Arg::keyword("HEADROOM", "bytes", "128", "accepted"),
            Arg::keyword("ACTIVE", "boolean", "true", "whether it receives"),
        ],
        handlers: &[
            Handler::read("count", "frames received so far"),
            Handler::both("active", "whether it receives"),
            Handler::write("reset_counts", "sets count to 0"),
        ],
        doc: "Receives frames from a network interface through a mapped packet socket. Frames start with their Ethernet \
              header; the packet type annotation says to whom they were addressed, the timestamp when the kernel saw \
              them. Several FromDevices of one interface share its frames. With several workers each has a socket of its own, \
              and the kernel gives all frames of a flow to the same one (StaticThreadSched: to one worker only).\n\nWhat the sender's offloads left undone is \
              done first: super-frames are cut to the sender's segment size, missing checksums filled in, VLAN tags put \
              back. An interface that goes away is reported, and opened again when it is back.",
        example: "FromDevice(lo) -> Queue -> ToDevice(lo);",
        see: &["ToDevice", "StaticThreadSched"],
        ..Info::new("FromDevice", "io", "receives frames from a network interface")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let device: String = args.required("DEVNAME");
        let _ = args.keyword("SNIFFER", true);
        let promiscuous = args.keyword("PROMISC", false);
        let snaplen = args.keyword("SNAPLEN", 65_535usize);
        let burst = args.keyword_some("BURST");
        let _ = args.keyword("TIMESTAMP", true);
        let _ = args.keyword_some::<Raw>("METHOD");
        let _ = args.keyword_some::<usize>("HEADROOM");
        let active = args.keyword("ACTIVE", true);
        if burst == Some(0) {
            args.error("BURST must be at least 1");
        }
        let (device, direction) = (Device::Kernel(device), Direction::Receive);
        let port = env.port(PortSpec { device, direction, promiscuous });
        FromDevice { port, burst, active, snaplen, count: 0 }
    }
}

impl Element for FromDevice {
    fn run(&mut self, cx: &mut Context<'_>, _up: &mut Upstream<'_>, batch: &mut Batch) -> Activity {
        if !self.active {
            return Activity::Idle;
        }
        cx.receive(self.port, self.burst.unwrap_or(cx.burst()), batch);
        if batch.is_empty() {
            return if cx.port_exhausted(self.port) { Activity::Idle } else { Activity::Waiting };
        }
        self.count += batch.len() as u64;
        if self.snaplen < 65_535 {
            batch.iter_mut().for_each(|p| p.truncate(self.snaplen));
        }
        Activity::Busy
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<FromDevice>() {
            self.count = old.count;
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "count" => format!("{}", self.count),
            _ => format!("{}", self.active),
        })
    }
    fn write(&mut self, cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        match handler {
            "active" => {
                self.active = value(text, handler)?;
                cx.set_runnable(self.active);
            }
            _ => self.count = 0,
        }
        Ok(())
    }
}
