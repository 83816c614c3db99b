//! VLAN tags (IEEE 802.1Q).
pub mod ether_vlan_encap;
pub mod set_vlan_anno;
pub mod strip_ether_vlan_header;
mod tag;
pub mod vlan_decap;
pub mod vlan_encap;

use alloc::format;
use sluice_dataplane::args::{Args, FromArg, Int};

/// Reports a number outside `low..=high`.
fn within<T: FromArg + Int + Copy + Into<i64>>(args: &mut Args<'_>, name: &str, n: T, low: i64, high: i64) -> T {
    let v = n.into();
    if v < low || v > high {
        args.error_in(name, &format!("out of range, bound {}", if v < low { low } else { high }));
    }
    n
}

/// The tag that VLAN_ID and VLAN_PCP, or VLAN_TCI and VLAN_PCP, describe.
fn tci(args: &mut Args<'_>, tci: Option<u16>, pcp: u8, id: u16) -> u16 {
    within(args, "VLAN_PCP", u16::from(pcp), 0, 7);
    within(args, "VLAN_ID", id, 0, 0xfff);
    tci.unwrap_or(id) | u16::from(pcp & 7) << 13
}
