// Rate limiter: two ports joined by a wire that carries at most RATE in each direction. What comes
// faster waits in a queue of CAPACITY packets; what does not fit there is dropped.
//
//   sluice run rate-limiter.click A=eth0 B=eth1 RATE=10Mbps

define($A eth0, $B eth1, $RATE 100Mbps, $CAPACITY 200)

FromDevice($A, PROMISC true) -> a_to_b :: Queue($CAPACITY) -> BandwidthShaper($RATE) -> ToDevice($B);
FromDevice($B, PROMISC true) -> b_to_a :: Queue($CAPACITY) -> BandwidthShaper($RATE) -> ToDevice($A);
