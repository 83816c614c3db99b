//! The rate arguments that RatedUnqueue, RatedSplitter and their Bandwidth twins share.
use super::bucket::TokenBucket;
use alloc::format;
use alloc::string::String;
use sluice_dataplane::args::{Args, Bandwidth, Interval};
use sluice_dataplane::handler::{HandlerError, value};
use sluice_dataplane::info::Arg;

/// Bytes that a bucket must hold before a packet of any length may take its length out of it.
const PACKET: u64 = 131_072;

/// The arguments of a limit in packets a second.
pub(crate) const PACKET_ARGS: &[Arg] = &[
    Arg::required("RATE", "packets/s", "packets a second; 0 for no limit"),
    Arg::keyword("BURST_DURATION", "time", "20ms", "capacity of the bucket: what the rate brings in this time"),
    Arg::keyword("BURST_SIZE", "packets", "", "capacity of the bucket, instead of BURST_DURATION"),
];
/// The arguments of a limit in bytes a second.
pub(crate) const BYTE_ARGS: &[Arg] = &[
    Arg::required("RATE", "bandwidth", "bytes a second; 0 for no limit"),
    Arg::keyword("BURST_DURATION", "time", "20ms", "capacity of the bucket: what the rate brings in this time"),
    Arg::keyword("BURST_BYTES", "bytes", "", "capacity of the bucket, instead of BURST_DURATION"),
];

/// How the capacity was given.
#[derive(Clone, Copy)]
enum Burst {
    /// Nanoseconds.
    Duration(u64),
    /// Packets or bytes.
    Tokens(u64),
}

/// A token bucket for packets, or for their bytes.
pub(crate) struct Limit<const BYTES: bool> {
    rate: u64,
    burst: Burst,
    bucket: TokenBucket,
}

impl<const BYTES: bool> Limit<BYTES> {
    /// Reads RATE, BURST_DURATION and BURST_SIZE or BURST_BYTES.
    pub(crate) fn configure(args: &mut Args<'_>) -> Self {
        let rate = if BYTES { args.required::<Bandwidth>("RATE").0 } else { args.required::<u32>("RATE").into() };
        let duration = args.keyword_some::<Interval>("BURST_DURATION");
        let name = if BYTES { "BURST_BYTES" } else { "BURST_SIZE" };
        let tokens = args.keyword_some::<u32>(name);
        if duration.is_some() && tokens.is_some() {
            args.error(format!("cannot specify both BURST_DURATION and {name}"));
        }
        let burst = tokens.map_or(Burst::Duration(duration.map_or(20_000_000, |d| d.0)), |t| Burst::Tokens(t.into()));
        Limit { rate, burst, bucket: TokenBucket::new(rate, Self::capacity(rate, burst)) }
    }

    fn capacity(rate: u64, burst: Burst) -> u64 {
        let tokens = match burst {
            Burst::Tokens(n) => n,
            Burst::Duration(ns) => u64::try_from(u128::from(rate) * u128::from(ns) / 1_000_000_000).unwrap_or(u64::MAX),
        };
        if BYTES { tokens.saturating_add(PACKET) } else { tokens.max(1) }
    }

    /// What came until `now`, nanoseconds since the epoch.
    #[inline]
    pub(crate) fn fill(&mut self, now: u64) {
        self.bucket.fill(now);
    }
    /// Packets that may pass; with a limit of bytes 1 stands for "at least one".
    #[inline]
    pub(crate) fn packets(&self) -> u64 {
        if BYTES { self.bucket.contains(PACKET).into() } else { self.bucket.tokens() }
    }
    /// Accounts for a packet of `len` bytes that passed.
    #[inline]
    pub(crate) fn passed(&mut self, len: usize) {
        self.bucket.remove(if BYTES { len as u64 } else { 1 });
    }
    /// Whether a packet of `len` bytes may pass; if so it is accounted for.
    #[inline]
    pub(crate) fn pass(&mut self, len: usize) -> bool {
        let may = self.packets() > 0;
        if may {
            self.passed(len);
        }
        may
    }
    /// When the next packet may pass, nanoseconds since the epoch.
    pub(crate) fn next(&self) -> Option<u64> {
        self.bucket.time_of(if BYTES { PACKET } else { 1 })
    }
    /// Goes on from where a predecessor stood.
    pub(crate) fn inherit(&mut self, old: &Self) {
        self.bucket.inherit(&old.bucket);
    }
    /// The handler `rate`.
    pub(crate) fn read_rate(&self) -> String {
        if BYTES { format!("{}", Bandwidth(self.rate)) } else { format!("{}", self.rate) }
    }
    /// Writes the handler `rate`; the capacity follows if it was given as a duration.
    pub(crate) fn write_rate(&mut self, text: &str) -> Result<(), HandlerError> {
        self.rate = if BYTES { value::<Bandwidth>(text, "RATE")?.0 } else { value::<u32>(text, "RATE")?.into() };
        self.bucket = self.bucket.with_limits(self.rate, Self::capacity(self.rate, self.burst));
        Ok(())
    }
}
