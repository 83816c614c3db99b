//! SNMP messages as something that packets are told apart by.
//!
//! Reading order: `ber` (the encoding), `message` (what is in the clear of a message), `keys` (that as words, which rules
//! compare), `pattern` (the text of a rule).
mod ber;
pub mod keys;
pub mod message;
pub mod pattern;
