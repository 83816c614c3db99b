//! The program `sluice-image`: makes and runs images of virtual machines in which Sluice is the only program.
#![forbid(unsafe_code)]

fn main() {}
