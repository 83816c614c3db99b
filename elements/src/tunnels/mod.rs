//! Tunnels over IPv4 and IPv6: VXLAN-GPE, VXLAN and GRE.
mod ends;
pub mod gre_decap;
pub mod gre_encap;
pub mod vxlan_decap;
pub mod vxlan_encap;
pub mod vxlangpe_decap;
pub mod vxlangpe_encap;
