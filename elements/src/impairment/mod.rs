//! Links that lose, repeat, reorder, delay and damage packets, by chance: what Linux's netem calls
//! loss, duplicate, reorder, delay and corrupt.
mod dice;
pub mod random_bit_errors;
pub mod random_delay;
pub mod random_drop;
pub mod random_duplicate;
pub mod random_reorder;

pub(crate) use dice::Dice;
