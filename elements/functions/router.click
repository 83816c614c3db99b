// IPv4 router (RFC 1812) between two networks, with a packet filter between them.
//
//   sluice run router.click A=eth0 A_IP=10.0.1.1 A_NET=10.0.1.0/24 \
//                           B=eth1 B_IP=10.0.2.1 B_NET=10.0.2.0/24
//
// The interfaces need no address of their own: the router answers ARP and ping for A_IP and B_IP
// itself, with the interfaces' Ethernet addresses. ROUTES adds further routes (`ADDRESS/MASK GATEWAY
// PORT`, port 0 is A, 1 is B), RULES are IPFilter's and decide what is forwarded.

define($A eth0, $A_IP 10.0.1.1, $A_NET 10.0.1.0/24,
       $B eth1, $B_IP 10.0.2.1, $B_NET 10.0.2.0/24,
       $ROUTES , $RULES allow all, $MTU 1500, $CAPACITY 1000)

// One port. Input: IP packets to be sent, with their next hop as destination annotation. Output: IP
// packets that came in, checked and painted.
elementclass Port { $dev, $ip, $paint |
    FromDevice($dev) -> class :: Classifier(12/0806 20/0001, 12/0806 20/0002, 12/0800, -);
    arp :: ARPQuerier($ip, $dev:eth);
    queue :: Queue($CAPACITY) -> ToDevice($dev);

    class [0] -> ARPResponder($ip $dev:eth) -> queue;
    class [1] -> [1] arp;
    class [2] -> Paint($paint) -> Strip(14) -> check :: CheckIPHeader(INTERFACES $A_IP/$A_NET $B_IP/$B_NET) -> output;
    class [3] -> other :: Discard;
    input -> arp -> queue;
}

// What happens to packets that leave through a port (RFC 1812 section 5.3).
elementclass Forward { $ip, $paint |
    input -> DropBroadcasts
          -> redirect :: PaintTee($paint)
          -> options :: IPGWOptions($ip)
          -> FixIPSrc($ip)
          -> ttl :: DecIPTTL
          -> fragment :: IPFragmenter($MTU)
          -> [0] output;
    redirect [1] -> ICMPError($ip, redirect, host) -> [1] output;
    options [1] -> ICMPError($ip, parameterproblem) -> [1] output;
    ttl [1] -> ICMPError($ip, timeexceeded) -> [1] output;
    fragment [1] -> ICMPError($ip, unreachable, needfrag) -> [1] output;
}

a :: Port($A, $A_IP, 1);
b :: Port($B, $B_IP, 2);
routes :: RadixIPLookup($A_IP/32 2, $B_IP/32 2, $A_NET 0, $B_NET 1, $ROUTES);
filter :: IPFilter($RULES);

a -> filter;
b -> filter;
filter -> routes;
routes [0] -> to_a :: Forward($A_IP, 1) -> a;
routes [1] -> to_b :: Forward($B_IP, 2) -> b;
to_a [1] -> routes;
to_b [1] -> routes;

// Packets for the router itself: it answers pings, and says that it has no ports.
routes [2] -> IPReassembler -> local :: IPClassifier(icmp type echo, icmp, -);
local [0] -> ICMPPingResponder -> routes;
local [1] -> icmp :: Discard;
local [2] -> ICMPError($A_IP, unreachable, port) -> routes;
