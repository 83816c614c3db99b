// Stateless firewall: a wire between an inside (A) and an outside (B) that lets IPv4 packets pass by
// rules, ARP always, and nothing else. Rules are IPFilter's, the first that matches decides.
//
//   sluice run firewall.click A=eth0 B=eth1 IN="allow icmp, allow tcp ack, deny all"
//
// `rules` of `in` and `out` counts the packets of each rule.

define($A eth0, $B eth1, $CAPACITY 1000,
       $OUT allow all,
       $IN allow all)

elementclass Checked {
    input -> c :: Classifier(12/0806, 12/0800, -);
    c[0] -> [1] output;
    c[1] -> CheckIPHeader(14) -> output;
    c[2] -> other :: Discard;
}

FromDevice($A, PROMISC true) -> inside :: Checked -> out :: IPFilter($OUT) -> a_to_b :: Queue($CAPACITY) -> ToDevice($B);
inside [1] -> a_to_b;
FromDevice($B, PROMISC true) -> outside :: Checked -> in :: IPFilter($IN) -> b_to_a :: Queue($CAPACITY) -> ToDevice($A);
outside [1] -> b_to_a;
