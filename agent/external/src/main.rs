//! The sandbox as a program of its own, for tests. `sluice` is its own sandbox.
#![forbid(unsafe_code)]

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    sluice_external::sandbox(&arguments)
}
