//! Scripts, the driver, control sockets, and names for addresses.
pub mod script;
