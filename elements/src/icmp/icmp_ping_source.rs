//! Sends echo requests and measures the replies, as ping does (RFC 792).
use super::icmp_ping_encap::Request;
use super::replies::{Replies, milliseconds, seconds};
use crate::ip::header;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::any::Any;
use core::net::Ipv4Addr;
use sluice_dataplane::args::{Args, Bytes, Interval};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Stream, Upstream};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Access, Arg, Handler, Info, State};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::pool::MAX_FRAME;
use sluice_dataplane::wire::{Icmp, icmp, ip_proto, ipv4};

/// Time to live of the requests, hops.
const TTL: u8 = 200;

/// Sends echo requests and measures the replies.
pub struct ICMPPingSource {
    src: Ipv4Addr,
    dst: Ipv4Addr,
    ident: u16,
    data: Vec<u8>,
    /// Time between requests, nanoseconds; at least 1.
    interval: u64,
    /// `None`: no end.
    limit: Option<u64>,
    active: bool,
    verbose: bool,
    count: u64,
    /// When the next request is due, nanoseconds since the epoch, while the timer is set.
    due: Option<u64>,
    /// There with an input alone.
    replies: Option<Replies>,
}

impl Configure for ICMPPingSource {
    const INFO: &'static Info = &Info {
        ports: "0-1/1",
        flow: "h/a",
        state: State::Single,
        notifies: true,
        args: &[
            Arg::required("SRC", "IP address", "source address"),
            Arg::required("DST", "IP address", "destination address"),
            Arg::keyword("INTERVAL", "seconds", "1", "time between requests"),
            Arg::keyword("IDENTIFIER", "0 to 65535", "0", "ICMP identifier"),
            Arg::keyword("DATA", "bytes", "", "what each request carries"),
            Arg::keyword("LIMIT", "packets", "-1", "ends after so many requests; below 0 for no end"),
            Arg::keyword("ACTIVE", "boolean", "true", "whether it sends"),
            Arg::keyword("VERBOSE", "boolean", "true", "print a line for every reply"),
        ],
        handlers: &[
            Handler::both("active", "whether it sends"),
            Handler::both("src", "source address"),
            Handler::both("dst", "destination address"),
            Handler::read("count", "requests sent so far"),
            Handler::write("limit", "ends after so many requests"),
            Handler::write("interval", "time between requests"),
            Handler::write("reset_counts", "forgets all counts"),
        ],
        doc: "Sends echo requests, the first after one INTERVAL; a pull output gives one for each pull. Sequence \
              numbers count up from 1. Replies that come back to the input are measured: the handlers summary, \
              rtt_min, rtt_avg and rtt_max, which exist with an input alone, tell what ping tells.",
        example: "p :: ICMPPingSource(10.0.0.1, 10.0.0.2, INTERVAL 0.1, LIMIT 5) -> ICMPPingResponder -> p;",
        see: &["ICMPPingEncap", "ICMPPingResponder"],
        ..Info::new("ICMPPingSource", "icmp", "sends echo requests and measures the replies")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let src = args.required("SRC");
        let dst = args.required("DST");
        let Interval(interval) = args.keyword("INTERVAL", Interval(1_000_000_000));
        let ident = args.keyword("IDENTIFIER", 0);
        let Bytes(data) = args.keyword("DATA", Bytes::default());
        let limit = u64::try_from(args.keyword("LIMIT", -1i64)).ok();
        let active = args.keyword("ACTIVE", true);
        let verbose = args.keyword("VERBOSE", true);
        let most = MAX_FRAME - ipv4::LEN - icmp::LEN;
        if data.len() > most {
            args.error_in("DATA", &format!("a packet holds at most {most} bytes"));
        }
        let replies = (env.inputs() > 0).then(Replies::new);
        let interval = interval.max(1);
        ICMPPingSource { src, dst, ident, data, interval, limit, active, verbose, count: 0, due: None, replies }
    }
}

impl ICMPPingSource {
    fn done(&self) -> bool {
        !self.active || self.limit.is_some_and(|l| self.count >= l)
    }

    /// The next request; `None` when the pool is empty.
    fn request(&mut self, cx: &mut Context<'_>) -> Option<Packet> {
        let now = cx.now();
        let mut p = cx.create(&self.data)?;
        let sequence = (self.count % 0xffff + 1) as u16;
        let (src, dst, ident) = (self.src, self.dst, self.ident);
        let request = Request { kind: icmp::ECHO, code: 0, src, dst, ident, sequence, ttl: TTL };
        if let Err(why) = request.encap(&mut p) {
            cx.drop(p, why);
            return None;
        }
        p.set_timestamp(now);
        self.count += 1;
        if let Some(replies) = &mut self.replies {
            replies.sent(sequence, now);
        }
        Some(p)
    }

    /// Sets the timer for the next request, or lets those who pull know that there are some.
    fn schedule(&mut self, cx: &mut Context<'_>, after: u64) {
        if self.done() {
            self.due = None;
            cx.clear_timer();
            cx.rest();
        } else if cx.output_pulls(0) {
            cx.wake();
        } else if self.due.is_none() {
            let due = cx.now().saturating_add(after);
            self.due = Some(due);
            cx.timer_at(due);
        }
    }

    /// Measures a packet, if it is a reply to this element's requests.
    fn measure(&mut self, cx: &mut Context<'_>, p: &Packet) {
        let Some((ip, replies)) = header(p).zip(self.replies.as_mut()) else { return };
        let message = p.network().and_then(|n| n.get(ip.header_len()..)).unwrap_or(&[]);
        let Ok((echo, _)) = Icmp::parse(message) else { return };
        let sequence = echo.sequence().unwrap_or(0);
        if ip.protocol() != ip_proto::ICMP || echo.kind() != icmp::ECHO_REPLY || echo.ident() != Some(self.ident) {
            return;
        }
        let now = if p.timestamp() != 0 { p.timestamp() } else { cx.now() };
        if let Some(trip) = replies.note(sequence, now)
            && self.verbose
        {
            let line = format!(
                "{} :: ICMPPingSource: {} bytes from {}: icmp_seq={sequence} ttl={} time={} ms\n",
                cx.name(),
                usize::from(ip.total_len()).saturating_sub(ip.header_len() + icmp::LEN),
                ip.src(),
                ip.ttl(),
                milliseconds(trip)
            );
            cx.print(Stream::Err, &line);
        }
    }
}

impl Element for ICMPPingSource {
    fn start(&mut self, cx: &mut Context<'_>) {
        match self.due {
            Some(due) => cx.timer_at(due),
            None => self.schedule(cx, self.interval),
        }
    }
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let mut old = cx.spare();
        core::mem::swap(batch, &mut old);
        for p in old.drain() {
            self.measure(cx, &p);
            cx.consume(p);
        }
        cx.give_spare(old);
    }
    fn timer(&mut self, cx: &mut Context<'_>, batch: &mut Batch) {
        self.due = None;
        if self.done() {
            return;
        }
        match self.request(cx) {
            Some(p) => batch.push(p),
            None => cx.no_buffer(),
        }
        self.schedule(cx, self.interval);
    }
    fn pull(&mut self, cx: &mut Context<'_>, _up: &mut Upstream<'_>, _port: usize, n: usize, batch: &mut Batch) {
        for _ in 0..n {
            if self.done() {
                break;
            }
            let Some(p) = self.request(cx) else { break };
            batch.push(p);
        }
        if self.done() {
            cx.rest();
        }
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_mut::<Self>() {
            self.count = old.count;
            self.due = old.due.filter(|_| !self.done());
            if self.replies.is_some() && old.replies.is_some() {
                self.replies = old.replies.take();
            }
        }
    }
    fn more_handlers(&self) -> Vec<(String, Access)> {
        let names: &[&str] = if self.replies.is_some() { &["summary", "rtt_min", "rtt_avg", "rtt_max"] } else { &[] };
        names.iter().map(|n| ((*n).into(), Access::Read)).collect()
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match (handler, &self.replies) {
            ("active", _) => self.active.to_string(),
            ("src", _) => self.src.to_string(),
            ("dst", _) => self.dst.to_string(),
            ("count", _) => self.count.to_string(),
            ("summary", Some(r)) => r.summary(self.count),
            ("rtt_min", Some(r)) => seconds(r.min),
            ("rtt_avg", Some(r)) => seconds(r.average()),
            ("rtt_max", Some(r)) => seconds(r.max),
            _ => return Err(HandlerError::NoHandler(handler.into())),
        })
    }
    fn write(&mut self, cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        let mut after = self.interval;
        match handler {
            "active" => {
                self.active = value(text, handler)?;
                after = 0;
            }
            "src" => self.src = value(text, handler)?,
            "dst" => self.dst = value(text, handler)?,
            "limit" => self.limit = u64::try_from(value::<i64>(text, handler)?).ok(),
            "interval" => self.interval = value::<Interval>(text, handler)?.0.max(1),
            _ => {
                self.count = 0;
                self.replies = self.replies.take().map(|_| Replies::new());
            }
        }
        self.schedule(cx, after);
        Ok(())
    }
}
