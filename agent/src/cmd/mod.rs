//! One file for each command.
pub(crate) mod check;
pub(crate) mod click;
#[cfg(feature = "ctl")]
pub(crate) mod ctl;
pub(crate) mod elements;
pub(crate) mod graph;
mod live;
pub(crate) mod run;
pub(crate) mod token;
pub(crate) mod trace;
