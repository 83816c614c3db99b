//! One file for each command.
pub(crate) mod check;
pub(crate) mod click;
pub(crate) mod ctl;
pub(crate) mod elements;
pub(crate) mod graph;
pub(crate) mod run;
pub(crate) mod trace;
