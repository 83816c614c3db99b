//! The structural agent: every packet goes through it, and it says which function comes next.
//!
//! Reading order: `table` (what its arguments say), `shares` (several next hops of one place), `saved` (headers of packets
//! inside functions that do not know NSH), `counts` (what its successor takes over), `structural_agent` (the element).
pub(crate) mod counts;
pub(crate) mod saved;
pub(crate) mod shares;
pub mod structural_agent;
pub(crate) mod table;
