//! VLAN tags (IEEE 802.1Q).
