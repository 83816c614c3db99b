//! SNMP messages as something that packets are told apart by.
//!
//! Reading order: `ber` (the encoding), `message` (what is in the clear of a message), `usual` (the same of
//! messages in their usual form, faster), `names` (names as numbers), `keys` (all of it as words, which rules compare), `pattern` (the
//! text of a rule).
mod ber;
pub mod keys;
pub mod message;
mod names;
pub mod pattern;
pub(crate) mod usual;
