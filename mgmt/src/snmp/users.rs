//! Users of SNMPv3 and communities: files that hold keys of one engine, and hashes.
//!
//! A key is localised (RFC 3414 section 2.6): whoever steals the file of one VNF can speak to that one only, and learns no
//! password.
use super::engine::is_identifier;
use crate::auth::files;
use crate::encoding::{from_hex, hex};
use crate::store::write_atomically;
use async_snmp::v3::{AuthProtocol, LocalizedKey, PrivKey, PrivProtocol};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::io;
use std::path::Path;
use subtle::ConstantTimeEq as _;

/// Entries of a file.
const MOST: usize = 256;
/// First lines of a file that is made here.
const HEAD: &str = "# Users of SNMPv3. Keys are of one engine (RFC 3414 section 2.6): they are of no use elsewhere, but secret.\n\
                    # ‘sluice ctl snmp-user’ adds, lists, rotates and removes them. A change counts at once.\n";
/// Least length of a password, bytes (RFC 3414 section 11.2).
pub(super) const SHORTEST_PASSWORD: usize = 8;
/// Longest.
pub(super) const LONGEST_PASSWORD: usize = 256;

/// Who authenticates messages, and how (RFC 7860).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Auth {
    /// HMAC-SHA-256-192
    #[default]
    #[serde(rename = "SHA-256")]
    Sha256,
    /// HMAC-SHA-384-256
    #[serde(rename = "SHA-384")]
    Sha384,
    /// HMAC-SHA-512-384
    #[serde(rename = "SHA-512")]
    Sha512,
}

/// How they are encrypted. With a digest of 256 bits or more no key is too short, so none is stretched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Privacy {
    /// AES in CFB mode, 128 bits (RFC 3826).
    #[default]
    #[serde(rename = "AES-128")]
    Aes128,
    /// The same with 192 bits, as others do it.
    #[serde(rename = "AES-192")]
    Aes192,
    /// The same with 256 bits, as others do it.
    #[serde(rename = "AES-256")]
    Aes256,
}

impl Auth {
    fn protocol(self) -> AuthProtocol {
        match self {
            Auth::Sha256 => AuthProtocol::Sha256,
            Auth::Sha384 => AuthProtocol::Sha384,
            Auth::Sha512 => AuthProtocol::Sha512,
        }
    }
}

impl Privacy {
    fn protocol(self) -> PrivProtocol {
        match self {
            Privacy::Aes128 => PrivProtocol::Aes128,
            Privacy::Aes192 => PrivProtocol::Aes192Blumenthal,
            Privacy::Aes256 => PrivProtocol::Aes256Blumenthal,
        }
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileOfUsers {
    #[serde(default)]
    user: Vec<UserEntry>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UserEntry {
    name: String,
    group: String,
    /// The engine that the keys are of; absent: the one here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    engine: Option<String>,
    #[serde(default)]
    auth: Auth,
    auth_key: String,
    #[serde(default)]
    privacy: Privacy,
    privacy_key: String,
}

/// A user.
#[derive(Debug)]
pub(super) struct User {
    /// Its name, 1 to 32 bytes.
    pub(super) name: String,
    /// What it may do.
    pub(super) group: String,
    /// The engine that its keys are of, if it is not the one here: one that informs go to.
    pub(super) engine: Option<Bytes>,
    /// How its messages are authenticated.
    pub(super) auth: Auth,
    /// How they are encrypted.
    pub(super) privacy: Privacy,
    /// The key that they are authenticated with.
    pub(super) auth_key: LocalizedKey,
    /// The key that they are encrypted with.
    pub(super) privacy_key: PrivKey,
}

/// All users.
#[derive(Debug, Default)]
pub(super) struct Users(pub(super) Vec<User>);

impl Users {
    /// Reads a file. There are none without one.
    ///
    /// # Errors
    /// What is wrong with it, without what stands in it.
    pub(super) fn load(path: &Path) -> Result<Users, String> {
        Users::parse(&entries(path)?).map_err(|e| format!("{}: {e}", path.display()))
    }

    fn parse(file: &FileOfUsers) -> Result<Users, String> {
        if file.user.len() > MOST {
            return Err(format!("more than {MOST} users"));
        }
        let mut users: Vec<User> = Vec::new();
        for UserEntry { name, group, engine, auth, auth_key, privacy, privacy_key } in &file.user {
            good_name(name)?;
            let engine = engine.as_ref().map(|id| {
                let id = from_hex(id).filter(|id| is_identifier(id)).map(Bytes::from);
                id.ok_or_else(|| format!("‘{name}’: engine is not 5 to 32 octets in hexadecimal (RFC 3411)"))
            });
            let engine = engine.transpose()?;
            if users.iter().any(|u| u.name == *name && u.engine == engine) {
                return Err(format!("two users have the name ‘{name}’"));
            }
            let length = auth.protocol().digest_len();
            let key = |digits: &str, which: &str| {
                let key = from_hex(digits).filter(|k| k.len() == length);
                key.ok_or_else(|| format!("‘{name}’: {which} is not {length} octets in hexadecimal"))
            };
            let wrong = |e: async_snmp::CryptoError| format!("‘{name}’: {e}");
            users.push(User {
                name: name.clone(),
                group: group.clone(),
                engine,
                auth: *auth,
                privacy: *privacy,
                auth_key: LocalizedKey::from_bytes(auth.protocol(), key(auth_key, "auth_key")?).map_err(wrong)?,
                privacy_key: PrivKey::from_bytes(privacy.protocol(), key(privacy_key, "privacy_key")?)
                    .map_err(wrong)?,
            });
        }
        Ok(Users(users))
    }

    /// The user of this name for what is sent: one of another engine, for informs, or of the one here.
    pub(super) fn find_for(&self, name: &str, inform: bool) -> Option<&User> {
        self.0.iter().find(|u| u.engine.is_some() == inform && u.name == name)
    }
}

/// What somebody wants to have added.
#[derive(Clone, Debug)]
pub(super) struct New<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Its group.
    pub(super) group: &'a str,
    /// The engine that its keys are for.
    pub(super) engine: &'a [u8],
    /// That is another one than the one here.
    pub(super) remote: bool,
    /// See [`User`].
    pub(super) auth: Auth,
    /// See [`User`].
    pub(super) privacy: Privacy,
    /// From which the keys are made; they are kept nowhere.
    pub(super) passwords: (&'a str, &'a str),
}

/// Adds a user, or gives one that is there other keys: returns whether there was one.
///
/// # Errors
/// The file is wrong, or cannot be written.
pub(super) fn put(path: &Path, new: &New<'_>) -> io::Result<bool> {
    let wrong = |e: String| io::Error::new(io::ErrorKind::InvalidInput, e);
    let mut file = entries(path).map_err(io::Error::other)?;
    let protocol = new.auth.protocol();
    let key = |password: &str| {
        let good = (SHORTEST_PASSWORD..=LONGEST_PASSWORD).contains(&password.len());
        let short = || wrong(format!("a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} bytes"));
        let key = LocalizedKey::from_password(protocol, password.as_bytes(), new.engine);
        if good { key.map_err(|e| wrong(e.to_string())) } else { Err(short()) }
    };
    let entry = UserEntry {
        name: new.name.into(),
        group: new.group.into(),
        engine: new.remote.then(|| hex(new.engine)),
        auth: new.auth,
        auth_key: hex(key(new.passwords.0)?.as_bytes()),
        privacy: new.privacy,
        // RFC 3826 section 1.2: localised with the hash of the authentication.
        privacy_key: hex(key(new.passwords.1)?.as_bytes()),
    };
    let known = file.user.iter_mut().find(|u| u.name == entry.name && u.engine == entry.engine);
    let was_there = known.is_some();
    match known {
        Some(known) => *known = entry,
        None => file.user.push(entry),
    }
    write(path, &file)?;
    Ok(was_there)
}

/// Takes a user out. Returns whether there was one.
///
/// # Errors
/// The file is wrong, or cannot be written.
pub(super) fn remove(path: &Path, name: &str, engine: Option<&[u8]>) -> io::Result<bool> {
    let mut file = entries(path).map_err(io::Error::other)?;
    let (before, engine) = (file.user.len(), engine.map(hex));
    file.user.retain(|u| u.name != name || u.engine != engine);
    if file.user.len() == before {
        return Ok(false);
    }
    write(path, &file)?;
    Ok(true)
}

fn write(path: &Path, file: &FileOfUsers) -> io::Result<()> {
    Users::parse(file).map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
    let text = toml::to_string(file).map_err(io::Error::other)?;
    write_atomically(path, (HEAD.to_string() + &text).as_bytes(), 0o600)
}

fn entries(path: &Path) -> Result<FileOfUsers, String> {
    if !path.exists() {
        return Ok(FileOfUsers::default());
    }
    read(path, "[[user]] (name, group, auth, auth_key, privacy, privacy_key)")
}

/// Reads a file without showing what stands in it.
fn read<T: for<'de> Deserialize<'de>>(path: &Path, what: &str) -> Result<T, String> {
    let text = files::read(path, true)?;
    toml::from_str(&text).map_err(|e| {
        let line = e.span().map_or(1, |s| text.get(..s.start).map_or(1, |t| t.matches('\n').count() + 1));
        format!("{}: line {line}: not a list of {what}", path.display())
    })
}

/// Names stand in the audit log.
pub(super) fn good_name(name: &str) -> Result<(), String> {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    if (1..=32).contains(&name.len()) && name.chars().all(good) {
        return Ok(());
    }
    Err("a user's name is 1 to 32 letters, digits and ‘-_.@’".into())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileOfCommunities {
    #[serde(default)]
    community: Vec<CommunityEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommunityEntry {
    name: String,
    sha256: String,
}

/// Communities of SNMPv1 and SNMPv2c, by their hashes.
#[derive(Default)]
pub(super) struct Communities(Vec<(String, Vec<u8>)>);

impl Communities {
    /// Reads a file.
    ///
    /// # Errors
    /// It is not there, or wrong.
    pub(super) fn load(path: &Path) -> Result<Communities, String> {
        let file: FileOfCommunities = read(path, "[[community]] (name, sha256)")?;
        let wrong = |why: String| Err(format!("{}: {why}", path.display()));
        if file.community.len() > MOST {
            return wrong(format!("more than {MOST} communities"));
        }
        let mut all = Vec::new();
        for CommunityEntry { name, sha256 } in file.community {
            good_name(&name)?;
            match from_hex(&sha256) {
                Some(hash) if hash.len() == 32 => all.push((name, hash)),
                _ => return wrong(format!("‘{name}’: sha256 is not 64 hexadecimal digits")),
            }
        }
        Ok(Communities(all))
    }

    /// The name that a community has in the log. All are compared, each in constant time.
    pub(super) fn find(&self, community: &[u8]) -> Option<&str> {
        let hash = Sha256::digest(community);
        let mut found = None;
        for (name, known) in &self.0 {
            if bool::from(known.as_slice().ct_eq(&hash)) {
                found = Some(name.as_str());
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Scratch;

    const HERE: &[u8] = &[0x80, 0, 0x7e, 0xd9, 5, 1, 2, 3];

    fn new<'a>(name: &'a str, passwords: (&'a str, &'a str)) -> New<'a> {
        let (auth, privacy) = (Auth::Sha512, Privacy::Aes256);
        New { name, group: "operator", engine: HERE, remote: false, auth, privacy, passwords }
    }

    #[test]
    fn a_file_holds_keys_of_one_engine_and_no_password() {
        let folder = Scratch::new();
        let file = folder.path().join("users.toml");
        assert!(Users::load(&file).unwrap().0.is_empty());
        assert!(!put(&file, &new("nms", ("maplesyrup", "other-password"))).unwrap());
        let first = Users::load(&file).unwrap();
        let key = |users: &Users| users.find_for("nms", false).unwrap().auth_key.as_bytes().to_vec();
        assert!(put(&file, &new("nms", ("maplesyrup2", "other-password"))).unwrap());
        let second = Users::load(&file).unwrap();
        assert_ne!(key(&first), key(&second));
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(!text.contains("maple") && !text.contains("other-password"));
        // As the RFC makes it: of another engine, it is another key.
        let elsewhere =
            New { engine: &[0x80, 0, 0, 1, 2], remote: true, ..new("nms", ("maplesyrup2", "other-password")) };
        assert!(!put(&file, &elsewhere).unwrap());
        let users = Users::load(&file).unwrap();
        assert_ne!(
            users.find_for("nms", true).unwrap().auth_key.as_bytes(),
            users.find_for("nms", false).unwrap().auth_key.as_bytes()
        );
        assert!(remove(&file, "nms", None).unwrap() && !remove(&file, "nms", None).unwrap());
        assert!(Users::load(&file).unwrap().find_for("nms", false).is_none());
    }

    #[test]
    fn what_is_wrong_is_refused_and_the_file_stays() {
        let folder = Scratch::new();
        let file = folder.path().join("users.toml");
        put(&file, &new("nms", ("password-1", "password-2"))).unwrap();
        let good = std::fs::read_to_string(&file).unwrap();
        assert!(put(&file, &new("nms", ("short", "password-2"))).is_err());
        assert!(put(&file, &new("n m s", ("password-1", "password-2"))).is_err());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), good);
        for damaged in
            ["user = 7", "[[user]]\nname = 'secret-thing'", &good.replacen("auth_key = \"", "auth_key = \"0", 1)]
        {
            write_atomically(&file, damaged.as_bytes(), 0o600).unwrap();
            let why = Users::load(&file).unwrap_err();
            assert!(!why.contains("secret-thing"), "{why}");
        }
        write_atomically(&file, good.as_bytes(), 0o644).unwrap();
        assert!(Users::load(&file).unwrap_err().contains("chmod 600"));
    }

    #[test]
    fn a_community_is_known_by_its_hash() {
        let folder = Scratch::new();
        let file = folder.path().join("communities.toml");
        let hash = crate::encoding::sha256("public");
        let text = format!("[[community]]\nname = 'noc'\nsha256 = '{hash}'\n");
        write_atomically(&file, text.as_bytes(), 0o600).unwrap();
        let all = Communities::load(&file).unwrap();
        assert_eq!((all.find(b"public"), all.find(b"private"), all.find(b"")), (Some("noc"), None, None));
    }
}
