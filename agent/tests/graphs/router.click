// A router of 41 elements, with compounds, cycles, push and pull: to see and test what graphs look like.
elementclass Port { $dev |
    FromDevice($dev) -> class :: Tee(3);
    arp :: Null;
    queue :: Queue(1000) -> count :: Counter -> ToDevice($dev);
    class [0] -> EtherMirror -> queue;
    class [1] -> Strip(14) -> CheckIPHeader(CHECKSUM true) -> output;
    class [2] -> other :: Discard;
    input -> arp -> EtherEncap(0x0800, 1:1:1:1:1:1, 2:2:2:2:2:2) -> queue;
}

elementclass Forward { $ip |
    input -> DropBroadcasts -> options :: IPGWOptions($ip) -> FixIPSrc($ip) -> ttl :: DecIPTTL
          -> fragment :: IPFragmenter(1500) -> [0] output;
    options [1] -> ICMPError($ip, parameterproblem) -> [1] output;
    ttl [1] -> ICMPError($ip, timeexceeded) -> [1] output;
    fragment [1] -> ICMPError($ip, unreachable, needfrag) -> [1] output;
}

a :: Port(lo);
b :: Port(lo);
routes :: Tee(3);
a -> routes;
b -> routes;
routes [0] -> to_a :: Forward(10.0.1.1) -> a;
routes [1] -> to_b :: Forward(10.0.2.1) -> b;
to_a [1] -> routes;
to_b [1] -> routes;
routes [2] -> IPReassembler -> ICMPPingResponder -> routes;
