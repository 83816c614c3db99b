//! Text about packets, for people.
pub mod contents;
pub mod ip_line;
pub mod ip_print;
#[expect(clippy::module_inception, reason = "the class has the family's name")]
pub mod print;
pub mod time;
