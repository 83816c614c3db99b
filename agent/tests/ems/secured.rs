//! Who may ask a VNF that is reached from outside: JSON web tokens and client certificates, over TLS, while traffic flows.
use crate::client::Client;
use crate::common::{SLUICE, must};
use crate::rig::Rig;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::SigningKey as _;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, PKCS_ED25519,
};
use std::fs;
use std::path::Path;
use std::time::SystemTime;

const WIRE: &str = "FromDevice($A, PROMISC true) -> q :: Queue -> ToDevice($B);\n\
                    FromDevice($B, PROMISC true) -> q2 :: Queue -> ToDevice($A);\n";
const SETTINGS: &str = "[ems]\nlisten = '0.0.0.0:8443'\ntokens = 'tokens.toml'\n[ems.tls]\nclient_ca = 'ca.pem'\n\
                        [ems.jwt]\nissuer = 'https://issuer.example'\naudience = 'sluice'\nkeys = 'issuer.pem'\n";

/// Tokens of an issuer (RFC 7519), signed with Ed25519 (RFC 8037).
struct TokenIssuer(KeyPair);

impl TokenIssuer {
    fn new() -> TokenIssuer {
        TokenIssuer(KeyPair::generate_for(&PKCS_ED25519).expect("a key"))
    }
    /// A token for this role that ends in so many seconds.
    fn token(&self, audience: &str, role: &str, seconds: i64) -> String {
        let now = SystemTime::UNIX_EPOCH.elapsed().expect("a clock").as_secs() as i64;
        let claims = format!(
            r#"{{"iss":"https://issuer.example","aud":"{audience}","sub":"ann","exp":{},"role":"{role}"}}"#,
            now + seconds
        );
        let message = [r#"{"alg":"EdDSA"}"#, &claims].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        let signature = self.0.sign(message.as_bytes()).expect("a signature");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Signs certificates of clients.
struct Authority(Issuer<'static, KeyPair>, String);

impl Authority {
    fn new(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Authority(Issuer::new(params, key), pem)
    }
    /// Writes certificate and key of a client; curl's arguments for them.
    fn client(&self, folder: &Path, name: &str) -> String {
        let mut params = CertificateParams::new(vec![name.into()]).expect("parameters");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("a key");
        let pem = params.signed_by(&key, &self.0).expect("a certificate").pem();
        let [certificate, secret] = ["pem", "key"].map(|end| folder.join(format!("{name}.{end}")));
        fs::write(&certificate, pem).expect("write");
        fs::write(&secret, key.serialize_pem()).expect("write");
        format!("--cert {} --key {}", certificate.display(), secret.display())
    }
}

#[test]
fn tokens_json_web_tokens_and_client_certificates_are_known_over_tls_while_traffic_flows() {
    let Some(mut rig) = Rig::new("secured", WIRE, SETTINGS) else { return };
    let (issuer, ours) = (TokenIssuer::new(), Authority::new("ours"));
    fs::write(rig.folder.file("issuer.pem"), issuer.0.public_key_pem()).expect("write");
    fs::write(rig.folder.file("ca.pem"), &ours.1).expect("write");
    let tokens = rig.folder.file("tokens.toml");
    let token = must(&format!("{SLUICE} token {} bob --role admin 2>/dev/null", tokens.display())).trim().to_string();
    let names = "[[certificate]]\nname = 'vnfm.example'\nrole = 'operator'\n[[certificate]]\nname = 'auditor.example'\nrole = 'read-only'\n";
    fs::write(&tokens, fs::read_to_string(&tokens).expect("tokens") + names).expect("write");
    let signed = |by: &Authority, name: &str| by.client(&rig.folder.0, name);
    let [manager, auditor, nobody] = ["vnfm.example", "auditor.example", "nobody.example"].map(|n| signed(&ours, n));
    let namespace = rig.net.r.clone();
    let trusting = format!("--cacert {}", rig.folder.file("ems/certificate.pem").display());
    let with = |more: &str| {
        let url = "https://127.0.0.1:8443".into();
        Client { namespace: namespace.clone(), url, more: format!("{trusting} {more}") }
    };
    let bearer = |token: &str| with(&format!("-H 'Authorization: Bearer {token}'"));
    rig.ems = bearer(&token);
    let sluice = rig.start_and_settle();
    assert!(!sluice.told().contains(&token));
    let mut traffic = rig.traffic(8);

    let audit = |ems: &Client| ems.get("/v1/audit").status;
    let change = |ems: &Client, text: &str| ems.put("/v1/functions/main", text).status;
    // A role may what those before it may.
    let second = WIRE.replace("q2 ::", "c :: Counter -> q2 ::");
    let reader = bearer(&issuer.token("sluice", "read-only", 60));
    let operator = bearer(&issuer.token("sluice", "operator", 60));
    assert_eq!((audit(&reader), change(&reader, &second)), (200, 403));
    assert_eq!(change(&operator, &second), 200);
    assert_eq!(operator.post("/v1/system/shutdown", "").status, 403);
    for wrong in [
        issuer.token("another", "admin", 60),
        issuer.token("sluice", "admin", -120),
        TokenIssuer::new().token("sluice", "admin", 60),
        "sluice_of_nobody".into(),
    ] {
        assert_eq!(audit(&bearer(&wrong)), 401, "{wrong}");
    }
    assert_eq!((audit(&with(&auditor)), change(&with(&auditor), WIRE)), (200, 403));
    assert_eq!(change(&with(&manager), WIRE), 200);
    assert_eq!(audit(&with(&nobody)), 401);
    assert_eq!(audit(&with("")), 401);
    // Who was signed by somebody else comes not even to a request.
    assert_eq!(audit(&with(&signed(&Authority::new("other"), "vnfm.example"))), 0);
    for version in ["--tlsv1.2 --tls-max 1.2", "--tlsv1.3"] {
        assert_eq!(audit(&with(&format!("{auditor} {version}"))), 200, "{version}");
    }
    // Whoever trusts another certificate does not speak to it, nor whoever speaks without TLS.
    let other = format!("--cacert {}", rig.folder.file("ca.pem").display());
    let deceived = Client { more: other, ..with("") };
    assert_eq!(deceived.get("/livez").status, 0);
    let plain = Client { url: "http://127.0.0.1:8443".into(), ..with("") };
    assert_eq!(plain.get("/livez").status, 0);
    let authors = rig.ems.get("/v1/functions/main/revisions").is(200).json();
    let authors: Vec<_> = authors.as_array().expect("a list").iter().map(|r| r["author"].clone()).collect();
    assert!(authors.contains(&"jwt/ann".into()) && authors.contains(&"cert/vnfm.example".into()), "{authors:?}");
    assert!(traffic.flows());
    traffic.arrived();
    rig.shut_down(sluice);
}
