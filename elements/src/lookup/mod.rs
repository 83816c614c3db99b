//! IPv4 routing tables.
