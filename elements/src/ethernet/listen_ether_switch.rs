//! A learning Ethernet switch with an output that sees all frames.
use super::bridge::{ARGS, Bridge, HANDLERS};
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element, Note};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Info, State};

/// A learning Ethernet switch with an output that sees all frames.
pub struct ListenEtherSwitch(Bridge);

impl Configure for ListenEtherSwitch {
    const INFO: &'static Info = &Info {
        ports: "-/=+",
        flow: "h/h",
        live: true,
        state: State::ReplicatedTable,
        args: ARGS,
        handlers: HANDLERS,
        doc: "EtherSwitch with one output more, the last: it gets a copy of every frame, also of those that are forwarded \
              nowhere else.",
        example: "InfiniteSource(LIMIT 5) -> s :: ListenEtherSwitch -> Discard; InfiniteSource(LIMIT 5) -> [1] s; s[1] -> Discard; s[2] -> Discard;",
        see: &["EtherSwitch"],
        ..Info::new("ListenEtherSwitch", "ethernet", "a learning switch with an output that sees all frames")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        ListenEtherSwitch(Bridge::configure(args))
    }
}

impl Element for ListenEtherSwitch {
    fn process(&mut self, cx: &mut Context<'_>, port: usize, batch: &mut Batch) {
        let lans = cx.inputs();
        self.0.switch(cx, port, lans, Some(lans), batch);
    }
    fn learn(&mut self, cx: &mut Context<'_>, note: &Note, _batch: &mut Batch) {
        self.0.hear(note, cx.inputs());
    }
    fn take_state(&mut self, cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_mut::<ListenEtherSwitch>() {
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
