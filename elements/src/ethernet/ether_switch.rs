//! A learning Ethernet switch.
use super::bridge::{ARGS, Bridge, HANDLERS};
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element, Note};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Info, State};

/// A learning Ethernet switch.
pub struct EtherSwitch(Bridge);

impl Configure for EtherSwitch {
    const INFO: &'static Info = &Info {
        ports: "-/=",
        flow: "h/h",
        live: true,
        state: State::ReplicatedTable,
        args: ARGS,
        handlers: HANDLERS,
        doc: "Input I and output I belong to LAN I. Learns from their source addresses on which LAN hosts are, and sends \
              frames to the LAN of their destination; frames to groups and to unknown hosts go to every LAN but the \
              one they came from. An address that was silent for TIMEOUT seconds is forgotten; time is that of the \
              timestamp annotation, else the clock. With TIMEOUT 0 the element is a hub. When CAPACITY addresses are known, no more are learned until some \
              expire.\n\nFrames that no other LAN needs are dropped as `filtered`: those to a host on the LAN they come \
              from, and those to 01-80-C2-00-00-00 to 01-80-C2-00-00-0F, which bridges do not forward (IEEE \
              802.1D-2004 clause 7.12.6). Group addresses are never learned.",
        example: "InfiniteSource(LIMIT 5) -> s :: EtherSwitch -> Discard; InfiniteSource(LIMIT 5) -> [1] s; s[1] -> Discard;",
        see: &["ListenEtherSwitch"],
        ..Info::new("EtherSwitch", "ethernet", "learns where hosts are and forwards frames to them")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        EtherSwitch(Bridge::configure(args))
    }
}

impl Element for EtherSwitch {
    fn process(&mut self, cx: &mut Context<'_>, port: usize, batch: &mut Batch) {
        let lans = cx.inputs();
        self.0.switch(cx, port, lans, None, batch);
    }
    fn learn(&mut self, cx: &mut Context<'_>, note: &Note, _batch: &mut Batch) {
        self.0.hear(note, cx.inputs());
    }
    fn take_state(&mut self, cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_mut::<EtherSwitch>() {
            self.0.take(&mut old.0, cx.inputs());
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        self.0.read(handler)
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        self.0.write(handler, text)
    }
}
