//! The structural agent: every packet goes through it, and it says which function comes next.
//!
//! Reading order: `table` (what its arguments say), `saved` (headers of packets inside functions that do not know NSH),
//! `structural_agent` (the element).
pub(crate) mod saved;
pub mod structural_agent;
pub(crate) mod table;
