// Print: two ports joined by a wire, with a line on standard error for every packet.
//
//   sluice run print.click A=eth0 B=eth1

define($A eth0, $B eth1, $CAPACITY 1000)

// ARP and IPv4 are shown as such, the rest by its first bytes.
elementclass Show { $label |
    input -> c :: Classifier(12/0806, 12/0800, -);
    c[0] -> ARPPrint($label) -> output;
    c[1] -> MarkIPHeader(14) -> IPPrint($label) -> output;
    c[2] -> Print($label, MAXLENGTH 32) -> output;
}

FromDevice($A, PROMISC true) -> Show("a > b") -> a_to_b :: Queue($CAPACITY) -> ToDevice($B);
FromDevice($B, PROMISC true) -> Show("b > a") -> b_to_a :: Queue($CAPACITY) -> ToDevice($A);
