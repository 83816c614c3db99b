//! The words that FromXDP and ToXDP choose by.
use alloc::string::String;
use sluice_dataplane::args::{Args, FromArg, NameDb, Word};
use sluice_dataplane::port::{XdpCopy, XdpMode};

/// `MODE`.
pub(super) struct Mode(pub(super) XdpMode);

impl FromArg for Mode {
    fn from_arg(text: &str, names: &NameDb) -> Result<Self, String> {
        match Word::from_arg(text, names)?.0.as_str() {
            "auto" => Ok(Mode(XdpMode::Auto)),
            "native" | "driver" => Ok(Mode(XdpMode::Native)),
            "generic" | "skb" => Ok(Mode(XdpMode::Generic)),
            _ => Err("must be auto, native or generic".into()),
        }
    }
    fn blank() -> Self {
        Mode(XdpMode::Auto)
    }
}

/// `ZEROCOPY`.
pub(super) struct Copy(pub(super) XdpCopy);

impl FromArg for Copy {
    fn from_arg(text: &str, names: &NameDb) -> Result<Self, String> {
        match Word::from_arg(text, names)?.0.as_str() {
            "auto" => Ok(Copy(XdpCopy::Auto)),
            "copy" => Ok(Copy(XdpCopy::Copy)),
            "zerocopy" => Ok(Copy(XdpCopy::ZeroCopy)),
            _ => Err("must be auto, copy or zerocopy".into()),
        }
    }
    fn blank() -> Self {
        Copy(XdpCopy::Auto)
    }
}

/// `NDESC`: rings have a power of two entries, and memory is locked for each.
pub(super) fn ring(args: &mut Args<'_>) -> Option<u32> {
    let ring: Option<u32> = args.keyword_some("NDESC");
    if ring.is_some_and(|n| !n.is_power_of_two() || !(64..=32_768).contains(&n)) {
        args.error("NDESC must be a power of two between 64 and 32768");
        return None;
    }
    ring
}

/// `QUEUE`.
pub(super) fn queue(args: &mut Args<'_>) -> u32 {
    let queue = args.keyword("QUEUE", 0u32);
    if queue > 1023 {
        args.error("QUEUE must be at most 1023");
    }
    queue.min(1023)
}
