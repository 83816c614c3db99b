// IPv4 router (RFC 1812) between two networks, with a packet filter between them.
//
//   sluice run router.click A=eth0 A_ADDR=10.0.1.1/24 B=eth1 B_ADDR=10.0.2.1/24
//
// A_ADDR and B_ADDR are the router's addresses, with their networks. The interfaces need none of
// their own: the router answers ARP and ping itself, with the interfaces' Ethernet addresses. ROUTES adds further routes (`ADDRESS/MASK GATEWAY
// PORT`, port 0 is A, 1 is B), RULES are IPFilter's and decide what is forwarded.

define($A eth0, $A_ADDR 10.0.1.1/24,
       $B eth1, $B_ADDR 10.0.2.1/24,
       $ROUTES , $RULES allow all, $MTU 1500, $CAPACITY 1000)

AddressInfo(a_if $A_ADDR $A:eth, b_if $B_ADDR $B:eth);

// One port. Input: IP packets to be sent, with their next hop as destination annotation. Output: IP
// packets that came in, checked and painted.
elementclass Port { $dev, $if, $paint |
    FromDevice($dev) -> class :: Classifier(12/0806 20/0001, 12/0806 20/0002, 12/0800, -);
    arp :: ARPQuerier($if:ip, $if:eth);
    queue :: Queue($CAPACITY) -> ToDevice($dev);

    class [0] -> ARPResponder($if:ip $if:eth) -> queue;
    class [1] -> [1] arp;
    class [2] -> Paint($paint) -> Strip(14) -> check :: CheckIPHeader(INTERFACES $A_ADDR $B_ADDR) -> output;
    class [3] -> other :: Discard;
    input -> arp -> queue;
}

// What happens to packets that leave through a port (RFC 1812 section 5.3).
elementclass Forward { $if, $paint |
    input -> DropBroadcasts
          -> redirect :: PaintTee($paint)
          -> options :: IPGWOptions($if:ip)
          -> FixIPSrc($if:ip)
          -> ttl :: DecIPTTL
          -> fragment :: IPFragmenter($MTU)
          -> [0] output;
    redirect [1] -> ICMPError($if:ip, redirect, host) -> [1] output;
    options [1] -> ICMPError($if:ip, parameterproblem) -> [1] output;
    ttl [1] -> ICMPError($if:ip, timeexceeded) -> [1] output;
    fragment [1] -> ICMPError($if:ip, unreachable, needfrag) -> [1] output;
}

a :: Port($A, a_if, 1);
b :: Port($B, b_if, 2);
routes :: RadixIPLookup(a_if:ip 2, b_if:ip 2, a_if:ipnet 0, b_if:ipnet 1, $ROUTES);
filter :: IPFilter($RULES);

a -> filter;
b -> filter;
filter -> routes;
routes [0] -> to_a :: Forward(a_if, 1) -> a;
routes [1] -> to_b :: Forward(b_if, 2) -> b;
to_a [1] -> routes;
to_b [1] -> routes;

// Packets for the router itself: it answers pings, and says that it has no ports.
routes [2] -> IPReassembler -> local :: IPClassifier(icmp type echo, icmp, -);
local [0] -> ICMPPingResponder -> routes;
local [1] -> icmp :: Discard;
local [2] -> ICMPError(a_if:ip, unreachable, port) -> routes;
