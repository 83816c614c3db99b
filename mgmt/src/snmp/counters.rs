//! What the protocol itself counts, and shows as the groups that the RFCs name.
use super::engine::Engine;
use super::tree::Table;
use async_snmp::{Oid, Value};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Longest message that is taken and sent, bytes (`snmpEngineMaxMessageSize`): what UDP over IPv4 carries.
pub(super) const LONGEST: usize = 65_507;
/// `snmpEnableAuthenTraps`: disabled.
const DISABLED: i32 = 2;

/// A counter: it begins with zero when the process does.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU32);

impl Counter {
    /// One more.
    pub(super) fn count(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    /// How many.
    pub(super) fn value(&self) -> Value {
        Value::Counter32(self.get())
    }

    /// The same as a number.
    pub(super) fn get(&self) -> u32 {
        self.0.load(Relaxed)
    }
}

/// Statistics of RFC 3412, RFC 3413, RFC 3414 and RFC 3418, by the names there.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// `snmpInPkts`
    pub(super) packets: Counter,
    /// `snmpInBadVersions`
    pub(super) bad_versions: Counter,
    /// `snmpInBadCommunityNames`
    pub(super) bad_community_names: Counter,
    /// `snmpInBadCommunityUses`
    pub(super) bad_community_uses: Counter,
    /// `snmpInASNParseErrs`
    pub(super) parse_errors: Counter,
    /// `snmpSilentDrops`
    pub(super) silent_drops: Counter,
    /// `snmpUnknownSecurityModels`
    pub(super) unknown_security_models: Counter,
    /// `snmpInvalidMsgs`
    pub(super) invalid_messages: Counter,
    /// `snmpUnknownPDUHandlers`
    pub(super) unknown_pdu_handlers: Counter,
    /// `snmpUnknownContexts`
    pub(super) unknown_contexts: Counter,
    /// `usmStatsUnsupportedSecLevels`
    pub(super) unsupported_levels: Counter,
    /// `usmStatsNotInTimeWindows`
    pub(super) not_in_time_windows: Counter,
    /// `usmStatsUnknownUserNames`
    pub(super) unknown_users: Counter,
    /// `usmStatsUnknownEngineIDs`
    pub(super) unknown_engines: Counter,
    /// `usmStatsWrongDigests`
    pub(super) wrong_digests: Counter,
    /// `usmStatsDecryptionErrors`
    pub(super) decryption_errors: Counter,
}

impl Counters {
    /// The groups `snmp` (RFC 3418), `snmpEngine` (RFC 3411), `snmpMPDStats` (RFC 3412), `usmStats` (RFC 3414) and the
    /// contexts' of `snmpTargetObjects` (RFC 3413).
    pub(super) fn tables(&self, engine: &Engine) -> Vec<Table> {
        let id = Value::OctetString(engine.id().clone());
        let seconds = |n: u32| Value::Integer(n.min(i32::MAX as u32) as i32);
        vec![
            Table::scalars(
                Oid::from_slice(&[1, 3, 6, 1, 2, 1, 11]),
                &[1, 3, 4, 5, 6, 30, 31, 32],
                [
                    self.packets.value(),
                    self.bad_versions.value(),
                    self.bad_community_names.value(),
                    self.bad_community_uses.value(),
                    self.parse_errors.value(),
                    Value::Integer(DISABLED),
                    self.silent_drops.value(),
                    Value::Counter32(0), // nothing is a proxy here
                ],
            ),
            Table::scalars(
                Oid::from_slice(&[1, 3, 6, 1, 6, 3, 10, 2, 1]),
                &[1, 2, 3, 4],
                [id, seconds(engine.boots()), seconds(engine.time()), Value::Integer(LONGEST as i32)],
            ),
            Table::scalars(
                Oid::from_slice(&[1, 3, 6, 1, 6, 3, 11, 2, 1]),
                &[1, 2, 3],
                [
                    self.unknown_security_models.value(),
                    self.invalid_messages.value(),
                    self.unknown_pdu_handlers.value(),
                ],
            ),
            Table::scalars(
                Oid::from_slice(&[1, 3, 6, 1, 6, 3, 12, 1]),
                &[4, 5],
                [Value::Counter32(0), self.unknown_contexts.value()],
            ),
            Table::scalars(
                Oid::from_slice(&[1, 3, 6, 1, 6, 3, 15, 1, 1]),
                &[1, 2, 3, 4, 5, 6],
                [
                    self.unsupported_levels.value(),
                    self.not_in_time_windows.value(),
                    self.unknown_users.value(),
                    self.unknown_engines.value(),
                    self.wrong_digests.value(),
                    self.decryption_errors.value(),
                ],
            ),
        ]
    }
}
