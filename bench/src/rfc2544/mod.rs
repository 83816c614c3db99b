//! RFC 2544 and its successors: how much a device forwards, how late, and what it loses.
#![allow(dead_code)] // being built: the tests follow
pub(crate) mod device;
pub(crate) mod trial;
pub(crate) mod wire;
