//! Sends frames through a port of DPDK.
use super::backlog::Backlog;
use super::from_dpdk_device::{CARRIER, DEVICE, DRIVER, MAC, MTU, SPEED, XSTATS, device};
use alloc::format;
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::{Batch, MAX_BURST};
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Activity, Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Arg, Handler, Info, State, Task};
use sluice_dataplane::merge::Merge;
use sluice_dataplane::packet::Packet;
use sluice_dataplane::port::{Device, Direction, PortSpec};

/// Sends frames through a port of DPDK.
pub struct ToDPDKDevice {
    backlog: Backlog,
    burst: usize,
    /// Packets that may wait.
    iqueue: usize,
    blocking: bool,
    /// Time that less than a burst may wait, nanoseconds; 0: none, `None`: for ever.
    timeout: Option<u64>,
    pulls: bool,
}

impl Configure for ToDPDKDevice {
    const INFO: &'static Info = &Info {
        ports: "1/0",
        task: Task::Yes,
        says_full: true,
        state: State::Replicated,
        args: &[
            Arg::required("PORT", "port", "its number, its PCI address, or the name of its virtual device"),
            Arg::optional("QUEUE", "queue", "0", "first sending queue"),
            Arg::optional("N_QUEUES", "queues", "-1", "sending queues; -1: one for each worker"),
            Arg::keyword("IQUEUE", "packets", "1024", "pushed packets that wait while the device takes none"),
            Arg::keyword(
                "BLOCKING",
                "boolean",
                "true",
                "while IQUEUE are waiting, a FromDPDKDevice that sends to nothing else rests; if false, \
                          what comes then is dropped",
            ),
            Arg::keyword(
                "BURST",
                "packets",
                "32",
                "packets that TIMEOUT waits for; with a pull input, packets pulled in one turn",
            ),
            Arg::keyword(
                "TIMEOUT",
                "milliseconds",
                "0",
                "how long fewer than BURST may wait for more; 0: not at all, below 0: for ever",
            ),
            Arg::keyword("NDESC", "descriptors", "the driver's", "length of each queue"),
            Arg::keyword("MTU", "bytes", "the driver's", "largest packet behind the Ethernet header"),
        ],
        handlers: &[
            Handler::read("count", "frames sent so far"),
            Handler::read("n_sent", "the same"),
            Handler::read("dropped", "frames that were not sent: no room, or no link"),
            Handler::read("n_dropped", "the same"),
            Handler::read("hw_count", "frames that the device counts").merged(Merge::First),
            Handler::read("hw_errors", "frames that the device could not send").merged(Merge::First),
            Handler::read("out_bytes", "bytes that the device counts").merged(Merge::First),
            XSTATS,
            MAC,
            CARRIER,
            SPEED,
            MTU,
            DEVICE,
            DRIVER,
            Handler::read("nb_tx_queues", "sending queues").merged(Merge::First),
            Handler::write("reset_counts", "sets count and dropped to 0"),
            Handler::write("reset_hw_counts", "sets the counters of the device and its driver to 0"),
        ],
        doc: "Sends frames, which must start with their Ethernet header, through one of DPDK's drivers, without a copy. See \
              FromDPDKDevice for how DPDK is started.\n\nPushed packets that the device has no room for wait in an inner queue, \
              and go first at the next turn. When that is full and BLOCKING, sources that have nowhere else to send to rest, \
              so that frames are lost at the receiving device, at no cost; what comes all the same is dropped as `tx_full`. A \
              port without a link drops as `port_down`. With a pull input it pulls as fast as the device takes frames.",
        example: "FromDPDKDevice(net_null0) -> ToDPDKDevice(net_null1, BLOCKING false);",
        see: &["FromDPDKDevice", "ToDevice"],
        ..Info::new("ToDPDKDevice", "io", "sends frames through a port of DPDK")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let device = device(args);
        let iqueue = args.keyword("IQUEUE", 1024usize);
        let blocking = args.keyword("BLOCKING", true);
        let burst = args.keyword("BURST", 32usize);
        let timeout = args.keyword("TIMEOUT", 0i64);
        if !(1..=MAX_BURST).contains(&burst) {
            args.error(format!("BURST must be between 1 and {MAX_BURST}"));
        }
        let timeout = u64::try_from(timeout).ok().map(|ms| ms.saturating_mul(1_000_000));
        let timeout = if burst <= 1 { Some(0) } else { timeout };
        let device = Device::Dpdk(device);
        let port = env.port(PortSpec { device, direction: Direction::Transmit, promiscuous: false });
        let pulls = env.input_pulls(0);
        ToDPDKDevice { backlog: Backlog::new(port), burst, iqueue, blocking, timeout, pulls }
    }
}

impl ToDPDKDevice {
    /// What is waiting goes as far as there is room; says whether anything went.
    fn flush(&mut self, cx: &mut Context<'_>) -> bool {
        let went = self.backlog.flush(cx, self.iqueue);
        self.say_whether_full(cx);
        went
    }

    fn say_whether_full(&self, cx: &mut Context<'_>) {
        cx.set_full(self.blocking && self.backlog.held() >= self.iqueue.max(1));
    }
}

impl Element for ToDPDKDevice {
    fn start(&mut self, cx: &mut Context<'_>) {
        cx.set_runnable(self.pulls || self.backlog.held() > 0);
        self.say_whether_full(cx); // what waits may be from before a swap
    }
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        if self.backlog.held() == 0 && self.timeout == Some(0) {
            self.backlog.send(cx, batch);
            if batch.is_empty() {
                return;
            }
        }
        let fresh = self.backlog.held() == 0;
        self.backlog.wait(batch);
        if self.timeout == Some(0) || self.backlog.held() >= self.burst {
            self.flush(cx);
            cx.set_runnable(self.backlog.held() > 0);
        } else if let Some(timeout) = self.timeout.filter(|_| fresh) {
            let at = cx.recent() + timeout;
            cx.timer_at(at);
        }
    }
    fn timer(&mut self, cx: &mut Context<'_>, _batch: &mut Batch) {
        if self.backlog.held() > 0 {
            self.flush(cx);
        }
    }
    fn run(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, _batch: &mut Batch) -> Activity {
        if self.pulls {
            return self.backlog.pull(cx, up, self.burst);
        }
        if self.backlog.held() == 0 {
            return Activity::Idle;
        }
        match (self.flush(cx), self.backlog.held()) {
            (_, 0) => Activity::Idle,
            (true, _) => Activity::Busy,
            (false, _) => Activity::Waiting,
        }
    }
    fn held(&self) -> usize {
        self.backlog.held()
    }
    fn release(&mut self) -> Option<Packet> {
        self.backlog.release()
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_mut::<ToDPDKDevice>() {
            self.backlog.take_state(&mut old.backlog);
        }
    }
    fn read(&mut self, cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        let ask = |what: &str| cx.ask_port(self.backlog.port, Direction::Transmit, what).unwrap_or_default();
        Ok(match handler {
            "count" | "n_sent" => format!("{}", self.backlog.sent),
            "dropped" | "n_dropped" => format!("{}", self.backlog.lost),
            "hw_count" => ask("hw_sent"),
            "hw_errors" => ask("hw_send_errors"),
            what => ask(what),
        })
    }
    fn write(&mut self, cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        match handler {
            "reset_counts" => (self.backlog.sent, self.backlog.lost) = (0, 0),
            what => {
                let port = self.backlog.port;
                cx.change_port(port, Direction::Transmit, what, text).map_err(HandlerError::Failed)?;
            }
        }
        Ok(())
    }
}
