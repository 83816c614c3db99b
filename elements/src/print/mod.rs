//! Text about packets, for people.
pub mod contents;
pub mod ip_line;
pub mod ip_print;
pub mod print;
pub mod time;
