// Learning bridge: an Ethernet switch (IEEE 802.1D, without spanning tree) with two ports.
//
//   sluice run bridge.click A=eth0 B=eth1

define($A eth0, $B eth1, $CAPACITY 1000, $TIMEOUT 300)

switch :: EtherSwitch(TIMEOUT $TIMEOUT);

FromDevice($A, PROMISC true) -> [0] switch [0] -> to_a :: Queue($CAPACITY) -> ToDevice($A);
FromDevice($B, PROMISC true) -> [1] switch [1] -> to_b :: Queue($CAPACITY) -> ToDevice($B);
