//! JSON web tokens that an issuer signs: RFC 7519, signed as RFC 7515 and RFC 7518 say, checked as RFC 8725 advises.
//!
//! A key knows the one algorithm that it is for, and the token's header only chooses among the keys: neither `none` nor an
//! HMAC with a public key as its secret can come in (RFC 8725 section 3.1).
use super::certificate::value;
use crate::auth::{Actor, Role, files};
use crate::settings;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde_json::Value;

/// Longest token, bytes.
const LONGEST: usize = 8192;
/// Keys of an issuer.
const MOST: usize = 64;
/// The issuer's clock may differ by this, seconds (RFC 7519 section 4.1.4: a few minutes at most).
const LEEWAY: f64 = 60.0;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Public {
    /// RS256: modulus and exponent, big endian.
    Rsa(Vec<u8>, Vec<u8>),
    /// ES256: an uncompressed point.
    P256(Vec<u8>),
    /// EdDSA with Ed25519.
    Ed25519(Vec<u8>),
}

impl Public {
    /// What the header of a token calls it (RFC 7518 section 3.1, RFC 8037 section 3.1).
    fn algorithm(&self) -> &'static str {
        match self {
            Public::Rsa(..) => "RS256",
            Public::P256(_) => "ES256",
            Public::Ed25519(_) => "EdDSA",
        }
    }

    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Public::Rsa(n, e) => {
                let key = RsaPublicKeyComponents { n, e };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
            }
            Public::P256(key) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).verify(message, signature).is_ok()
            }
            Public::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature).is_ok(),
        }
    }
}

/// The public keys of an issuer, each with its name if it has one.
#[derive(Debug)]
pub struct Keys(Vec<(Option<String>, Public)>);

/// A key of a JWK set (RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<Value>,
}

impl Keys {
    pub(crate) fn load(jwt: &settings::Jwt) -> Result<Keys, String> {
        let text = files::read(&jwt.keys, false)?;
        Keys::parse(&text).map_err(|e| format!("{}: {e}", jwt.keys.display()))
    }

    /// Reads a JWK set, or PEM with `PUBLIC KEY`s. Keys of other kinds are passed over (RFC 7517 section 5).
    fn parse(text: &str) -> Result<Keys, String> {
        let keys: Vec<_> = if text.trim_start().starts_with('{') {
            let set: JwkSet = serde_json::from_str(text).map_err(|e| format!("no JWK set: {e}"))?;
            set.keys.into_iter().filter_map(|k| from_jwk(serde_json::from_value(k).ok()?)).collect()
        } else {
            let all: Result<Vec<_>, _> = SubjectPublicKeyInfoDer::pem_slice_iter(text.as_bytes()).collect();
            let all = all.map_err(|e| format!("no PEM: {e:?}"))?;
            all.iter().filter_map(|der| Some((None, from_info(der)?))).collect()
        };
        match keys.len() {
            0 => Err("no key for RS256, ES256 or EdDSA in it".into()),
            n if n > MOST => Err(format!("more than {MOST} keys")),
            _ => Ok(Keys(keys)),
        }
    }

    /// Who it is that has this token, if the issuer says so, for us, and now. `now`: seconds since the Unix epoch.
    pub fn verify(&self, token: &str, wants: &settings::Jwt, now: f64) -> Option<Actor> {
        if token.len() > LONGEST {
            return None;
        }
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let header = object(header)?;
        // RFC 7515 section 4.1.11: extensions that must be understood. None is.
        if header.get("crit").is_some() {
            return None;
        }
        let (algorithm, name) = (header.get("alg")?.as_str()?, header.get("kid").and_then(Value::as_str));
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let fits = |kid: &Option<String>| match (kid.as_deref(), name) {
            (Some(known), Some(wanted)) => known == wanted,
            _ => true,
        };
        let mut keys = self.0.iter().filter(|(kid, key)| key.algorithm() == algorithm && fits(kid));
        if !keys.any(|(_, key)| key.verifies(message.as_bytes(), &signature)) {
            return None;
        }
        let claims = object(claims)?;
        let text = |claim: &str| claims.get(claim).and_then(Value::as_str);
        let meant = match claims.get("aud")? {
            Value::String(one) => *one == wants.audience,
            Value::Array(all) => all.iter().any(|a| a.as_str() == Some(&wants.audience)),
            _ => false,
        };
        // A token without an end is none: it could never be taken back.
        let ends = claims.get("exp")?.as_f64()?;
        let begins = claims.get("nbf").map_or(Some(0.0), Value::as_f64)?;
        if text("iss") != Some(&wants.issuer) || !meant || now >= ends + LEEWAY || now < begins - LEEWAY {
            return None;
        }
        let subject: String = text("sub")?.chars().filter(|c| !c.is_control()).take(64).collect();
        let role = roles(&claims, &wants.roles_claim)?;
        (!subject.is_empty()).then(|| Actor { name: format!("jwt/{subject}"), role })
    }
}

/// The highest role that a claim names: a text, or a list. Its name may be a path: `realm_access.roles`.
fn roles(claims: &Value, claim: &str) -> Option<Role> {
    let found = claims.get(claim).or_else(|| claim.split('.').try_fold(claims, |at, part| at.get(part)))?;
    let role = |v: &Value| serde_json::from_value::<Role>(v.clone()).ok();
    match found {
        Value::Array(all) => all.iter().filter_map(role).max(),
        one => role(one),
    }
}

/// An object that a part of a token holds.
fn object(part: &str) -> Option<Value> {
    let value: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()?;
    value.is_object().then_some(value)
}

fn from_jwk(key: Jwk) -> Option<(Option<String>, Public)> {
    let bytes = |field: Option<String>| URL_SAFE_NO_PAD.decode(field?).ok();
    let public = match (key.kty.as_str(), key.crv.as_deref()) {
        ("RSA", _) => Public::Rsa(bytes(key.n)?, bytes(key.e)?),
        ("EC", Some("P-256")) => {
            let (x, y) = (bytes(key.x)?, bytes(key.y)?);
            (x.len() == 32 && y.len() == 32).then(|| Public::P256([&[4][..], &x, &y].concat()))?
        }
        ("OKP", Some("Ed25519")) => Public::Ed25519(bytes(key.x)?),
        _ => return None,
    };
    let fits = key.alg.is_none_or(|a| a == public.algorithm()) && key.purpose.is_none_or(|p| p == "sig");
    fits.then_some((key.kid, public))
}

/// From a SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7): algorithm, and a bit string with the key.
fn from_info(der: &[u8]) -> Option<Public> {
    /// 1.2.840.113549.1.1.1, rsaEncryption (RFC 3279 section 2.3.1).
    const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    /// 1.2.840.10045.2.1, id-ecPublicKey, with 1.2.840.10045.3.1.7, secp256r1 (RFC 5480 section 2.1.1).
    const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    /// 1.3.101.112, id-Ed25519 (RFC 8410 section 3).
    const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
    let (_, info, _) = value(der)?;
    let (_, algorithm, key) = value(info)?;
    let (_, oid, parameters) = value(algorithm)?;
    let (_, bits, _) = value(key)?;
    let key = bits.strip_prefix(&[0])?; // no unused bits
    match oid {
        RSA => {
            // RSAPublicKey (RFC 8017 appendix A.1.1); a DER integer has a zero before a first bit that is set.
            let number = |n: &[u8]| n.strip_prefix(&[0]).unwrap_or(n).to_vec();
            let (_, pair, _) = value(key)?;
            let (_, n, e) = value(pair)?;
            Some(Public::Rsa(number(n), number(value(e)?.1)))
        }
        EC if value(parameters)?.1 == P256 => Some(Public::P256(key.to_vec())),
        ED25519 => Some(Public::Ed25519(key.to_vec())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519};
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
    use serde_json::json;

    const NOW: f64 = 1_800_000_000.0;

    fn wants() -> settings::Jwt {
        let [issuer, audience, roles_claim] = ["https://issuer", "sluice", "role"].map(String::from);
        settings::Jwt { issuer, audience, keys: "keys".into(), roles_claim }
    }
    fn claims() -> Value {
        json!({"iss": "https://issuer", "aud": ["x", "sluice"], "sub": "ann", "exp": NOW + 300.0, "role": "operator"})
    }
    fn message(header: &Value, claims: &Value) -> String {
        let part = |v: &Value| URL_SAFE_NO_PAD.encode(v.to_string());
        format!("{}.{}", part(header), part(claims))
    }
    struct Issuer(EcdsaKeyPair, Keys);
    impl Issuer {
        fn new() -> Issuer {
            let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
            let keys = Keys::parse(&key.public_key_pem()).unwrap();
            let random = SystemRandom::new();
            let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
            Issuer(EcdsaKeyPair::from_pkcs8(algorithm, key.serialized_der(), &random).unwrap(), keys)
        }
        fn sign(&self, header: Value, claims: &Value) -> String {
            let message = message(&header, claims);
            let signature = self.0.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
            format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
        }
        fn takes(&self, claims: &Value) -> Option<Actor> {
            self.1.verify(&self.sign(json!({"alg": "ES256", "typ": "JWT"}), claims), &wants(), NOW)
        }
    }

    #[test]
    fn a_token_of_the_issuer_gives_its_subject_the_role_that_it_claims() {
        let issuer = Issuer::new();
        assert_eq!(issuer.takes(&claims()), Some(Actor { name: "jwt/ann".into(), role: Role::Operator }));
        let mut many = claims();
        many["role"] = json!(["something", "read-only", "admin"]);
        assert_eq!(issuer.takes(&many).map(|a| a.role), Some(Role::Admin));
        assert_eq!(roles(&json!({"realm": {"roles": ["read-only"]}}), "realm.roles"), Some(Role::ReadOnly));
        assert_eq!(roles(&json!({"https://a.b/r": "admin"}), "https://a.b/r"), Some(Role::Admin));
    }

    #[test]
    fn a_token_for_others_or_another_time_is_none() {
        let issuer = Issuer::new();
        for (claim, value) in [
            ("iss", json!("https://other")),
            ("aud", json!("other")),
            ("aud", json!(["other"])),
            ("aud", Value::Null),
            ("exp", json!(NOW - LEEWAY)),
            ("exp", json!("tomorrow")),
            ("exp", Value::Null),
            ("nbf", json!(NOW + LEEWAY + 1.0)),
            ("nbf", json!("yesterday")),
            ("role", json!("king")),
            ("sub", json!("")),
            ("sub", json!(7)),
        ] {
            let mut wrong = claims();
            wrong[claim] = value;
            assert_eq!(issuer.takes(&wrong), None, "{claim}");
        }
    }

    #[test]
    fn neither_no_signature_nor_another_algorithm_nor_another_key_is_taken() {
        let issuer = Issuer::new();
        let good = issuer.sign(json!({"alg": "ES256"}), &claims());
        let (head, signature) = good.rsplit_once('.').unwrap();
        let none = message(&json!({"alg": "none"}), &claims());
        // RFC 8725 section 2.1: the public key as the secret of an HMAC.
        let hs = message(&json!({"alg": "HS256"}), &claims());
        let Public::P256(point) = &issuer.1.0[0].1 else { panic!() };
        let mac = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, point), hs.as_bytes());
        for token in [
            format!("{none}."),
            format!("{none}.{signature}"),
            format!("{hs}.{}", URL_SAFE_NO_PAD.encode(mac)),
            Issuer::new().sign(json!({"alg": "ES256"}), &claims()),
            issuer.sign(json!({"alg": "RS256"}), &claims()),
            issuer.sign(json!({"alg": "ES256", "crit": ["b64"], "b64": false}), &claims()),
            format!("{head}.{}", &signature[..80]),
            format!("{head}x.{signature}"),
            format!("{good}.x.y"),
            format!("{head}.{signature}="),
            "..".into(),
            "a.b.c".into(),
            ".".repeat(LONGEST + 1),
        ] {
            assert_eq!(issuer.1.verify(&token, &wants(), NOW), None, "{token}");
        }
    }

    #[test]
    fn keys_come_as_a_set_or_as_pem_and_a_name_chooses_among_them() {
        let pair = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let x = URL_SAFE_NO_PAD.encode(pair.public_key_raw());
        let set = json!({"keys": [
            {"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}, {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "a"},
            {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "b", "use": "enc"}, 7,
            {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        ]});
        let keys = Keys::parse(&set.to_string()).unwrap();
        assert_eq!(keys.0, [(Some("a".into()), Public::Ed25519(pair.public_key_raw().to_vec()))]);
        assert_eq!(Keys::parse(&pair.public_key_pem()).unwrap().0[0].1, keys.0[0].1);
        let signer = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pair.serialized_der()).unwrap();
        let sign = |header: Value| {
            let message = message(&header, &claims());
            format!("{message}.{}", URL_SAFE_NO_PAD.encode(signer.sign(message.as_bytes())))
        };
        assert!(keys.verify(&sign(json!({"alg": "EdDSA", "kid": "a"})), &wants(), NOW).is_some());
        assert!(keys.verify(&sign(json!({"alg": "EdDSA"})), &wants(), NOW).is_some());
        assert!(keys.verify(&sign(json!({"alg": "EdDSA", "kid": "b"})), &wants(), NOW).is_none());
        for wrong in ["", "{", "{\"keys\": []}", "{\"keys\": [{\"kty\": \"oct\", \"k\": \"AA\"}]}", "-----BEGIN X-----"]
        {
            assert!(Keys::parse(wrong).is_err(), "{wrong}");
        }
    }

    /// Made with OpenSSL 3: a key of 2048 bits, and a token that it signed.
    #[test]
    fn a_token_that_openssl_signed_with_rsa_is_taken() {
        let keys = Keys::parse(include_str!("../../tests/data/rs256.pem")).unwrap();
        let token = include_str!("../../tests/data/rs256.jwt").trim();
        assert_eq!(keys.verify(token, &wants(), NOW).map(|a| a.name).as_deref(), Some("jwt/ann"));
        assert!(keys.verify(token, &wants(), 5e9).is_none());
    }
}
