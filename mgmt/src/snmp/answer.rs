//! Reading: GET, GETNEXT and GETBULK (RFC 3416 section 4.2), and what SNMPv1 makes of them (RFC 3584 section 4).
use super::access::Rights;
use super::tree::Tree;
use async_snmp::{ErrorStatus, Oid, Pdu, PduType, Value, VarBind, Version};

/// Answers to GETBULK are not longer, bytes, so that they need no fragments on Ethernet; the first repetition goes beyond.
const UNFRAGMENTED: usize = 1_472;
/// Most bindings of an answer.
const MOST_BINDINGS: usize = 4_096;
/// What an answer has besides its bindings, at most, bytes: headers, names, a digest, engine identifiers.
pub(super) const AROUND: usize = 256;

/// What is answered: bindings, or what is wrong and with which one, from 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    /// All went well.
    Bindings(Vec<VarBind>),
    /// Nothing was done.
    Wrong(ErrorStatus, usize),
}

/// Answers a request that reads. `most`: longest message that may come of it, bytes.
pub(super) fn read(tree: &Tree, rights: Option<Rights<'_>>, version: Version, pdu: &Pdu, most: usize) -> Answer {
    let Some(rights) = rights.filter(Rights::reads) else { return Answer::Wrong(ErrorStatus::AuthorizationError, 0) };
    let most = most.saturating_sub(AROUND);
    let asked = pdu.varbinds();
    let reader = Reader { tree, rights, version };
    match (pdu.pdu_type(), pdu.get_bulk_fields()) {
        (PduType::GetBulkRequest, Some((first, repetitions))) => {
            Answer::Bindings(reader.bulk(asked, first as usize, repetitions as usize, most))
        }
        (kind, _) => {
            let mut bindings = Vec::with_capacity(asked.len());
            let mut length = 0;
            for (n, binding) in asked.iter().enumerate() {
                let found = if kind == PduType::GetNextRequest {
                    reader.next(&binding.oid)
                } else {
                    VarBind::new(binding.oid.clone(), reader.get(&binding.oid))
                };
                if version == Version::V1 && found.value.is_exception() {
                    return Answer::Wrong(ErrorStatus::NoSuchName, n + 1);
                }
                length += found.encoded_size();
                if length > most {
                    return Answer::Wrong(ErrorStatus::TooBig, 0);
                }
                bindings.push(found);
            }
            Answer::Bindings(bindings)
        }
    }
}

struct Reader<'a> {
    tree: &'a Tree,
    rights: Rights<'a>,
    version: Version,
}

impl Reader<'_> {
    /// SNMPv1 has no such values (RFC 3584 section 4.2.2.1).
    fn unknown_here(&self, value: &Value) -> bool {
        self.version == Version::V1 && matches!(value, Value::Counter64(_))
    }

    fn get(&self, name: &Oid) -> Value {
        if !self.rights.read(name) {
            return Value::NoSuchObject;
        }
        let value = self.tree.get(name);
        if self.unknown_here(&value) { Value::NoSuchObject } else { value }
    }

    fn next(&self, name: &Oid) -> VarBind {
        let mut at = name.clone();
        while let Some((found, value)) = self.tree.next(&at) {
            if self.rights.read(&found) && !self.unknown_here(value) {
                return VarBind::new(found, value.clone());
            }
            at = found;
        }
        VarBind::new(name.clone(), Value::EndOfMibView)
    }

    /// RFC 3416 section 4.2.3.
    fn bulk(&self, asked: &[VarBind], first: usize, repetitions: usize, most: usize) -> Vec<VarBind> {
        let (once, again) = asked.split_at(first.min(asked.len()));
        let mut bindings: Vec<VarBind> = Vec::new();
        let mut length = 0;
        for binding in once {
            let found = self.next(&binding.oid);
            length += found.encoded_size();
            if length > most {
                return bindings;
            }
            bindings.push(found);
        }
        let mut names: Vec<Oid> = again.iter().map(|b| b.oid.clone()).collect();
        let most_later = most.min(UNFRAGMENTED - AROUND);
        for repetition in 0..repetitions {
            let mut at_end = true;
            let limit = if repetition == 0 { most } else { most_later };
            for name in &mut names {
                let found = self.next(name);
                length += found.encoded_size();
                if length > limit || bindings.len() == MOST_BINDINGS {
                    return bindings;
                }
                at_end &= found.value == Value::EndOfMibView;
                *name = found.oid.clone();
                bindings.push(found);
            }
            if at_end {
                break;
            }
        }
        bindings
    }
}

/// The error of a version: SNMPv1 has fewer (RFC 3584 section 4.4).
pub(super) fn status(version: Version, status: ErrorStatus) -> ErrorStatus {
    use ErrorStatus::*;
    if version != Version::V1 {
        return status;
    }
    match status {
        WrongValue | WrongEncoding | WrongType | WrongLength | InconsistentValue => BadValue,
        NoAccess | NotWritable | NoCreation | InconsistentName | AuthorizationError => NoSuchName,
        ResourceUnavailable | CommitFailed | UndoFailed => GenErr,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::snmp::Snmp;
    use crate::snmp::access::Access;
    use crate::snmp::tree::Table;
    use async_snmp::SecurityLevel;
    use async_snmp::pdu::{PduBody, StandardPduType};

    /// A table of 100 rows: a number, a counter of 64 bits, and a text of 40 bytes.
    fn tree() -> Tree {
        let mut table = Table::new(Oid::from_slice(&[1, 3, 9, 1]), &[1, 2, 3]);
        for n in 1..=100 {
            let text = Value::OctetString(vec![b'x'; 40].into());
            table.push(vec![n], vec![Some(Value::Integer(1)), Some(Value::Counter64(2)), Some(text)]);
        }
        Tree::new(vec![table])
    }

    fn ask(version: Version, body: PduBody, names: &[&[u32]], most: usize) -> Answer {
        let access = Access::new(&Snmp::default()).unwrap();
        let bindings = names.iter().map(|n| VarBind::null(Oid::from_slice(n))).collect();
        let pdu = Pdu::from_raw_parts(1, body, bindings);
        read(&tree(), access.user("read-only", SecurityLevel::AuthPriv), version, &pdu, most)
    }

    fn standard(pdu_type: StandardPduType) -> PduBody {
        PduBody::Standard { pdu_type, error_status: 0, error_index: 0 }
    }

    fn bulk(non_repeaters: u32, max_repetitions: u32, names: &[&[u32]], most: usize) -> Vec<String> {
        match ask(Version::V3, PduBody::GetBulk { non_repeaters, max_repetitions }, names, most) {
            Answer::Bindings(all) => all.iter().map(|b| b.oid.to_string()).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn getbulk_repeats_what_it_should_until_the_end_or_the_size_of_a_message() {
        let all = bulk(1, 2, &[&[1, 3, 9, 1, 1], &[1, 3, 9, 1, 1, 99], &[1, 3, 9, 1, 3, 99]], 65_507);
        let wanted = ["1.3.9.1.1.1", "1.3.9.1.1.100", "1.3.9.1.3.100", "1.3.9.1.2.1", "1.3.9.1.3.100"];
        assert_eq!(all, wanted);
        // At the end all around is what is asked for, once.
        assert_eq!(bulk(0, 50, &[&[1, 4]], 65_507).len(), 1);
        let many = bulk(0, u32::MAX, &[&[1, 3, 9, 1, 2, 100]], 65_507).len();
        assert!((10..40).contains(&many), "{many} texts of 40 bytes fit in a frame");
        assert!(bulk(0, u32::MAX, &[&[1, 3, 9, 1, 2, 100]], 484).len() < 6);
        assert!(bulk(u32::MAX, 0, &[&[1]], 65_507).len() == 1 && bulk(0, 0, &[&[1]], 65_507).is_empty());
    }

    #[test]
    fn snmpv1_has_neither_64_bits_nor_exceptions() {
        let get = standard(StandardPduType::GetRequest);
        let next = standard(StandardPduType::GetNextRequest);
        let missing: &[&[u32]] = &[&[1, 3, 9, 1, 1, 1], &[1, 3, 9, 1, 2, 1]];
        assert_eq!(ask(Version::V1, get.clone(), missing, 65_507), Answer::Wrong(ErrorStatus::NoSuchName, 2));
        assert!(matches!(ask(Version::V2c, get, missing, 65_507), Answer::Bindings(all) if all.len() == 2));
        let Answer::Bindings(all) = ask(Version::V1, next.clone(), &[&[1, 3, 9, 1, 1, 100]], 65_507) else { panic!() };
        assert_eq!(all[0].oid.to_string(), "1.3.9.1.3.1");
        assert_eq!(ask(Version::V1, next, &[&[1, 4]], 65_507), Answer::Wrong(ErrorStatus::NoSuchName, 1));
    }

    #[test]
    fn an_answer_that_does_not_fit_is_too_big_and_nobody_without_a_view_gets_one() {
        let names: Vec<Vec<u32>> = (1..=20).map(|n| vec![1, 3, 9, 1, 3, n]).collect();
        let names: Vec<&[u32]> = names.iter().map(Vec::as_slice).collect();
        let get = standard(StandardPduType::GetRequest);
        assert_eq!(ask(Version::V3, get.clone(), &names, 484), Answer::Wrong(ErrorStatus::TooBig, 0));
        let pdu = Pdu::from_raw_parts(1, get, vec![]);
        let nobody = read(&tree(), None, Version::V3, &pdu, 65_507);
        assert_eq!(nobody, Answer::Wrong(ErrorStatus::AuthorizationError, 0));
    }
}
