//! Control sockets: other programs read and write handlers, over Click's ControlSocket protocol 1.3.
//!
//! An element asks for a socket while its graph is set up
//! ([`SetUp::control_socket`](crate::env::SetUp::control_socket)): so an address that is taken is an
//! error of the configuration. The driver serves what a graph asks for with [`Servers`], before it
//! hands the graph to the engine; a socket that the new graph asks for too stays open, with its
//! connections. Sockets have threads of their own and reach handlers through [`Handlers`] only, so a
//! slow or broken client harms nobody else.
//!
//! Reading order: this file, [`socket`] (addresses), [`protocol`] (what is said), [`server`]
//! (threads).
pub mod protocol;
pub mod server;
pub mod socket;

pub use server::Servers;
pub use socket::{Address, Options, Socket};

use crate::engine::Engine;
use crate::handler::{Call, HandlerError, Reply};
use crate::info::Access;
use crate::worker::Remote;
use std::borrow::Cow;
use std::sync::Arc;

/// A socket that a graph asks for.
#[derive(Clone, Debug)]
pub struct Request {
    /// The socket, bound or still to be.
    pub socket: Arc<Socket>,
    /// How it is served.
    pub options: Options,
}

/// The handlers of a graph, reached from any thread. `None`: there is no graph any more.
pub trait Handlers: Clone + Send + 'static {
    /// Makes a call and waits for the answer.
    fn call(&self, call: Call) -> Option<Reply>;
    /// What may be done with a handler.
    fn access(&self, path: &str) -> Option<Result<Access, HandlerError>>;
}

impl Handlers for Remote {
    fn call(&self, mut call: Call) -> Option<Reply> {
        self.run(move |engine| {
            call.path = by_number(engine, &call.path).into_owned();
            engine.call(call)
        })
        .ok()
    }
    fn access(&self, path: &str) -> Option<Result<Access, HandlerError>> {
        let path = path.to_string();
        self.run(move |engine| engine.access(&by_number(engine, &path))).ok()
    }
}

/// Control sockets also take the number of an element for its name, from 1 on; 0 is the router.
pub(crate) fn by_number<'p>(engine: &Engine, path: &'p str) -> Cow<'p, str> {
    let Some((element, handler)) = path.split_once('.') else { return path.into() };
    match element.parse::<usize>() {
        Ok(0) => handler.into(),
        Ok(n) if engine.topology().find(element).is_none() => match engine.topology().nodes.get(n - 1) {
            Some(node) => format!("{}.{handler}", node.name).into(),
            None => path.into(),
        },
        _ => path.into(),
    }
}

#[cfg(test)]
mod tests;
