// Forward: two ports joined by a wire. What comes in on one leaves through the other, unchanged.
//
//   sluice run forward.click A=eth0 B=eth1

define($A eth0, $B eth1, $CAPACITY 1000)

FromDevice($A, PROMISC true) -> a_to_b :: Queue($CAPACITY) -> ToDevice($B);
FromDevice($B, PROMISC true) -> b_to_a :: Queue($CAPACITY) -> ToDevice($A);
