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
