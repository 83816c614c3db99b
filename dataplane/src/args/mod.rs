//! Configuration arguments: what stands between an element's parentheses, as typed values.
//!
//! An element asks [`Args`] for its arguments in their order and gets values at once; mistakes are
//! collected and come out of [`Args::finish`], all of them. A type that arguments may have
//! implements [`FromArg`]. Conventions and messages are Click's: mandatory and optional arguments
//! may be given by position or by keyword (`LIMIT 5`), keyword arguments only by keyword.
//!
//! ```
//! use sluice_dataplane::args::{Args, Interval, NameDb};
//! let names = NameDb::new();
//! let mut args = Args::new("20, TIMEOUT 5ms, VERBSE true", &names);
//! let capacity: u32 = args.optional("CAPACITY", 1000);
//! let timeout = args.keyword("TIMEOUT", Interval(0));
//! let _verbose = args.keyword("VERBOSE", false);
//! assert_eq!((capacity, timeout), (20, Interval(5_000_000)));
//! let errors = args.finish().unwrap_err();
//! assert_eq!(errors[0].message, "VERBSE: unknown argument");
//! assert_eq!(errors[0].hint.as_deref(), Some("did you mean ‘VERBOSE’?"));
//! ```

mod collect;
mod ether;
pub(crate) mod expand;
mod int;
mod ip;
mod keyword;
mod names;
mod port;
mod quote;
mod real;
mod reference;
pub(crate) mod split;
#[cfg(test)]
mod tests;
mod text;
mod units;

pub use collect::{ArgError, Args};
pub use ether::EtherAddr;
pub use expand::expand;
pub use int::{Int, IntError, parse_int};
pub use ip::{Ipv4Prefix, Ipv6Prefix};
pub use keyword::keyword_of;
pub use names::{NameDb, Named};
pub use port::{IpProto, TcpPort, UdpPort};
pub use quote::{is_word, quote, unquote, unquote_text};
pub use real::{Fraction, unparse_real2};
pub use reference::{ANNO_SIZE, ANNOTATIONS, AnnoRef, ElementRef, HandlerRef, candidates, is_element_name};
pub use split::{shift_word, split_args, split_words, uncomment};
pub use text::{Bytes, Raw, Word};
pub use units::{Bandwidth, Interval};

use alloc::string::String;

/// A type that an argument may have.
pub trait FromArg: Sized {
    /// Reads the text of one argument, comments removed, quotes still there.
    ///
    /// # Errors
    /// What is wrong, in Click's words and without the argument's name; `parse error` if there is
    /// nothing more to say.
    fn from_arg(text: &str, names: &NameDb) -> Result<Self, String>;

    /// The value to go on with after an error.
    fn blank() -> Self;
}
