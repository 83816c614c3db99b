//! NSH, VXLAN, VXLAN-GPE and GRE.

use super::super::{Gre, Malformed, Nsh, Vxlan, VxlanGpe, gre, nsh, vxlan, vxlan_gpe};
use super::{Next, Walk};

pub(super) fn nsh(walk: &mut Walk<'_>) -> Result<Next, Malformed> {
    let (header, context, _) = Nsh::parse_full(walk.rest())?;
    walk.put("nsh.version", 0, 1, header.version());
    walk.bit("nsh.Obit", 0, 1, header.is_oam());
    walk.put("nsh.unassigned", 0, 3, format_args!("{:#04x}", header.unassigned()));
    walk.put("nsh.ttl", 0, 2, header.ttl());
    // In words, as the wire has it and as Wireshark prints it.
    walk.put("nsh.length", 1, 1, header.header_len() / 4);
    walk.put("nsh.mdtype", 2, 1, header.md_type());
    walk.put("nsh.nextproto", 3, 1, header.next_protocol());
    walk.put("nsh.spi", 4, 3, header.spi());
    walk.put("nsh.si", 7, 1, header.index());
    walk.skip(nsh::LEN);
    if header.md_type() == nsh::MD_TLV {
        tlvs(walk, context);
    } else {
        for (i, word) in context.chunks(4).enumerate() {
            walk.bytes("nsh.contextheader", i * 4, word);
        }
    }
    walk.skip(context.len());
    Ok(match header.next_protocol() {
        nsh::NEXT_IPV4 | nsh::NEXT_IPV6 => Next::Ip,
        nsh::NEXT_ETHERNET => Next::Ethernet,
        nsh::NEXT_NSH => Next::Nsh,
        _ => Next::Data,
    })
}

fn tlvs(walk: &mut Walk<'_>, context: &[u8]) {
    for tlv in nsh::tlvs(context) {
        let Ok(tlv) = tlv else {
            // What cannot be read as TLVs is still part of the header, and the length finds the inner packet.
            walk.malformed(Malformed::BadOption);
            walk.bytes("nsh.metadata", 0, context);
            return;
        };
        let len = context.get(tlv.offset + 3).copied().unwrap_or(0);
        walk.hex("nsh.metadataclass", tlv.offset, 2, tlv.class);
        walk.hex("nsh.metadatatype", tlv.offset + 2, 1, tlv.kind);
        walk.bit("nsh.metadataunassignedbit", tlv.offset + 3, 1, len & 0x80 != 0);
        walk.put("nsh.metadatalen", tlv.offset + 3, 1, tlv.value.len());
        walk.bytes("nsh.metadata", tlv.offset + 4, tlv.value);
        let (from, to) = (tlv.offset + 4 + tlv.value.len(), tlv.offset + nsh::tlv_len(tlv.value.len()));
        walk.bytes("nsh.metadata.padding", from, context.get(from..to).unwrap_or(&[]));
    }
}

pub(super) fn vxlan(walk: &mut Walk<'_>) -> Result<Next, Malformed> {
    let bytes = walk.rest();
    let (header, _) = Vxlan::parse(bytes)?;
    walk.hex("vxlan.flags", 0, 1, header.flags());
    walk.bytes("vxlan.reserved_24", 1, bytes.get(1..4).unwrap_or(&[]));
    walk.put("vxlan.vni", 4, 3, header.vni());
    walk.bytes("vxlan.reserved8", 7, bytes.get(7..8).unwrap_or(&[]));
    walk.skip(vxlan::LEN);
    Ok(Next::Ethernet)
}

pub(super) fn vxlan_gpe(walk: &mut Walk<'_>) -> Result<Next, Malformed> {
    let bytes = walk.rest();
    let (header, _) = VxlanGpe::parse(bytes)?;
    walk.hex("vxlan.flags", 0, 1, header.flags());
    walk.bytes("vxlan.reserved_16", 1, bytes.get(1..3).unwrap_or(&[]));
    // The byte itself: it counts only with flag P.
    walk.put("vxlan.next_proto", 3, 1, bytes.get(3).copied().unwrap_or(0));
    walk.put("vxlan.vni", 4, 3, header.vni());
    walk.bytes("vxlan.reserved8", 7, bytes.get(7..8).unwrap_or(&[]));
    walk.skip(vxlan_gpe::LEN);
    Ok(match header.next_protocol() {
        vxlan_gpe::NEXT_IPV4 | vxlan_gpe::NEXT_IPV6 => Next::Ip,
        vxlan_gpe::NEXT_ETHERNET => Next::Ethernet,
        vxlan_gpe::NEXT_NSH => Next::Nsh,
        _ => Next::Data,
    })
}

pub(super) fn gre(walk: &mut Walk<'_>) -> Result<Next, Malformed> {
    let (header, variable, _) = Gre::parse_full(walk.rest())?;
    walk.hex("gre.flags_and_version", 0, 2, header.flags());
    walk.hex("gre.proto", 2, 2, header.protocol());
    let words = header.words(variable);
    let mut at = gre::LEN;
    if let Some(sum) = words.checksum {
        walk.hex("gre.checksum", at, 2, sum);
        walk.bytes("gre.offset", at + 2, variable.get(2..4).unwrap_or(&[]));
        at += 4;
    }
    if let Some(key) = words.key {
        walk.hex("gre.key", at, 4, key);
        at += 4;
    }
    if let Some(sequence) = words.sequence {
        walk.put("gre.sequence_number", at, 4, sequence);
    }
    walk.skip(header.header_len());
    Ok(Next::Type(header.protocol()))
}
