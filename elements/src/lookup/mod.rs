//! IPv4 routing tables: one table ([`fib`]) behind all of Click's look-up elements, which differ in
//! their names and handlers only.
pub mod direct_ip_lookup;
pub mod fib;
pub mod linear_ip_lookup;
pub mod radix_ip_lookup;
pub mod range_ip_lookup;
mod route;
mod router;
pub mod static_ip_lookup;
mod trie;
