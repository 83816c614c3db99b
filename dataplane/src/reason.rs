//! Why a packet ended without reaching an output: a closed list, so that every loss has a name.

/// Defines the reasons with the name that reports and metrics use.
macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Why a packet was dropped.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        #[repr(u8)]
        pub enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            /// All reasons, in the order of their numbers.
            pub const ALL: &'static [Reason] = &[$(Reason::$name,)*];

            /// The name in reports and metrics: lower case, underscores.
            pub fn name(self) -> &'static str {
                match self { $(Reason::$name => $text,)* }
            }
        }
    };
}

reasons! {
    /// Sent to an output that is connected to nothing.
    Unconnected = "unconnected",
    /// Passed more edges than any sane path has.
    Loop = "loop",
    /// The buffer pool was empty.
    NoBuffer = "no_buffer",
    /// No room for a new header before the data.
    NoHeadroom = "no_headroom",
    /// A queue was full.
    QueueFull = "queue_full",
    /// The ring to the worker that has the next element was full.
    HandoverFull = "handover_full",
    /// A queue was emptied by a handler.
    QueueReset = "queue_reset",
    /// Shorter than the header that was expected.
    Truncated = "truncated",
    /// A malformed Ethernet header or an address that no host may use.
    BadEthernet = "bad_ethernet",
    /// A malformed VLAN tag.
    BadVlan = "bad_vlan",
    /// A malformed ARP message.
    BadArp = "bad_arp",
    /// A malformed IP header.
    BadIp = "bad_ip",
    /// A malformed transport header.
    BadTransport = "bad_transport",
    /// A wrong checksum.
    BadChecksum = "bad_checksum",
    /// A source address that no host may use.
    BadSource = "bad_source",
    /// No NSH header where one was expected.
    BadNsh = "bad_nsh",
    /// An NSH version other than 0 (RFC 8300 section 2.2).
    NshVersion = "nsh_version",
    /// An NSH length that its MD type forbids (RFC 8300 sections 2.4, 2.5).
    NshLength = "nsh_length",
    /// An NSH metadata TLV that runs past the header (RFC 8300 section 2.5.1).
    NshTlv = "nsh_tlv",
    /// An NSH MD type that is reserved, unassigned or not switched on (RFC 8300 section 2.2).
    NshMdType = "nsh_md_type",
    /// An NSH next protocol that is not supported or not switched on (RFC 8300 section 2.2).
    NshNext = "nsh_next",
    /// An NSH OAM packet where OAM is not supported (RFC 9451).
    NshOam = "nsh_oam",
    /// The NSH time to live ended (RFC 8300 section 2.2).
    NshTtl = "nsh_ttl",
    /// An NSH service index of 0 (RFC 8300 section 2.3).
    NshIndex = "nsh_index",
    /// An NSH service path and index that lead nowhere (RFC 8300 section 2.3).
    NshPath = "nsh_path",
    /// NSH that enters or leaves its domain and may not (RFC 8300 section 8.1).
    NshForeign = "nsh_foreign",
    /// A missing, old or wrong message authentication code of NSH (RFC 9145).
    NshIntegrity = "nsh_integrity",
    /// A packet that came back from a function without a known NSH header (RFC 7665 section 4.6).
    NshUnlearned = "nsh_unlearned",
    /// A malformed header of a tunnel (VXLAN, VXLAN-GPE, GRE), or not the tunnel that was expected.
    BadTunnel = "bad_tunnel",
    /// A length outside the limits that an element checks.
    BadLength = "bad_length",
    /// Time to live or hop limit expired.
    TtlExpired = "ttl_expired",
    /// No route to the destination.
    NoRoute = "no_route",
    /// A filter rule said so.
    Filtered = "filtered",
    /// No rule or pattern matched.
    Unmatched = "unmatched",
    /// Addressed to another host.
    OtherHost = "other_host",
    /// The rate limit was exceeded.
    Policed = "policed",
    /// Waiting for an address that was not resolved in time.
    Unresolved = "unresolved",
    /// The element was told to suppress the output.
    Suppressed = "suppressed",
    /// Lost on purpose: an impairment or a sampling element.
    Sampled = "sampled",
    /// Too big, and must not be fragmented.
    TooBig = "too_big",
    /// Fragments that did not become a whole packet in time or space.
    Reassembly = "reassembly",
    /// No ICMP error may be sent for this packet (RFC 1812 section 4.3.2.7).
    NoIcmpError = "no_icmp_error",
    /// Longer than a buffer or than the link takes.
    Oversize = "oversize",
    /// Offload metadata that contradict the frame.
    BadOffload = "bad_offload",
    /// The port could not send any more.
    TxFull = "tx_full",
    /// The port is down or gone.
    PortDown = "port_down",
    /// Writing to a file failed.
    WriteFailed = "write_failed",
    /// A graph that was replaced held it, and the new graph has no place for it.
    SwapOverflow = "swap_overflow",
    /// The graph was shut down while it held the packet.
    Shutdown = "shutdown",
    /// The function that it was meant for does not run, or has stalled, and fails closed.
    FunctionDown = "function_down",
    /// A script ended it.
    Script = "script",
    /// The guest of another framework decided so.
    GuestDropped = "guest_dropped",
    /// The guest failed while it had the packet.
    GuestTrap = "guest_trap",
    /// The guest ran for longer than it may while it had the packet.
    GuestLimit = "guest_limit",
    /// The guest said what cannot be true of the packet, or of one of the same batch.
    GuestInvalid = "guest_invalid",
    /// There is no guest just now: it failed and waits to be started again.
    GuestDown = "guest_down",
}

/// Number of reasons.
pub const REASONS: usize = Reason::ALL.len();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_numbers_index_the_list() {
        for (i, r) in Reason::ALL.iter().enumerate() {
            assert_eq!(*r as usize, i);
            assert!(Reason::ALL[..i].iter().all(|o| o.name() != r.name()));
        }
    }
}
