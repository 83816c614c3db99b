//! Looks up routes: all of Click's classes that do.
use super::router::{ARGS, DOC, HANDLERS, READ_HANDLERS, Router};
use core::any::Any;
use core::marker::PhantomData;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Info, State};

/// What the classes differ in.
pub trait Kind: Send + 'static {
    /// The name of the class.
    const CLASS: &'static str;
    /// Whether the routes may change.
    const CHANGES: bool = true;
    /// Whether packets without a route are told about.
    const COMPLAINS: bool = true;
    /// A configuration with the class.
    const EXAMPLE: &'static str;
    /// The other classes.
    const SEE: &'static [&'static str];
}

/// Looks up routes.
pub struct IpLookup<K>(Router, PhantomData<K>);

/// Click's radix tree.
pub struct Radix;
/// Click's DIR-24-8-BASIC.
pub struct Direct;
/// Click's list.
pub struct Linear;
/// Click's ranges.
pub struct Range;
/// Click's list that never changes.
pub struct Static;

/// Looks up routes.
pub type RadixIPLookup = IpLookup<Radix>;
/// Looks up routes.
pub type DirectIPLookup = IpLookup<Direct>;
/// Looks up routes.
pub type LinearIPLookup = IpLookup<Linear>;
/// Looks up routes.
pub type RangeIPLookup = IpLookup<Range>;
/// Looks up routes that never change.
pub type StaticIPLookup = IpLookup<Static>;

impl Kind for Radix {
    const CLASS: &'static str = "RadixIPLookup";
    const EXAMPLE: &'static str = "InfiniteSource(LIMIT 5) -> r :: RadixIPLookup(10.0.0.0/8 0, 0.0.0.0/0 10.0.0.1 1) -> Discard; r[1] -> Discard;";
    const SEE: &'static [&'static str] = &["DirectIPLookup", "LinearIPLookup", "RangeIPLookup", "StaticIPLookup"];
}
impl Kind for Direct {
    const CLASS: &'static str = "DirectIPLookup";
    const COMPLAINS: bool = false;
    const EXAMPLE: &'static str = "InfiniteSource(LIMIT 5) -> r :: DirectIPLookup(10.0.0.0/8 0, 0.0.0.0/0 10.0.0.1 1) -> Discard; r[1] -> Discard;";
    const SEE: &'static [&'static str] = &["LinearIPLookup", "RadixIPLookup", "RangeIPLookup", "StaticIPLookup"];
}
impl Kind for Linear {
    const CLASS: &'static str = "LinearIPLookup";
    const EXAMPLE: &'static str = "InfiniteSource(LIMIT 5) -> r :: LinearIPLookup(10.0.0.0/8 0, 0.0.0.0/0 10.0.0.1 1) -> Discard; r[1] -> Discard;";
    const SEE: &'static [&'static str] = &["DirectIPLookup", "RadixIPLookup", "RangeIPLookup", "StaticIPLookup"];
}
impl Kind for Range {
    const CLASS: &'static str = "RangeIPLookup";
    const COMPLAINS: bool = false;
    const EXAMPLE: &'static str = "InfiniteSource(LIMIT 5) -> r :: RangeIPLookup(10.0.0.0/8 0, 0.0.0.0/0 10.0.0.1 1) -> Discard; r[1] -> Discard;";
    const SEE: &'static [&'static str] = &["DirectIPLookup", "LinearIPLookup", "RadixIPLookup", "StaticIPLookup"];
}
impl Kind for Static {
    const CLASS: &'static str = "StaticIPLookup";
    const CHANGES: bool = false;
    const EXAMPLE: &'static str = "InfiniteSource(LIMIT 5) -> r :: StaticIPLookup(10.0.0.0/8 0, 0.0.0.0/0 10.0.0.1 1) -> Discard; r[1] -> Discard;";
    const SEE: &'static [&'static str] = &["DirectIPLookup", "LinearIPLookup", "RadixIPLookup", "RangeIPLookup"];
}

impl<K: Kind> Configure for IpLookup<K> {
    const INFO: &'static Info = &Info {
        ports: "1/-",
        flow: "h/h",
        live: K::CHANGES,
        state: State::Shared,
        args: ARGS,
        handlers: if K::CHANGES { HANDLERS } else { READ_HANDLERS },
        doc: DOC,
        example: K::EXAMPLE,
        see: K::SEE,
        ..Info::new(
            K::CLASS,
            "lookup",
            if K::CHANGES { "looks up routes" } else { "looks up routes that never change" },
        )
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        IpLookup(Router::configure(args, env, K::COMPLAINS), PhantomData)
    }
}

impl<K: Kind> Element for IpLookup<K> {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        self.0.route(cx, batch);
    }
    fn take_state(&mut self, cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_mut::<Self>() {
            self.0.take_table(cx, &mut old.0);
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, parameter: &str) -> Reply {
        self.0.read(handler, parameter)
    }
    fn write(&mut self, cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        self.0.write(cx, handler, text)
    }
}
