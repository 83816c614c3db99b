//! RFC 2544 and its successors: how much a device forwards, how late, and what it loses.
//!
//! Reading order: [`trial`] (the border to whatever moves frames), [`search`] (pure functions from
//! trials to the next trial), [`section26`] (the six tests), [`session`] (makes trials and keeps them),
//! [`report`] (conclusions and their forms), [`sim`] (a device in virtual time, to check all of it), [`wire`] (frames that
//! are sent and received), [`device`] (what the bench starts by itself), [`modifiers`] (conditions of sections 11 and 12),
//! [`table`] (its lines in `make bench`).
pub(crate) mod command;
pub(crate) mod device;
pub(crate) mod modifiers;
mod profile;
pub(crate) mod progress;
pub(crate) mod record;
pub(crate) mod report;
pub(crate) mod search;
pub(crate) mod section26;
pub(crate) mod session;
pub(crate) mod sim;
pub(crate) mod table;
#[cfg(test)]
mod tests;
pub(crate) mod trial;
pub(crate) mod wire;
