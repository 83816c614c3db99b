//! Receives frames from a port of DPDK.
use alloc::format;
use alloc::string::String;
use core::any::Any;
use sluice_dataplane::args::{Args, Word};
use sluice_dataplane::batch::{Batch, MAX_BURST};
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Activity, Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info, State, Task};
use sluice_dataplane::merge::Merge;
use sluice_dataplane::port::{Device, Direction, DpdkDevice, PortId, PortSpec, Spread};

/// Receives frames from a port of DPDK.
pub struct FromDPDKDevice {
    port: PortId,
    burst: Option<usize>,
    active: bool,
    count: u64,
}

/// What both elements of a port are given: which one, and how it is set up.
pub(super) fn device(args: &mut Args<'_>) -> DpdkDevice {
    let name: String = args.required("PORT");
    let queue = args.optional("QUEUE", 0u16);
    let queues = args.optional("N_QUEUES", -1i32);
    let descriptors = args.keyword_some("NDESC");
    let mtu = args.keyword_some("MTU");
    if queues == 0 || queues > 1024 {
        args.error("N_QUEUES must be between 1 and 1024, or -1: one for each worker");
    }
    if descriptors == Some(0) {
        args.error("NDESC must be at least 1");
    }
    let queues = u16::try_from(queues).ok();
    DpdkDevice { name, queue, queues, descriptors, mtu, ..DpdkDevice::default() }
}

/// Handlers that the device answers, for both elements.
pub(super) const CARRIER: Handler =
    Handler::both("carrier", "whether the link is up; writing switches it, if the driver can").merged(Merge::First);
pub(super) const DEVICE: Handler = Handler::read("device", "what DPDK calls the port").merged(Merge::First);
pub(super) const DRIVER: Handler = Handler::read("driver", "its driver").merged(Merge::First);
pub(super) const MAC: Handler = Handler::both("mac", "the port's Ethernet address").merged(Merge::First);
pub(super) const MTU: Handler =
    Handler::both("mtu", "largest packet behind the Ethernet header, bytes").merged(Merge::First);
pub(super) const SPEED: Handler = Handler::read("speed", "speed of the link, Mbit/s; 0: unknown").merged(Merge::First);
pub(super) const XSTATS: Handler =
    Handler::read("xstats", "the driver's own counters: a name, a tab and a number in each line").merged(Merge::First);

impl Configure for FromDPDKDevice {
    const INFO: &'static Info = &Info {
        ports: "0/1",
        flow: "/h",
        task: Task::Yes,
        state: State::Replicated,
        args: &[
            Arg::required("PORT", "port", "its number, its PCI address, or the name of its virtual device"),
            Arg::optional("QUEUE", "queue", "0", "first receiving queue"),
            Arg::optional("N_QUEUES", "queues", "-1", "receiving queues; -1: one for each worker"),
            Arg::keyword("MODE", "rss or none", "rss if the driver can", "how frames are spread over the queues"),
            Arg::keyword("PROMISC", "boolean", "false", "receives frames for other hosts too"),
            Arg::keyword("BURST", "packets", "the engine's", "frames received in one turn, 1 to 64"),
            Arg::keyword("NDESC", "descriptors", "the driver's", "length of each queue"),
            Arg::keyword("MTU", "bytes", "the driver's", "largest packet behind the Ethernet header"),
            Arg::keyword(
                "CHECKSUM",
                "boolean",
                "false",
                "has the device check checksums; wrong ones are dropped as `bad_checksum`",
            ),
            Arg::keyword("VLAN_STRIP", "boolean", "false", "has the device move VLAN tags into the annotation"),
            Arg::keyword("ACTIVE", "boolean", "true", "whether it receives"),
        ],
        handlers: &[
            Handler::read("count", "frames received so far"),
            Handler::read("dropped", "frames that the port received and lost: too long, or no buffer was free"),
            Handler::read("hw_count", "frames that the device counts").merged(Merge::First),
            Handler::read("hw_dropped", "frames that the device lost because nobody took them in time")
                .merged(Merge::First),
            Handler::read("hw_errors", "frames that the device found to be damaged").merged(Merge::First),
            Handler::read("in_bytes", "bytes that the device counts").merged(Merge::First),
            XSTATS,
            MAC,
            CARRIER,
            SPEED,
            Handler::read("duplex", "full or half"),
            MTU,
            Handler::both("promisc", "whether it receives frames for other hosts"),
            DEVICE,
            DRIVER,
            Handler::read("nb_rx_queues", "receiving queues").merged(Merge::First),
            Handler::both("active", "whether it receives"),
            Handler::write("reset_counts", "sets count to 0"),
            Handler::write("reset_hw_counts", "sets the counters of the device and its driver to 0"),
        ],
        doc: "Receives frames through one of DPDK's drivers, without a copy: the driver's buffer becomes the packet. DPDK is \
              started with `sluice run --dpdk \"-l 1 --vdev net_memif0\" FILE` (or `sluice click --dpdk -l 1 --vdev net_memif0 -- FILE`); the port is \
              one of those that its arguments name.\n\nEach worker has a queue of its own. With several, frames are spread \
              by a hash of addresses and ports, the same for both directions of a flow, where the driver can do that. A \
              frame of several buffers, or longer than one, is copied into one, or dropped as `oversize`. While all that it \
              could send to is full (see BLOCKING of ToDPDKDevice) it leaves frames with the device.\n\n\
              net_af_packet and net_af_xdp know neither super-frames nor checksums that are still to be filled in, which is \
              what the hosts behind a veth pair send: switch that off there (`ethtool -K eth0 tx off tso off gso off gro \
              off`), or use FromDevice. A port of net_memif with role=client needs its server to start, and does not come \
              back by itself when the server was away; role=server, net_vhost, and net_virtio_user with server=1 do. When \
              the run ends it says whether every packet buffer is back; net_af_xdp forgets those in its rings when it is \
              closed, which is counted apart.",
        example: "FromDPDKDevice(net_null0) -> ToDPDKDevice(net_null1);",
        see: &["ToDPDKDevice", "FromDevice"],
        ..Info::new("FromDPDKDevice", "io", "receives frames from a port of DPDK")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let mut device = device(args);
        device.spread = match args.keyword_some::<Word>("MODE").map(|w| w.0.to_ascii_lowercase()).as_deref() {
            None => Spread::Auto,
            Some("rss") => Spread::Rss,
            Some("none") => Spread::None,
            Some(other) => {
                args.error(format!("MODE must be rss or none, not ‘{other}’"));
                Spread::Auto
            }
        };
        let promiscuous = args.keyword("PROMISC", false);
        let burst = args.keyword_some("BURST");
        device.checksum = args.keyword("CHECKSUM", false);
        device.vlan_strip = args.keyword("VLAN_STRIP", false);
        let active = args.keyword("ACTIVE", true);
        if burst.is_some_and(|b| !(1..=MAX_BURST).contains(&b)) {
            args.error(format!("BURST must be between 1 and {MAX_BURST}"));
        }
        let port = env.port(PortSpec { device: Device::Dpdk(device), direction: Direction::Receive, promiscuous });
        FromDPDKDevice { port, burst, active, count: 0 }
    }
}

impl Element for FromDPDKDevice {
    fn run(&mut self, cx: &mut Context<'_>, _up: &mut Upstream<'_>, batch: &mut Batch) -> Activity {
        if !self.active || !cx.downstream_room() {
            return Activity::Idle;
        }
        cx.receive(self.port, self.burst.unwrap_or(cx.burst()), batch);
        if batch.is_empty() {
            return if cx.port_exhausted(self.port) { Activity::Idle } else { Activity::Waiting };
        }
        self.count += batch.len() as u64;
        Activity::Busy
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<FromDPDKDevice>() {
            self.count = old.count;
        }
    }
    fn read(&mut self, cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "count" => format!("{}", self.count),
            "active" => format!("{}", self.active),
            "dropped" => format!("{}", cx.port_drops(self.port, Direction::Receive)),
            what => cx.ask_port(self.port, Direction::Receive, what).unwrap_or_default(),
        })
    }
    fn write(&mut self, cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        match handler {
            "active" => {
                self.active = value(text, handler)?;
                cx.set_runnable(self.active);
            }
            "reset_counts" => self.count = 0,
            what => cx.change_port(self.port, Direction::Receive, what, text).map_err(HandlerError::Failed)?,
        }
        Ok(())
    }
}
