//! Ethernet headers and switching (IEEE 802.1D).
