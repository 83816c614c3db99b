//! A service function proxy: keeps NSH from a function that does not know it (RFC 7665 section 4.6; RFC 8300 section 2.3).
use super::flow::Flow;
use super::header::{decap, decrement_index, header, ip_next, push};
use super::learned::{Learned, MAX_FLOWS};
use super::log::Log;
use super::paths::Path;
use alloc::format;
use core::any::Any;
use sluice_dataplane::args::{Args, Interval};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Arg, Handler, Info, Paths, State};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::{Nsh, nsh};
use zerocopy::IntoBytes;

/// To the function.
const FUNCTION: u16 = 0;
/// To the SFF.
const SFF: u16 = 1;
/// Numbers beyond all outputs, each a reason.
const FIRST_END: u16 = 0x8000;

/// Which header a packet from the function gets.
enum Attachment {
    /// Always this one; only packets on this path come in.
    Static(Path, [u8; nsh::MD1_LEN]),
    /// That of its flow.
    Learned(Learned),
}

/// Keeps NSH from a function that does not know it.
pub struct NSHProxy {
    attachment: Attachment,
    /// The function takes Ethernet frames, not IP packets.
    frames: bool,
    log: Log,
}

impl Configure for NSHProxy {
    const INFO: &'static Info = &Info {
        ports: "2/2",
        flow: "h/h",
        paths: Paths::All,
        state: State::Single,
        args: &[
            Arg::optional("PATH", "SPI/SI", "", "the path of a static attachment; without it headers are learned"),
            Arg::keyword("FRAMES", "boolean", "false", "whether the function takes Ethernet frames; else IP packets"),
            Arg::keyword("CAPACITY", "flows", "4096", "flows that are remembered, at most 262144"),
            Arg::keyword("TIMEOUT", "seconds", "60", "how long a flow is remembered after a packet of it"),
        ],
        handlers: &[
            Handler::read("flows", "flows that are remembered"),
            Handler::read("evicted", "flows that were forgotten early, for want of room"),
            Handler::write("flush", "forgets all flows"),
        ],
        doc: "Packets from the SFF, with a marked NSH header, come into input 0. Everything through the end of the header is \
              stripped, and the inner packet goes to output 0, to the function. What comes back from it into input 1 gets its \
              header again, with an index that is lower by 1, before its first byte, and goes to output 1, to the SFF.\n\nWithout \
              PATH the header is that of the last packet of the same flow and direction (addresses, protocol and ports; fragments \
              without ports), with all its metadata and its time to live. So the function must not change those, and what it sends \
              of its own accord in a direction that was not seen is dropped as `nsh_unlearned`. Each flow takes 320 bytes, set \
              aside at the start. If there is no room, a flow that was not seen for long makes some.\n\nWith PATH every packet \
              from the function gets a header with this path, MD type 1 and no metadata, and time to live 63; packets on another path \
              are dropped as `nsh_path`. This is for functions that change addresses. As it forgets the time to live, do not build \
              loops of such proxies.\n\nPackets with an index of 0 are dropped as `nsh_index` and logged; those whose next protocol \
              is not what the function takes as `nsh_next`; those that begin with no IP header as `bad_ip`. A packet with next \
              protocol `none` has nothing for the function: it goes straight to output 1, its index lower by 1.",
        example: "InfiniteSource(LIMIT 5) -> NSHEncap(10, NEXT ethernet) -> p :: NSHProxy(FRAMES true); p[0] -> [1] p; \
                  p[1] -> Discard;",
        see: &["NSHFunction", "NSHForwarder", "NSHDecap", "NSHEncap"],
        ..Info::new("NSHProxy", "nsh", "keeps NSH from a function that does not know it")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let path = args.optional_some::<Path>("PATH");
        let frames = args.keyword("FRAMES", false);
        let capacity = args.keyword("CAPACITY", 4096u32) as usize;
        let Interval(timeout) = args.keyword("TIMEOUT", Interval(60_000_000_000));
        if capacity == 0 || capacity > MAX_FLOWS {
            args.error_in("CAPACITY", &format!("should be 1 to {MAX_FLOWS}"));
        }
        let attachment = match path {
            Some(path) => {
                let Some(index) = path.index().checked_sub(1) else {
                    args.error_in("PATH", "a service index of 0 cannot go down");
                    return NSHProxy {
                        attachment: Attachment::Static(path, [0; nsh::MD1_LEN]),
                        frames,
                        log: Log::default(),
                    };
                };
                let fixed = Nsh::new(nsh::MD1_LEN, nsh::MD_FIXED, nsh::NEXT_ETHERNET, path.spi(), index);
                let mut bytes = [0; nsh::MD1_LEN];
                bytes.iter_mut().zip(fixed.as_bytes()).for_each(|(to, from)| *to = *from);
                Attachment::Static(path, bytes)
            }
            None => Attachment::Learned(Learned::new(capacity, timeout)),
        };
        NSHProxy { attachment, frames, log: Log::default() }
    }
}

impl NSHProxy {
    /// A packet from the SFF.
    fn strip(&mut self, p: &mut Packet, now: u64) -> Result<u16, Reason> {
        let (nsh, _, _) = header(p)?;
        let next = nsh.next_protocol();
        let path = Path::new(nsh.spi(), nsh.index());
        if let Attachment::Static(own, _) = &self.attachment
            && *own != path
        {
            return Err(Reason::NshPath);
        }
        let taken = match next {
            nsh::NEXT_NONE => true,
            nsh::NEXT_ETHERNET => self.frames,
            nsh::NEXT_IPV4 | nsh::NEXT_IPV6 => !self.frames,
            _ => false,
        };
        if !taken {
            return Err(Reason::NshNext);
        }
        // RFC 8300 section 2.3: the proxy takes the index down on behalf of its function.
        decrement_index(p)?;
        if next == nsh::NEXT_NONE {
            return Ok(SFF);
        }
        if let Attachment::Learned(learned) = &mut self.attachment {
            let (nsh, _, inner) = header(p)?;
            let len = nsh.header_len();
            let flow = Flow::of(next, inner);
            if flow.layer == 0 {
                return Err(if self.frames { Reason::BadEthernet } else { Reason::BadIp });
            }
            let bytes = p.network().and_then(|bytes| bytes.get(..len)).ok_or(Reason::BadNsh)?;
            learned.learn(flow, bytes, now);
        }
        decap(p)?;
        Ok(FUNCTION)
    }

    /// A packet from the function.
    fn restore(&mut self, p: &mut Packet, now: u64) -> Result<u16, Reason> {
        let next = if self.frames { nsh::NEXT_ETHERNET } else { ip_next(p)? };
        match &mut self.attachment {
            Attachment::Static(_, bytes) => {
                let mut bytes = *bytes;
                bytes[3] = next;
                push(p, &bytes)?;
            }
            Attachment::Learned(learned) => {
                let flow = Flow::of(next, p.data());
                let bytes = learned.recall(&flow, now).filter(|_| flow.layer != 0).ok_or(Reason::NshUnlearned)?;
                push(p, bytes)?;
            }
        }
        Ok(SFF)
    }
}

impl Element for NSHProxy {
    fn process(&mut self, cx: &mut Context<'_>, port: usize, batch: &mut Batch) {
        let now = cx.recent();
        let mut log = self.log;
        cx.scatter(
            batch,
            |p| {
                let done = if port == 0 { self.strip(p, now) } else { self.restore(p, now) };
                done.unwrap_or_else(|why| FIRST_END + why as u16)
            },
            |cx, p, end| {
                let why = Reason::ALL.get(usize::from(end.wrapping_sub(FIRST_END))).copied();
                let why = why.unwrap_or(Reason::BadNsh);
                if why == Reason::NshIndex {
                    log.say(cx, format_args!("NSH service index is 0"));
                }
                cx.drop(p, why);
            },
        );
        self.log = log;
    }
    fn take_state(&mut self, cx: &mut Context<'_>, old: &mut dyn Any) {
        let Some(old) = old.downcast_mut::<Self>() else { return };
        self.log = old.log;
        if let (Attachment::Learned(new), Attachment::Learned(known)) = (&mut self.attachment, &old.attachment)
            && self.frames == old.frames
        {
            new.take(known, cx.recent());
        }
    }
    fn read(&mut self, cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        let now = cx.recent();
        let (flows, evicted) = match &self.attachment {
            Attachment::Static(..) => (0, 0),
            Attachment::Learned(learned) => (learned.count(now), learned.evicted),
        };
        match handler {
            "flows" => Ok(format!("{flows}")),
            "evicted" => Ok(format!("{evicted}")),
            _ => Err(HandlerError::NoHandler(handler.into())),
        }
    }
    fn write(&mut self, _cx: &mut Context<'_>, _handler: &str, _text: &str) -> Result<(), HandlerError> {
        if let Attachment::Learned(learned) = &mut self.attachment {
            learned.clear();
        }
        Ok(())
    }
}
