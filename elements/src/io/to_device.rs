//! Sends frames through a network interface.
use super::backlog::Backlog;
use alloc::format;
use alloc::string::String;
use core::any::Any;
use sluice_dataplane::args::{Args, Raw};
use sluice_dataplane::batch::{Batch, MAX_BURST};
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Activity, Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Arg, Handler, Info, State, Task};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::port::{Device, Direction, PortSpec};

/// Sends frames through a network interface.
pub struct ToDevice {
    backlog: Backlog,
    burst: usize,
}

impl Configure for ToDevice {
    const INFO: &'static Info = &Info {
        ports: "1/0",
        task: Task::IfPull,
        state: State::Replicated,
        args: &[
            Arg::required("DEVNAME", "interface", "the network interface"),
            Arg::keyword("BURST", "packets", "64", "frames sent in one turn"),
            Arg::keyword("METHOD", "word", "LINUX", "accepted; frames go through a packet socket"),
            Arg::keyword("DEBUG", "boolean", "false", "accepted"),
        ],
        handlers: &[Handler::read("count", "frames sent so far"), Handler::write("reset_counts", "sets count to 0")],
        doc: "Sends frames, which must start with their Ethernet header, through a network interface. With a pull input \
              it pulls as fast as the interface takes frames, and rests while it does not; with a push input, frames \
              that the interface does not take are dropped as `tx_full`. Frames longer than the interface allows are \
              dropped as `oversize`.\n\nWith several workers, each sends what is pushed into it through a socket of its own; \
              a pull input is served by one worker.",
        example: "FromDevice(lo) -> Queue -> ToDevice(lo);",
        see: &["FromDevice", "Queue"],
        ..Info::new("ToDevice", "io", "sends frames through a network interface")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let device: String = args.required("DEVNAME");
        let burst = args.keyword("BURST", MAX_BURST); // twice what comes in at once: queues drain
        let _ = args.keyword_some::<Raw>("METHOD");
        let _ = args.keyword("DEBUG", false);
        if burst == 0 {
            args.error("BURST must be at least 1");
        }
        let (device, direction) = (Device::Kernel(device), Direction::Transmit);
        let port = env.port(PortSpec { device, direction, promiscuous: false });
        ToDevice { backlog: Backlog::new(port), burst }
    }
}

impl Element for ToDevice {
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
        if let Some(old) = old.downcast_mut::<ToDevice>() {
            self.backlog.take_state(&mut old.backlog);
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, _handler: &str, _parameter: &str) -> Reply {
        Ok(format!("{}", self.backlog.sent))
    }
    fn write(&mut self, _cx: &mut Context<'_>, _handler: &str, _text: &str) -> Result<(), HandlerError> {
        self.backlog.sent = 0;
        Ok(())
    }
}
