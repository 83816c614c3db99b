//! What a revision looks like in its file: a line that says whether the rest is whole, then JSON that people can read.
//!
//! ```text
//! sluice-revision 1 sha256:<64 hexadecimal digits, of all that follows this line>
//! {
//!   "number": 7,
//!   ...
//! ```
use super::Revision;
use crate::encoding::sha256;

/// Longest file of a revision, bytes.
pub(super) const LONGEST: usize = 64 << 20;
/// How its first line begins. The number is that of the format.
const HEAD: &str = "sluice-revision 1 sha256:";

/// The bytes of a revision's file.
pub(super) fn encode(revision: &Revision) -> Result<Vec<u8>, String> {
    let mut body = serde_json::to_vec_pretty(revision).map_err(|e| e.to_string())?;
    body.push(b'\n');
    let mut bytes = format!("{HEAD}{}\n", sha256(&body)).into_bytes();
    bytes.append(&mut body);
    if bytes.len() > LONGEST { Err(format!("it takes more than {LONGEST} bytes")) } else { Ok(bytes) }
}

/// The revision `number` from the bytes of its file, or what is wrong with them.
pub(super) fn decode(number: u64, bytes: &[u8]) -> Result<Revision, String> {
    let end = bytes.iter().position(|b| *b == b'\n').ok_or("it has no first line")?;
    let (head, body) = (&bytes[..end], &bytes[end + 1..]);
    let sum = head.strip_prefix(HEAD.as_bytes()).ok_or_else(|| format!("it does not begin with ‘{HEAD}’"))?;
    if sum != sha256(body).as_bytes() {
        return Err("its checksum does not fit".into());
    }
    let revision: Revision = serde_json::from_slice(body).map_err(|e| e.to_string())?;
    if revision.number != number {
        return Err(format!("it contains revision {}", revision.number));
    }
    Ok(revision)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Origin;
    use crate::vnf::Configuration;

    fn revision() -> Revision {
        let parameters = [("RATE".to_string(), "\u{0}\n\"ü\u{1f600}".to_string())].into();
        let configuration = Configuration { text: "a :: Counter;\r\n\t-> ‘b’".into(), parameters, confined: true };
        let (author, comment) = ("eve\n".into(), Some("why".into()));
        Revision { number: 7, time: String::new(), author, comment, origin: Origin::Api, file: None, configuration }
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        let revision = revision();
        assert_eq!(decode(7, &encode(&revision).unwrap()), Ok(revision));
    }

    #[test]
    fn any_flipped_bit_and_any_missing_or_added_byte_is_found() {
        let bytes = encode(&revision()).unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bad = bytes.clone();
                bad[at] ^= 1 << bit;
                assert!(decode(7, &bad).is_err(), "bit {bit} of byte {at}");
            }
            assert!(decode(7, &bytes[..at]).is_err(), "the first {at} bytes");
            assert!(decode(7, &bytes[at + 1..]).is_err(), "the bytes after {at}");
        }
        assert!(decode(7, &[&bytes[..], b"\n"].concat()).is_err());
        assert!(decode(8, &bytes).is_err(), "a copy under another number");
    }
}
