//! Packets that are followed or copied: traces and taps.
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a trace follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TraceRequest {
    /// How many packets, 1 to 256.
    #[schema(minimum = 1, maximum = 256)]
    pub count: u16,
    /// The port or element whose packets are followed; all if absent.
    #[serde(default)]
    pub port: Option<String>,
    /// Follows only packets that match this expression, in the language of IPFilter.
    #[serde(default)]
    pub filter: Option<String>,
}

impl TraceRequest {
    /// The most packets that a trace follows.
    pub const MOST: u16 = 256;
}

/// A header field that an element changed. An empty text: the field was added or taken away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldChange {
    /// The field, as tshark names it.
    pub field: String,
    /// Before.
    pub from: String,
    /// After.
    pub to: String,
}

/// One element on a packet's way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TraceStep {
    /// The element.
    pub element: String,
    /// Its class.
    pub class: String,
    /// The input that the packet entered; absent when it came out of the element (a port, a queue).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<usize>,
    /// What it changed.
    pub changes: Vec<FieldChange>,
    /// How it ended there: `output 0`, `copied 1`, `held`, `consumed`, `transmitted`, `dropped no_route`.
    pub end: String,
}

/// A packet that was followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TracedPacket {
    /// Where it came from.
    pub source: String,
    /// When, RFC 3339.
    pub time: String,
    /// Its bytes then, hexadecimal.
    pub frame: String,
    /// Its way.
    pub steps: Vec<TraceStep>,
}

/// A trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Trace {
    /// Its number.
    pub id: u64,
    /// Packets that are still waited for.
    pub left: u16,
    /// The packets that were followed so far.
    pub packets: Vec<TracedPacket>,
}

/// Where a tap looks, and how much it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapRequest {
    /// `element[output]`, or `drops`.
    pub edge: String,
    /// Ends after so many packets.
    pub count: u64,
    /// Bytes of each packet.
    pub snap: u32,
}

/// Takes the stream of a tap, on a thread of the VNF's. A piece is one block of pcapng or several, never a part of one,
/// so that a piece can be left out. False: nobody listens any more; the VNF lets the sink go at once. It is called once a
/// second at least, with an empty piece if there is nothing to say.
pub type TapSink = Box<dyn FnMut(Vec<u8>) -> bool + Send>;
