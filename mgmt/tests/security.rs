//! Who may ask, over real sockets: tokens, JSON web tokens, TLS, certificates, and browsers that are led here.
#![allow(clippy::unwrap_used)] // also in what tests share
#[allow(missing_docs)]
mod fake;
#[allow(missing_docs)]
mod wire;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::prelude::BASE64_STANDARD;
use fake::Rig;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, version};
use sluice_mgmt::alarms::Cause;
use sluice_mgmt::auth::security::Security;
use sluice_mgmt::auth::{Role, tokens};
use sluice_mgmt::clock;
use sluice_mgmt::server::Server;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use wire::{Folder, Served, chmod, mode, settings};

/// The alarms that are active: object and cause.
fn alarms(served: &Served) -> Vec<(String, Cause)> {
    served.rig.ems.alarms.active().into_iter().map(|a| (a.object, a.cause)).collect()
}
fn look(served: &Served) {
    served.security.tick(&served.rig.ems); // the server does, too, some time
}

#[test]
fn without_tokens_whoever_is_on_this_machine_is_an_administrator_but_no_page_in_a_browser() {
    let served = Served::start("");
    assert_eq!(served.ask("PUT", "/v1/functions/main", &[], "second").status, 200);
    for field in ["Host: rebound.example:8000", "Origin: http://evil.example", "Sec-Fetch-Site: cross-site"] {
        let said = served.ask("POST", "/v1/system/shutdown", &[field], "");
        assert_eq!(said.status, 403, "{field}");
        assert!(!said.detail().is_empty());
    }
    assert_eq!(served.ask("GET", "/vnfind/api_versions", &[], "").json()["uriPrefix"], "http://localhost/vnfind/v1/");
    assert_eq!(served.ask("GET", "/v1/vnf", &["Authorization: Bearer some"], "").status, 401);
    assert!(served.rig.vnf.0.lock().unwrap().ended.is_none());
    assert_eq!(served.rig.ems.store.last("main").unwrap().author, "local");
}

#[test]
fn an_address_outside_is_not_listened_to_without_tls_and_credentials() {
    let folder = Folder::new();
    let place = format!("folder = '{}'", folder.ems().display());
    let outside = "listen = '0.0.0.0:0'\n";
    for (text, says) in [
        (outside.to_string(), "[ems.tls]"),
        (format!("{outside}{place}\ntokens = '{}'", folder.file("t.toml").display()), "[ems.tls]"),
        (format!("{outside}[tls]"), "folder"),
        (format!("{outside}{place}\n[tls]\nkey = 'k.pem'"), "belong together"),
        (format!("listen = '[::]:0'\n{place}"), "127.0.0.1"),
    ] {
        let error = Security::set_up(&settings(&text), &Rig::new().ems).err().unwrap().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
    let error = Server::start(Rig::new().ems, &settings(outside), Security::open()).err().unwrap();
    assert!(error.to_string().contains("[ems.tls]"));
    assert!(Served::start(&format!("{outside}{place}\n[tls]")).first_token.is_some());
}

#[test]
fn http_without_tls_serves_others_if_that_is_meant_and_with_tokens() {
    let folder = Folder::new();
    let text = format!("listen = '0.0.0.0:0'\nplain = true\nfolder = '{}'", folder.ems().display());
    let served = Served::start(&text);
    let token = served.first_token.clone().unwrap();
    assert_eq!(served.ask("GET", "/v1/vnf", &[], "").status, 401); // loopback, too
    assert_eq!(served.with(&token, "GET", "/v1/vnf", "").status, 200);
    drop(served);
    assert!(Served::start(&text).first_token.is_none());
    for (text, says) in
        [("listen = '0.0.0.0:0'\nplain = true".to_string(), "folder"), (format!("{text}\n[tls]"), "keep one")]
    {
        let error = Security::set_up(&settings(&text), &Rig::new().ems).err().unwrap().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
}

/// An EMS that waits for its first token.
fn waiting(folder: &Folder) -> Served {
    let place = folder.ems();
    Served::start(&format!(
        "listen = '0.0.0.0:0'\nplain = true\nwithout_token = 'put one there'\nfolder = '{}'",
        place.display()
    ))
}

/// Nobody has a token: only this is shown, and everything else says how one comes there.
fn shows_who_it_is_and_no_more(served: &Served) {
    for open in ["/livez", "/readyz"] {
        assert_eq!(served.ask("GET", open, &[], "").status, 200, "{open}");
    }
    let identity = served.ask("GET", "/v1/vnf/identity", &[], "");
    assert_eq!((identity.status, &identity.json()["id"]), (200, &served.rig.ems.identity.id.as_str().into()));
    assert!(identity.json().get("state").is_none(), "{}", identity.body);
    let closed = ["/v1/vnf", "/openapi.json", "/docs", "/metrics", "/v1/nothing", "/vnfind/v1/indicators"];
    for (path, fields) in
        closed.map(|p| (p, &[][..])).into_iter().chain([("/v1/vnf", &["Authorization: Bearer x"][..])])
    {
        let said = served.ask("GET", path, fields, "");
        assert_eq!((said.status, said.detail().as_str()), (401, "put one there"), "{path}");
        assert_eq!(said.field("www-authenticate"), "Bearer realm=\"sluice\"");
    }
    assert_eq!(served.ask("POST", "/v1/system/shutdown", &[], "").status, 401);
    assert!(served.rig.vnf.0.lock().unwrap().ended.is_none());
}

#[test]
fn an_ems_that_waits_for_a_token_makes_none_and_takes_the_file_as_soon_as_it_is_there() {
    let folder = Folder::new();
    let served = waiting(&folder);
    let file = folder.ems().join("tokens.toml");
    assert!(served.first_token.is_none() && !file.exists());
    shows_who_it_is_and_no_more(&served);
    assert!(alarms(&served).is_empty());
    let token = tokens::add(&file, "one", Role::ReadOnly).unwrap();
    look(&served);
    assert_eq!(served.with(&token, "GET", "/v1/vnf", "").status, 200);
    assert_eq!(served.with(&token, "GET", "/v1/vnf/identity", "").status, 200);
    // From now on it is as any other one.
    let said = served.ask("GET", "/v1/vnf/identity", &[], "");
    assert_eq!((said.status, said.detail().contains("Authorization: Bearer")), (401, true));
    assert_eq!(served.ask("GET", "/openapi.json", &[], "").status, 200);
    drop(served);
    assert_eq!(waiting(&folder).with(&token, "GET", "/v1/vnf", "").status, 200);
}

#[test]
fn a_wrong_file_of_tokens_does_not_end_an_ems_that_waits_for_one() {
    let folder = Folder::new();
    let file = folder.ems().join("tokens.toml");
    fs::create_dir(folder.ems()).unwrap();
    fs::write(&file, "[[token]\n").unwrap();
    chmod(&file, 0o600);
    let served = waiting(&folder);
    shows_who_it_is_and_no_more(&served);
    let active = served.rig.ems.alarms.active();
    assert_eq!((active.len(), active[0].object.as_str(), active[0].cause), (1, "tokens", Cause::CorruptData));
    assert!(active[0].text.contains("tokens.toml: line 1"), "{}", active[0].text);
    fs::remove_file(&file).unwrap();
    let token = tokens::add(&file, "one", Role::ReadOnly).unwrap();
    look(&served);
    assert!(alarms(&served).is_empty());
    assert_eq!(served.with(&token, "GET", "/v1/vnf", "").status, 200);
}

#[test]
fn the_token_of_the_first_boot_is_shown_once_and_kept_as_a_hash() {
    let folder = Folder::new();
    let file = folder.file("tokens.toml");
    let text = format!("folder = '{}'\ntokens = '{}'", folder.ems().display(), file.display());
    let served = Served::start(&text);
    let token = served.first_token.clone().unwrap();
    assert_eq!((mode(&file), mode(&folder.ems())), (0o600, 0o700));
    assert!(!fs::read_to_string(&file).unwrap().contains(&token));
    let said = served.ask("GET", "/v1/vnf", &[], "");
    assert_eq!((said.status, said.field("www-authenticate")), (401, "Bearer realm=\"sluice\""));
    assert_eq!(served.with(&token, "POST", "/v1/system/shutdown", "").status, 202);
    assert_eq!(served.ask("GET", "/v1/vnf", &[&format!("Authorization: bearer  {token}")], "").status, 200);
    for wrong in [&token[..token.len() - 1], &format!("{token}x"), "", "sluice_", "a.b.c", "\u{e9}"] {
        let said = served.with(wrong, "GET", "/v1/vnf", "");
        assert_eq!((said.status, said.detail().as_str()), (401, "these credentials are not valid"), "{wrong}");
    }
    let twice = [&*format!("Authorization: Bearer {token}"), "Authorization: Bearer x"];
    assert_eq!(served.ask("GET", "/v1/vnf", &twice, "").status, 401);
    assert_eq!(served.ask("GET", "/v1/vnf", &["Authorization: Basic eDp5"], "").status, 401);
    for open in ["/livez", "/readyz", "/openapi.json"] {
        assert_eq!(served.ask("GET", open, &[], "").status, 200, "{open}");
    }
    assert_eq!(served.ask("GET", "/v1/nothing", &[], "").status, 401); // who is nobody learns not even that
    drop(served);
    let again = Served::start(&text);
    assert!(again.first_token.is_none());
    assert_eq!(again.with(&token, "GET", "/v1/vnf", "").status, 200);
}

#[test]
fn a_role_may_what_those_before_it_may() {
    let folder = Folder::new();
    let file = folder.file("tokens.toml");
    let [reader, operator] = [Role::ReadOnly, Role::Operator].map(|r| tokens::add(&file, r.name(), r).unwrap());
    let served = Served::start(&format!("tokens = '{}'", file.display()));
    assert_eq!(served.with(&reader, "GET", "/v1/audit", "").status, 200);
    let said = served.with(&reader, "PUT", "/v1/functions/main", "second");
    assert_eq!((said.status, said.detail().as_str()), (403, "read-only is read-only; this takes operator"));
    assert_eq!(served.with(&operator, "PUT", "/v1/functions/main", "second").status, 200);
    assert_eq!(served.with(&operator, "POST", "/v1/system/shutdown", "").status, 403);
    assert_eq!(served.rig.ems.store.last("main").unwrap().author, "operator");
    assert!(served.rig.vnf.0.lock().unwrap().ended.is_none());
}

#[test]
fn tokens_change_without_a_restart_and_a_damaged_file_keeps_the_old_ones() {
    let folder = Folder::new();
    let file = folder.file("tokens.toml");
    let one = tokens::add(&file, "one", Role::Admin).unwrap();
    let served = Served::start(&format!("tokens = '{}'", file.display()));
    let status = |token: &str| served.with(token, "GET", "/v1/vnf", "").status;
    let first = fs::read_to_string(&file).unwrap();
    let two = tokens::add(&file, "two", Role::ReadOnly).unwrap();
    look(&served);
    assert_eq!((status(&one), status(&two)), (200, 200));
    let both = fs::read_to_string(&file).unwrap();
    let damage: [&dyn Fn(); 3] = [
        &|| fs::write(&file, "[[token]\n").unwrap(),
        &|| {
            fs::write(&file, &first).unwrap();
            chmod(&file, 0o644);
        },
        &|| fs::remove_file(&file).unwrap(),
    ];
    for harm in damage {
        harm();
        look(&served);
        assert_eq!((status(&one), status(&two)), (200, 200));
        assert_eq!(alarms(&served), [("tokens".into(), Cause::CorruptData)]);
        assert_eq!(served.ask("GET", "/v1/vnf", &[], "").status, 401);
    }
    fs::write(&file, both.replace("two", "too")).unwrap();
    chmod(&file, 0o600);
    look(&served);
    assert!(alarms(&served).is_empty());
    fs::write(&file, first).unwrap();
    look(&served);
    assert_eq!((status(&one), status(&two)), (200, 401));
}

#[test]
fn tokens_that_others_can_read_are_no_secret() {
    let folder = Folder::new();
    let file = folder.file("tokens.toml");
    tokens::add(&file, "one", Role::Admin).unwrap();
    chmod(&file, 0o640);
    let settings = settings(&format!("tokens = '{}'", file.display()));
    let error = Security::set_up(&settings, &Rig::new().ems).err().unwrap().to_string();
    assert!(error.contains("chmod 600"), "{error}");
    fs::create_dir(folder.ems()).unwrap();
    chmod(&folder.ems(), 0o777);
    let open = wire::settings(&format!("folder = '{}'", folder.ems().display()));
    assert!(Security::set_up(&open, &Rig::new().ems).err().unwrap().to_string().contains("chmod 700"));
}

#[test]
fn tokens_that_come_into_an_open_folder_end_that_anybody_may() {
    let folder = Folder::new();
    let served = Served::start(&format!("folder = '{}'", folder.ems().display()));
    assert_eq!(served.ask("GET", "/v1/vnf", &[], "").status, 200);
    let token = tokens::add(&folder.ems().join("tokens.toml"), "one", Role::ReadOnly).unwrap();
    look(&served);
    assert_eq!(served.ask("GET", "/v1/vnf", &[], "").status, 401);
    assert_eq!(served.with(&token, "GET", "/v1/vnf", "").status, 200);
}

/// The token as a password.
fn password(user: &str, token: &str) -> String {
    format!("Authorization: Basic {}", BASE64_STANDARD.encode(format!("{user}:{token}")))
}

#[test]
fn a_token_may_come_as_a_password_but_not_because_another_site_made_a_browser_send_it() {
    let folder = Folder::new();
    let file = folder.file("tokens.toml");
    let token = tokens::add(&file, "vnfm", Role::Operator).unwrap();
    let served = Served::start(&format!("tokens = '{}'", file.display()));
    let put = |fields: &[&str]| served.ask("PUT", "/v1/functions/main", fields, "second").status;
    for user in ["vnfm", "anybody", ""] {
        assert_eq!(put(&[&password(user, &token)]), 200, "{user}");
    }
    assert_eq!(served.rig.ems.store.last("main").unwrap().author, "vnfm");
    let other_site = "Origin: http://evil.example";
    assert_eq!(put(&[&password("vnfm", &token), other_site]), 403);
    assert_eq!(put(&[&format!("Authorization: Bearer {token}"), other_site]), 200);
    let said = served.ask("GET", "/v1/vnf", &[&password("vnfm", "guess")], "");
    let challenge = "Bearer realm=\"sluice\", error=\"invalid_token\"";
    assert_eq!((said.status, said.field("www-authenticate")), (401, challenge));
    let said = served.ask("GET", "/v1/vnf", &[], "");
    assert_eq!((said.status, said.field("www-authenticate")), (401, "Bearer realm=\"sluice\""));
}

#[test]
fn a_json_web_token_gives_the_role_that_it_claims() {
    let folder = Folder::new();
    let (keys, key) = (folder.file("keys.pem"), KeyPair::generate().unwrap());
    fs::write(&keys, key.public_key_pem()).unwrap();
    let random = ring::rand::SystemRandom::new();
    let signer = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.serialized_der(), &random).unwrap();
    let sign = |role: &str, ends: u64| {
        let claims = format!(r#"{{"iss":"i","aud":"sluice","sub":"ann","exp":{ends},"groups":["{role}"]}}"#);
        let message = [r#"{"alg":"ES256"}"#, &claims].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        let signature = signer.sign(&random, message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    };
    let path = keys.display();
    let served =
        Served::start(&format!("[jwt]\nissuer = 'i'\naudience = 'sluice'\nroles_claim = 'groups'\nkeys = '{path}'"));
    let now = clock::wall() / 1_000_000_000;
    assert_eq!(served.with(&sign("operator", now + 60), "PUT", "/v1/functions/main", "second").status, 200);
    assert_eq!(served.rig.ems.store.last("main").unwrap().author, "jwt/ann");
    assert_eq!(served.with(&sign("read-only", now + 60), "PUT", "/v1/functions/main", "third").status, 403);
    assert_eq!(served.with(&sign("operator", now - 61), "GET", "/v1/vnf", "").status, 401);
    assert_eq!(served.ask("GET", "/v1/vnf", &[], "").status, 401);
    let as_password = password("ann", &sign("read-only", now + 60));
    assert_eq!(served.ask("GET", "/v1/vnf", &[&as_password], "").status, 200);
    fs::write(&keys, "{}").unwrap();
    look(&served);
    assert_eq!(alarms(&served), [("jwt-keys".into(), Cause::CorruptData)]);
    assert_eq!(served.with(&sign("operator", now + 60), "GET", "/v1/vnf", "").status, 200);
    fs::write(&keys, KeyPair::generate().unwrap().public_key_pem()).unwrap();
    look(&served);
    assert!(alarms(&served).is_empty());
    assert_eq!(served.with(&sign("operator", now + 60), "GET", "/v1/vnf", "").status, 401);
}

/// A client that trusts one certificate, and may have its own.
fn trusting(
    pem: &Path,
    versions: &[&'static SupportedProtocolVersion],
    own: Option<&(String, KeyPair)>,
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(pem).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let builder = builder.with_root_certificates(roots);
    let Some((certificate, key)) = own else { return builder.with_no_client_auth() };
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    builder.with_client_auth_cert(chain, key).unwrap()
}

const BOTH: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];

#[test]
fn tls_1_2_and_1_3_are_spoken_with_a_certificate_that_is_made_once() {
    let folder = Folder::new();
    let text = format!("folder = '{}'\n[tls]\nnames = ['vnf.example']", folder.ems().display());
    let (certificate, key) = (folder.ems().join("certificate.pem"), folder.ems().join("key.pem"));
    let served = Served::start(&text);
    let token = format!("Authorization: Bearer {}", served.first_token.clone().unwrap());
    for versions in [&[&version::TLS12][..], &[&version::TLS13]] {
        let client = || trusting(&certificate, versions, None);
        assert_eq!(served.ask_tls(client(), &[&token], "GET", "/v1/vnf").unwrap().status, 200);
        assert_eq!(served.ask_tls(client(), &[], "GET", "/v1/vnf").unwrap().status, 401);
        // A link of SOL 002 leads to where the client came from.
        let said = served.ask_tls(client(), &[&token], "GET", "/vnfind/api_versions").unwrap();
        assert_eq!(said.json()["uriPrefix"], "https://localhost/vnfind/v1/");
    }
    assert_eq!((mode(&key), mode(&folder.ems().join("tokens.toml"))), (0o600, 0o600));
    assert!(wire::ask(served.connect(), "GET", "/livez", &[], "").is_err()); // no HTTP without TLS
    let made = fs::read(&certificate).unwrap();
    drop(served);
    drop(Served::start(&text));
    assert_eq!(fs::read(&certificate).unwrap(), made);
    chmod(&key, 0o644);
    let error = Security::set_up(&settings(&text), &Rig::new().ems).err().unwrap();
    assert!(error.to_string().contains("chmod 600"), "{error}");
}

#[test]
fn a_certificate_that_is_replaced_is_shown_to_the_next_client() {
    let folder = Folder::new();
    let served = Served::start(&format!("folder = '{}'\n[tls]", folder.ems().display()));
    let other = folder.file("other.pem");
    let pair = KeyPair::generate().unwrap();
    let made = CertificateParams::new(vec!["localhost".into()]).unwrap().self_signed(&pair).unwrap();
    fs::write(&other, made.pem()).unwrap();
    let ask = || served.ask_tls(trusting(&other, BOTH, None), &[], "GET", "/livez");
    assert!(ask().is_err());
    fs::write(folder.ems().join("certificate.pem"), made.pem()).unwrap();
    look(&served);
    assert_eq!(alarms(&served), [("certificate".into(), Cause::CorruptData)]); // the key is the old one
    fs::write(folder.ems().join("key.pem"), pair.serialize_pem()).unwrap();
    look(&served);
    assert!(alarms(&served).is_empty());
    assert_eq!(ask().unwrap().status, 200);
}

#[test]
fn a_client_certificate_has_the_role_of_its_name() {
    let folder = Folder::new();
    let authority = |name: &str| {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        (pem, Issuer::new(params, key))
    };
    let sign = |by: &Issuer<'_, KeyPair>, common: &str, dns: &[&str]| {
        let mut params = CertificateParams::new(dns.iter().map(|d| d.to_string()).collect::<Vec<_>>()).unwrap();
        params.distinguished_name.push(DnType::CommonName, common);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, by).unwrap().pem(), key)
    };
    let ((ours, issuer), (_, stranger)) = (authority("ours"), authority("other"));
    let (ca, file) = (folder.file("ca.pem"), folder.file("tokens.toml"));
    fs::write(&ca, ours).unwrap();
    let token = tokens::add(&file, "one", Role::ReadOnly).unwrap();
    let names = "[[certificate]]\nname = 'vnfm.example'\nrole = 'operator'\n[[certificate]]\nname = 'the auditor'\nrole = 'read-only'\n";
    fs::write(&file, fs::read_to_string(&file).unwrap() + names).unwrap();
    let (ems, file, ca) = (folder.ems(), file.display(), ca.display());
    let served = Served::start(&format!("folder = '{}'\ntokens = '{file}'\n[tls]\nclient_ca = '{ca}'", ems.display()));
    let certificate = ems.join("certificate.pem");
    let ask = |own: Option<&(String, KeyPair)>, fields: &[&str], path: &str| {
        let versions = [&[&version::TLS12][..], &[&version::TLS13]];
        let said = versions.map(|v| served.ask_tls(trusting(&certificate, v, own), fields, "POST", path));
        let said = said.map(|s| s.map(|s| s.status).ok());
        assert_eq!(said[0], said[1]);
        said[0]
    };
    let confirm = "/v1/functions/main/confirm"; // 409 to whoever may: nothing waits
    let manager = sign(&issuer, "somebody", &["vnfm.example"]);
    assert_eq!(ask(Some(&manager), &[], confirm), Some(409));
    assert_eq!(ask(Some(&manager), &["Origin: http://evil.example"], confirm), Some(403));
    assert_eq!(ask(Some(&sign(&issuer, "the auditor", &[])), &[], confirm), Some(403));
    assert_eq!(ask(Some(&sign(&issuer, "nobody", &[])), &[], confirm), Some(401));
    assert_eq!(ask(Some(&sign(&stranger, "x", &["vnfm.example"])), &[], confirm), None);
    assert_eq!(ask(None, &[], confirm), Some(401));
    assert_eq!(ask(None, &[&format!("Authorization: Bearer {token}")], confirm), Some(403));
    let entry = served.rig.ems.audit.entries(0, 100).into_iter().find(|e| e.outcome == "409 Conflict").unwrap();
    assert_eq!(entry.actor, "cert/vnfm.example");
}

#[test]
fn many_wrong_tokens_are_recorded_and_raise_an_alarm() {
    let folder = Folder::new();
    let file = folder.file("tokens.toml");
    tokens::add(&file, "one", Role::Admin).unwrap();
    let served = Served::start(&format!("tokens = '{}'", file.display()));
    (0..25).for_each(|n| drop(served.with(&format!("guess{n}"), "GET", "/v1/vnf", "")));
    assert_eq!(alarms(&served), [("authentication".into(), Cause::UnauthorizedAccessAttempt)]);
    let first = &served.rig.ems.audit.entries(0, 100)[0];
    assert_eq!((first.what.as_str(), first.client.as_deref()), ("wrong credentials", Some("127.0.0.1")));
}

#[test]
fn a_secret_is_in_nothing_that_the_ems_keeps_writes_or_says() {
    let folder = Folder::new();
    let served =
        Served::start(&format!("folder = '{}'\ntokens = '{}'", folder.ems().display(), folder.file("t").display()));
    let token = served.first_token.clone().unwrap();
    let wrong = format!("{}{}", tokens::PREFIX, "w".repeat(43));
    let mut heard = String::new();
    for secret in [&token, &wrong] {
        for (method, path) in [
            ("GET", "/v1/vnf".to_string()),
            ("GET", format!("/v1/vnf?access_token={secret}")),
            ("PUT", format!("/v1/functions/main?dry-run={secret}")),
            ("PUT", format!("/v1/functions/{secret}")),
            ("POST", format!("/v1/functions/{secret}/confirm")),
        ] {
            for with in [&token, &wrong] {
                let fields = [&*format!("Authorization: Bearer {with}"), &*format!("X-Request-Id: {secret}")];
                let said = served.ask(method, &path, &fields, "third");
                if !path.contains(secret.as_str()) {
                    heard += &format!("{said:?}"); // what somebody writes into a path may be shown to that one
                }
            }
        }
    }
    fs::write(folder.file("t"), format!("[[token]]\nname = 'x'\nrole = 'admin'\nsha256 = '{token}'\n{wrong}")).unwrap();
    look(&served);
    let ems = &served.rig.ems;
    let entries = ems.audit.entries(0, 1000);
    assert!(entries.iter().any(|e| e.what == "change function sluice_***"), "{entries:?}");
    assert_eq!(ems.alarms.active()[0].object, "tokens");
    let kept = (entries, ems.journal.lines(0, 9999), ems.alarms.active(), ems.requests.all());
    let files = fs::read_dir(folder.ems()).unwrap().map(|f| fs::read_to_string(f.unwrap().path()).unwrap());
    let all = format!("{kept:?}{heard}{}", files.collect::<String>());
    assert!(all.contains("wrong credentials"));
    assert!(!all.contains(&token) && !all.contains(&wrong), "{all}");
}
