//! Names in a client's certificate (RFC 5280), and the little of DER (ITU-T X.690) that is needed for them.
use rustls::pki_types::CertificateDer;

/// Object identifier 2.5.4.3, commonName (RFC 5280 appendix A.1).
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// The DNS names (RFC 5280 section 4.2.1.6) and the common name of a certificate that was verified.
pub(super) fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(parsed) = webpki::EndEntityCert::try_from(certificate) else { return Vec::new() };
    let mut names: Vec<String> = parsed.valid_dns_names().map(String::from).collect();
    names.extend(common_name(parsed.subject()));
    names
}

/// The common name in a Name without its outermost tag: sets of pairs (RFC 5280 section 4.1.2.4).
fn common_name(mut subject: &[u8]) -> Option<String> {
    while let Some((_, mut set, rest)) = value(subject) {
        subject = rest;
        while let Some((_, pair, rest)) = value(set) {
            set = rest;
            let (_, oid, text) = value(pair)?;
            let (tag, text, _) = value(text)?;
            // UTF8String, PrintableString, IA5String: those whose bytes are UTF-8.
            if oid == COMMON_NAME && [0x0c, 0x13, 0x16].contains(&tag) {
                return String::from_utf8(text.to_vec()).ok();
            }
        }
    }
    None
}

/// Tag, content and rest of the value that DER begins with (ITU-T X.690 section 8.1). Tags of one byte only.
pub(super) fn value(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |n, b| n << 8 | usize::from(*b)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_has_its_common_name_and_its_dns_names() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["vnfm.example".into(), "192.0.2.1".into()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "Sluice");
        params.distinguished_name.push(rcgen::DnType::CommonName, "the manager");
        assert_eq!(names(params.self_signed(&key).unwrap().der()), ["vnfm.example", "the manager"]);
        assert!(names(&CertificateDer::from(vec![0x30, 0x82, 0xff])).is_empty());
    }

    #[test]
    fn what_is_cut_off_is_no_value() {
        assert_eq!(value(&[4, 2, 7, 8, 9]), Some((4, &[7, 8][..], &[9][..])));
        for der in [&[][..], &[4], &[4, 2, 7], &[4, 0x82, 1], &[4, 0x84, 0, 0, 0, 1, 7], &[4, 0x80]] {
            assert_eq!(value(der), None);
        }
    }
}
