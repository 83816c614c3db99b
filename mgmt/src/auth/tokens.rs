//! The file of tokens: who has which role. It holds hashes, so whoever reads it can ask for nothing.
//!
//! A token is 256 random bits, so there is no dictionary to try: SHA-256 of it is enough, and costs a request nothing. A
//! slow hash (Argon2, bcrypt) is for passwords that people choose.
use super::{Actor, Role, files};
use crate::clock;
use crate::encoding::{from_hex, sha256};
use crate::store::write_atomically;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::io;
use std::path::Path;
use subtle::ConstantTimeEq as _;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What a token begins with, so that one that lies around is recognised as such.
pub const PREFIX: &str = "sluice_";
/// Entries of a file.
const MOST: usize = 1024;
/// First lines of a file that is made here.
const HEAD: &str = "# Tokens by their SHA-256 (printf %s \"$TOKEN\" | sha256sum), and names in client certificates.\n\
                    # Roles: read-only, operator, admin. A change counts at once.\n";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileOfTokens {
    #[serde(default)]
    token: Vec<TokenEntry>,
    #[serde(default)]
    certificate: Vec<CertificateEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenEntry {
    name: String,
    role: Role,
    sha256: String,
    #[serde(default)]
    expires: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CertificateEntry {
    name: String,
    role: Role,
}

struct Token {
    actor: Actor,
    hash: [u8; 32],
    /// Nanoseconds since the Unix epoch.
    until: Option<u64>,
}

/// What a file of tokens says.
#[derive(Default)]
pub struct Tokens {
    there_is_a_file: bool,
    tokens: Vec<Token>,
    certificates: Vec<CertificateEntry>,
}

impl Tokens {
    /// Reads a file. One that is not there is no error, unless there was one before.
    pub(super) fn load(path: &Path, before: Option<&Tokens>) -> Result<Tokens, String> {
        if !path.exists() && !before.is_some_and(|b| b.there_is_a_file) {
            return Ok(Tokens::default());
        }
        Tokens::parse(&files::read(path, true)?).map_err(|e| format!("{}: {e}", path.display()))
    }

    fn parse(text: &str) -> Result<Tokens, String> {
        let file: FileOfTokens = toml::from_str(text).map_err(|e| {
            // Without the line itself, as the library shows it: somebody may have written a token there.
            let line = e.span().map_or(1, |s| text.get(..s.start).map_or(1, |t| t.matches('\n').count() + 1));
            format!("line {line}: not a list of [[token]] (name, role, sha256) and [[certificate]] (name, role)")
        })?;
        if file.token.len() + file.certificate.len() > MOST {
            return Err(format!("more than {MOST} entries"));
        }
        let mut tokens: Vec<Token> = Vec::new();
        for TokenEntry { name, role, sha256, expires } in file.token {
            good_name(&name)?;
            if tokens.iter().any(|t| t.actor.name == name) {
                return Err(format!("two tokens have the name ‘{name}’"));
            }
            let hash = from_hex(&sha256)
                .and_then(|h| <[u8; 32]>::try_from(h).ok())
                .ok_or_else(|| format!("‘{name}’: sha256 is not 64 hexadecimal digits"))?;
            let until = expires.map(|at| {
                let time = OffsetDateTime::parse(&at, &Rfc3339);
                let time = time.map_err(|_| format!("‘{name}’: expires is not a time of RFC 3339"))?;
                Ok::<u64, String>(time.unix_timestamp_nanos().clamp(0, u64::MAX.into()) as u64)
            });
            tokens.push(Token { actor: Actor { name, role }, hash, until: until.transpose()? });
        }
        for (i, c) in file.certificate.iter().enumerate() {
            good_name(&c.name)?;
            if file.certificate[..i].iter().any(|other| other.name == c.name) {
                return Err(format!("two certificates have the name ‘{}’", c.name));
            }
        }
        Ok(Tokens { there_is_a_file: true, tokens, certificates: file.certificate })
    }

    /// Whether there was a file, even one that names nobody.
    pub fn there_is_a_file(&self) -> bool {
        self.there_is_a_file
    }

    /// Whether nobody is named.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty() && self.certificates.is_empty()
    }

    /// Whose token it is. It takes the same time for every wrong one: all hashes are compared, each in constant time.
    pub fn find(&self, secret: &[u8]) -> Option<Actor> {
        let hash: [u8; 32] = Sha256::digest(secret).into();
        let mut found = None;
        for token in &self.tokens {
            if bool::from(token.hash.ct_eq(&hash)) {
                found = Some(token);
            }
        }
        found.filter(|t| t.until.is_none_or(|until| clock::wall() < until)).map(|t| t.actor.clone())
    }

    /// Who has a certificate with one of these names.
    pub fn find_certificate(&self, names: &[String]) -> Option<Actor> {
        let entry = self.certificates.iter().find(|c| names.contains(&c.name))?;
        Some(Actor { name: format!("cert/{}", entry.name), role: entry.role })
    }
}

/// Makes a token, and writes its hash into the file, which is made if need be. The token itself is kept nowhere.
///
/// # Errors
/// The file cannot be read or written, or has a token of this name.
pub fn add(path: &Path, name: &str, role: Role) -> io::Result<String> {
    let mut text = if path.exists() { files::read(path, true).map_err(io::Error::other)? } else { HEAD.into() };
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|e| io::Error::other(format!("no random numbers: {e}")))?;
    let token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random));
    let hash = sha256(&token);
    text += &format!("\n[[token]]\nname = \"{name}\"\nrole = \"{}\"\nsha256 = \"{hash}\"\n", role.name());
    Tokens::parse(&text).map_err(io::Error::other)?;
    write_atomically(path, text.as_bytes(), 0o600)?;
    Ok(token)
}

/// Names stand in the audit log; the slash is for those that others gave (`jwt/`, `cert/`).
fn good_name(name: &str) -> Result<(), String> {
    let good = |c: char| c.is_alphanumeric() || "-_.@: ".contains(c);
    if (1..=64).contains(&name.len()) && name.chars().all(good) && !name.starts_with(PREFIX) {
        return Ok(());
    }
    Err("a name is 1 to 64 letters, digits and ‘-_.@: ’".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, role: &str, token: &str, more: &str) -> String {
        let hash = sha256(token);
        format!("[[token]]\nname = '{name}'\nrole = '{role}'\nsha256 = '{hash}'\n{more}\n")
    }

    #[test]
    fn a_token_is_found_by_its_hash_until_it_expires() {
        let text = entry("a", "operator", "one", "") + &entry("b", "admin", "two", "expires = '2020-01-01T00:00:00Z'");
        let tokens = Tokens::parse(&text).unwrap();
        assert_eq!(tokens.find(b"one"), Some(Actor { name: "a".into(), role: Role::Operator }));
        assert_eq!((tokens.find(b"two"), tokens.find(b"three"), tokens.find(b"")), (None, None, None));
    }

    #[test]
    fn a_file_that_is_wrong_is_refused_without_showing_what_stands_in_it() {
        let secret = "sluice_0123";
        for text in [
            format!("[[token]]\nname = 'a'\nrole = 'king'\nsha256 = '{secret}'"),
            format!("[[token]]\nname = 'a'\nrole = 'admin'\nsha256 = '{secret}'"),
            format!("[[token]]\nname = 'a'\nrole = 'admin'\ntoken = '{secret}'"),
            secret.into(),
            format!("[[token]]\nname = '{secret}'\nrole = 'admin'\nsha256 = '{}'", "0".repeat(64)),
            entry("a", "admin", "1", "") + &entry("a", "admin", "2", ""),
            entry("a", "admin", "1", "expires = 'soon'"),
            "[[certificate]]\nname = 'a/b'\nrole = 'admin'".into(),
        ] {
            let wrong = Tokens::parse(&text).err().unwrap();
            assert!(!wrong.contains(secret), "{wrong}");
        }
    }
}
