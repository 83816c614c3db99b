//! Messages that nobody meant: whatever comes, the SNMP agent answers it or does not, and nothing is read or changed for
//! somebody who is not who it says.
//!
//! `SLUICE_SNMP_MESSAGES` says how many are tried; 20,000 if it does not.
#![allow(clippy::unwrap_used)] // also in what tests share
#[allow(missing_docs)]
mod fake;
use async_snmp::message::CommunityMessage;
use async_snmp::message::{MsgFlags, MsgGlobalData, RawMsgData, RawV3Message, ScopedPdu, V3Message};
use async_snmp::pdu::PduBody;
use async_snmp::v3::auth::authenticate_message;
use async_snmp::v3::{AuthProtocol, LocalizedKey, PrivKey, PrivProtocol, SaltCounter, UsmSecurityParams};
use async_snmp::{DecodeConfig, MessageSize, Oid, Pdu, PduType, SecurityLevel, StandardPduType, Value, VarBind};
use bytes::Bytes;
use fake::Fake;
use sluice_mgmt::agent::AGENT;
use sluice_mgmt::ems::Ems;
use sluice_mgmt::encoding::{from_hex, sha256};
use sluice_mgmt::journal::Journal;
use sluice_mgmt::settings::snmp::Snmp;
use sluice_mgmt::snmp::directory::{Passwords, WantedUser};
use sluice_mgmt::snmp::responder::Responder;
use sluice_mgmt::store::Store;
use sluice_mgmt::vnf::{Configuration, Identity};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

const AUTH: &str = "authentication";
const PRIVACY: &str = "privacy-of-it";
const RULES: &str = "[[rules]]\nname = 'web'\npath = 10\n[[paths]]\nid = 10\nhops = []\n[paths.to]\nport = 'B'\n\
                     [[paths]]\nid = 11\nhops = []\n[paths.to]\nport = 'A'\n";

/// A folder that goes away.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Rig {
    vnf: Arc<Fake>,
    responder: Responder,
    engine: Bytes,
    auth: LocalizedKey,
    privacy: PrivKey,
    salts: SaltCounter,
    _folder: Folder,
}

impl Rig {
    fn new(name: &str) -> Rig {
        let folder = Folder(std::env::temp_dir().join(format!("sluice-snmp-{}-{name}", std::process::id())));
        std::fs::create_dir_all(&folder.0).unwrap();
        let vnf = Arc::new(Fake::default());
        let text = Configuration { text: RULES.into(), ..Configuration::default() };
        vnf.0.lock().unwrap().others.insert(AGENT.into(), text);
        let ems =
            Ems::new(Identity::default(), vnf.clone(), Arc::new(Store::in_memory()), Arc::new(Journal::default()));
        let communities = folder.0.join("communities.toml");
        let hash = sha256("s3cret");
        sluice_mgmt::store::write_atomically(
            &communities,
            format!("[[community]]\nname = 'noc'\nsha256 = '{hash}'\n").as_bytes(),
            0o600,
        )
        .unwrap();
        let settings = Snmp { communities: Some(communities), ..Snmp::default() };
        let responder = Responder::open(&ems, &settings, &folder.0).unwrap();
        let passwords = Some(Passwords { auth: AUTH.into(), privacy: PRIVACY.into() });
        let (name, group) = ("op".into(), "operator".into());
        let wanted = WantedUser { name, group, engine: None, auth: None, privacy: None, passwords };
        let made = ems.snmp.get().unwrap().create(&wanted).unwrap();
        let engine = Bytes::from(from_hex(&made.engine_id).unwrap());
        let key =
            |password: &str| LocalizedKey::from_password(AuthProtocol::Sha256, password.as_bytes(), &engine).unwrap();
        let privacy = PrivKey::from_bytes(PrivProtocol::Aes128, key(PRIVACY).as_bytes()).unwrap();
        let (auth, salts) = (key(AUTH), SaltCounter::new().unwrap());
        Rig { vnf, responder, engine, auth, privacy, salts, _folder: folder }
    }

    /// A message whose content is these bytes, encrypted and authentic.
    fn protect(&self, plain: &[u8]) -> Vec<u8> {
        let (encrypted, salt) = self.privacy.encrypt_aes(plain, 1, 0, &self.salts).unwrap();
        let params = UsmSecurityParams::new(self.engine.clone(), 1, 0, &b"op"[..]).unwrap();
        let params = params.with_auth_placeholder(24).unwrap().with_priv_params(salt).unwrap();
        let flags = MsgFlags::new(SecurityLevel::AuthPriv, true);
        let global = MsgGlobalData::new(7, MessageSize::new(65_507).unwrap(), flags).unwrap();
        let message =
            V3Message::new_with_opaque_encrypted_scoped_pdu(global, params.encode().unwrap(), encrypted).unwrap();
        let mut bytes = message.encode().unwrap().to_vec();
        let (at, length) = UsmSecurityParams::find_auth_params_offset(&bytes).unwrap();
        authenticate_message(&self.auth, &mut bytes, at, length).unwrap();
        bytes
    }

    fn scoped(&self, pdu: Pdu) -> Vec<u8> {
        ScopedPdu::new(self.engine.clone(), Bytes::new(), pdu).encode_to_bytes().unwrap().to_vec()
    }

    async fn ask(&self, message: &[u8]) -> Option<Bytes> {
        let from = SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000));
        self.responder.take(Bytes::copy_from_slice(message), from).await
    }

    /// The content of an answer: its kind, status and bindings.
    fn content(&self, answer: &Bytes) -> (PduBody, Vec<VarBind>) {
        let message = RawV3Message::decode(answer.clone(), DecodeConfig::STRICT).unwrap().value;
        let params = UsmSecurityParams::decode(message.security_params().clone(), DecodeConfig::STRICT).unwrap().value;
        let plain = match message.msg_data() {
            RawMsgData::Plaintext { data, .. } => data.clone(),
            RawMsgData::Encrypted(data) => {
                let (boots, time) = (params.engine_boots(), params.engine_time());
                self.privacy.decrypt(data, boots, time, params.priv_params()).unwrap()
            }
        };
        let scoped = ScopedPdu::decode(&mut async_snmp::ber::Decoder::new(plain)).unwrap();
        let (_, body, bindings) = scoped.pdu.into_raw_parts();
        (body, bindings)
    }

    fn applied(&self) -> usize {
        self.vnf.0.lock().unwrap().applied.len()
    }
}

fn pdu(kind: StandardPduType, bindings: Vec<VarBind>) -> Pdu {
    Pdu::from_raw_parts(99, PduBody::Standard { pdu_type: kind, error_status: 0, error_index: 0 }, bindings)
}

fn bulk(name: &str) -> Pdu {
    let body = PduBody::GetBulk { non_repeaters: 0, max_repetitions: 20 };
    Pdu::from_raw_parts(99, body, vec![VarBind::null(oid(name))])
}

fn oid(text: &str) -> Oid {
    Oid::parse(text).unwrap()
}

/// `sluiceRulePath` of the rule ‘web’.
fn rule_path() -> Oid {
    oid("1.3.6.1.4.1.32473.1.1.1.3.1.10.3.119.101.98")
}

fn requests() -> Vec<Pdu> {
    let names = ["1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.1.3.0", "1.3.6.1.4.1.32473.1"];
    let bindings: Vec<VarBind> = names.iter().map(|n| VarBind::null(oid(n))).collect();
    vec![
        pdu(StandardPduType::GetRequest, bindings.clone()),
        pdu(StandardPduType::GetNextRequest, bindings),
        bulk("1.3.6.1"),
        pdu(StandardPduType::SetRequest, vec![VarBind::new(rule_path(), Value::Gauge32(11))]),
    ]
}

/// Numbers that look random, the same ones each time (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }

    /// Another message: one to four bits, bytes or lengths of it are others, or it is cut, or repeated.
    fn mutate(&mut self, seed: &[u8]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            let Some(byte) = bytes.get_mut(at) else { break };
            match self.below(7) {
                0 => *byte ^= 1 << self.below(8),
                1 => *byte = self.below(256) as u8,
                2 => *byte = [0, 0x7f, 0x80, 0xff, 0x84, 0x30][self.below(6)],
                3 => *byte = byte.wrapping_add(1),
                4 => bytes.truncate(at),
                5 => bytes.insert(at, self.below(256) as u8),
                _ => drop(bytes.remove(at)),
            }
        }
        bytes
    }
}

fn count() -> usize {
    std::env::var("SLUICE_SNMP_MESSAGES").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000)
}

#[tokio::test]
async fn a_message_that_is_not_authentic_reads_and_changes_nothing() {
    let (rig, mut random) = (Rig::new("forged"), Random(0x5eed));
    let seeds: Vec<Vec<u8>> = requests().into_iter().map(|p| rig.protect(&rig.scoped(p))).collect();
    // They are good ones.
    for (n, seed) in seeds.iter().enumerate() {
        let answer = rig.ask(seed).await.unwrap();
        let (body, bindings) = rig.content(&answer);
        let good = PduBody::Standard { pdu_type: StandardPduType::Response, error_status: 0, error_index: 0 };
        assert_eq!(body, good, "{n}: {bindings:?}");
    }
    assert_eq!(rig.applied(), 1);
    let mut reports = 0;
    for n in 0..count() {
        let seed = &seeds[n % seeds.len()];
        let forged = random.mutate(seed);
        if forged == *seed {
            continue;
        }
        let Some(answer) = rig.ask(&forged).await else { continue };
        let (body, bindings) = rig.content(&answer);
        assert!(matches!(body, PduBody::Standard { pdu_type: StandardPduType::Report, .. }), "{forged:02x?}");
        assert!(bindings[0].oid.starts_with(&oid("1.3.6.1.6.3.15.1.1")), "{bindings:?}");
        reports += 1;
    }
    assert_eq!(rig.applied(), 1);
    assert!(reports > count() / 10, "{reports} reports");
}

#[tokio::test]
async fn whatever_somebody_authentic_says_is_answered_or_not() {
    let (rig, mut random) = (Rig::new("strange"), Random(0xbad));
    let seeds: Vec<Vec<u8>> = requests().into_iter().map(|p| rig.scoped(p)).collect();
    let (mut answers, mut errors) = (0, 0);
    for n in 0..count() {
        let strange = random.mutate(&seeds[n % seeds.len()]);
        let before = rig.applied();
        let answer = rig.ask(&rig.protect(&strange)).await;
        let Some(answer) = answer else {
            assert_eq!(rig.applied(), before, "{strange:02x?}");
            continue;
        };
        let (body, _) = rig.content(&answer);
        answers += 1;
        if !matches!(body, PduBody::Standard { pdu_type: StandardPduType::Response, error_status: 0, .. }) {
            errors += 1;
            assert_eq!(rig.applied(), before, "{strange:02x?}");
        }
    }
    assert!(answers > count() / 20 && errors > count() / 200, "{answers} answers, {errors} of them errors");
}

#[tokio::test]
async fn a_community_is_answered_in_its_own_name_and_writes_nothing() {
    let (rig, mut random) = (Rig::new("communities"), Random(0xc0de));
    let mut seeds = Vec::new();
    for p in requests() {
        seeds.push(CommunityMessage::v2c(&b"s3cret"[..], p.clone()).unwrap().encode().unwrap());
        if p.pdu_type() != PduType::GetBulkRequest {
            seeds.push(CommunityMessage::v1(&b"s3cret"[..], p).unwrap().encode().unwrap());
        }
    }
    let mut answers = 0;
    for n in 0..count() {
        let strange = random.mutate(&seeds[n % seeds.len()]);
        let Some(answer) = rig.ask(&strange).await else { continue };
        let answer = CommunityMessage::decode(answer, DecodeConfig::STRICT).unwrap().value;
        let asked = CommunityMessage::decode(strange.clone().into(), DecodeConfig::STRICT).unwrap().value;
        assert_eq!(
            (answer.version(), answer.community().as_bytes()),
            (asked.version(), &b"s3cret"[..]),
            "{strange:02x?}"
        );
        assert_eq!(answer.into_pdu().unwrap().pdu_type(), PduType::Response);
        answers += 1;
    }
    assert_eq!(rig.applied(), 0);
    assert!(answers > count() / 20, "{answers} answers");
}
