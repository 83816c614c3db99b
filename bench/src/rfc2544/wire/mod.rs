//! The tester on the wire: frames that are sent when they are due, and what becomes of them.
//!
//! Reading order: [`signature`], [`flow`], [`frame`] and [`make`] (what is sent), [`pace`] and [`send`] (when), [`read`],
//! [`window`], [`group`], [`arrivals`] and [`receive`] (what comes), [`neighbour`] and [`learn`] (what goes before), [`plan`],
//! [`job`], [`outcome`] and [`tester`] (a trial).
//!
//! Invariant: a frame that the tester could not send in time is not offered, never lost; a frame that the device's own full
//! queue refused is lost.
mod arrivals;
pub(crate) mod command;
pub(crate) mod flow;
pub(crate) mod frame;
#[cfg(feature = "dpdk")]
mod generate;
mod group;
mod job;
mod learn;
mod make;
mod neighbour;
pub(crate) mod open;
mod outcome;
mod pace;
mod plan;
pub(crate) mod port;
mod read;
mod receive;
pub(crate) mod rig;
mod send;
mod signature;
pub(crate) mod tester;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod window;
