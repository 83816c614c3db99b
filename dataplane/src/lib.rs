//! The engine of Sluice: packets, batches, element graphs, the Click language, ports and workers.
//!
//! Reading order: [`packet`], [`pool`], [`batch`]; [`element`] and [`context`] (what an element is
//! and may do); [`graph`] (from a configuration to tables), [`engine`] (the loop that runs them),
//! [`worker`] (the thread around it), [`io`] (devices and files).
//!
//! Invariant of the whole crate: a packet leaves an element to an output, or through one of the
//! ends that [`context::Context`] counts; so received + created = transmitted + consumed + dropped
//! + held.
#![cfg_attr(not(feature = "std"), no_std)]
extern crate alloc;

pub mod args;
pub mod batch;
pub mod clock;
pub mod confine;
pub mod context;
#[cfg(feature = "std")]
pub mod control;
pub mod count;
pub mod element;
pub mod engine;
pub mod env;
pub mod files;
pub mod graph;
pub mod handler;
pub mod info;
#[cfg(feature = "std")]
pub mod io;
pub mod lang;
pub mod lock;
pub mod merge;
#[cfg(feature = "std")]
pub mod os;
pub mod packet;
pub mod pages;
pub mod pool;
pub mod port;
mod ports;
pub mod reason;
pub mod signal;
mod sort;
#[cfg(feature = "std")]
pub mod time;
pub mod trace;
pub mod wire;
#[cfg(feature = "std")]
pub mod worker;
