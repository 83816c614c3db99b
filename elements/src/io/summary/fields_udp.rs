//! Fields of the UDP header.
use super::describe::{Transport, be16};
use super::{Field, Value, order};
use sluice_dataplane::wire::{ip_proto, udp};

pub(super) const FIELDS: &[Field] = &[Field::number(
    "udp_len",
    order::TRANSPORT,
    4,
    |d| d.transport_bytes(Transport::Udp, 6).map(|t| Value::Number(be16(t, 4).unwrap_or(0).into())),
    |b, v| {
        if b.make_ip(0) && b.make_transport() && matches!(b.ip_byte(9), 0 | ip_proto::UDP | ip_proto::UDP_LITE) {
            b.reach(b.transport + udp::LEN);
            b.set_transport(4, &(v.number() as u16).to_be_bytes());
        }
    },
)];
