//! IPv4 routing tables: one table ([`fib`]) behind all of Click's look-up elements, which differ in
//! their names and handlers only.
mod directory;
pub mod fib;
pub mod ip_lookup;
mod route;
mod router;
