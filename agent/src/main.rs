//! The program `sluice`.
#![forbid(unsafe_code)]
fn main() {}
