//! Users as they are managed through the REST API.
use crate::ems::Ems;
use crate::problem::Problem;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A user of SNMPv3, without its keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SnmpUser {
    /// Its name.
    pub name: String,
    /// What it may do: a group of VACM, `read-only`, `operator`, `admin` or one of the settings.
    pub group: String,
    /// The engine that its keys are of, hexadecimal, if it is not the one here: one that informs go to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// How its messages are authenticated: `SHA-256`, `SHA-384`, `SHA-512`.
    pub auth: String,
    /// How they are encrypted: `AES-128`, `AES-192`, `AES-256`.
    pub privacy: String,
}

/// Passwords of a user. Keys are made from them; they themselves are kept nowhere.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Passwords {
    /// For authentication, 8 to 256 bytes.
    pub auth: String,
    /// For encryption, 8 to 256 bytes.
    pub privacy: String,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passwords")
    }
}

/// A user that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WantedUser {
    /// Its name: 1 to 32 letters, digits and `-_.@`.
    pub name: String,
    /// Its group; `read-only` if not said.
    #[serde(default = "read_only")]
    pub group: String,
    /// The engine that its keys are for, 5 to 32 octets in hexadecimal, if informs go to it; otherwise it is the one here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// `SHA-256` if not said, `SHA-384`, `SHA-512`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<String>,
    /// `AES-128` if not said, `AES-192`, `AES-256`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy: Option<String>,
    /// If not said, they are made, and shown this once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passwords: Option<Passwords>,
}

fn read_only() -> String {
    "read-only".into()
}

/// Other keys for a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rotation {
    /// Of the user with keys of this engine, hexadecimal; if not said, of the one here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// If not said, they are made, and shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passwords: Option<Passwords>,
}

/// A user that has new keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyedUser {
    /// The user.
    #[serde(flatten)]
    pub user: SnmpUser,
    /// `snmpEngineID` of the engine that the keys are of, hexadecimal.
    pub engine_id: String,
    /// The passwords that were made. They are kept nowhere: show them once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passwords: Option<Passwords>,
}

/// Where users are kept: what the SNMP agent is to the rest of the EMS.
pub trait Directory: Send + Sync {
    /// All users.
    fn list(&self) -> Vec<SnmpUser>;
    /// Adds one.
    ///
    /// # Errors
    /// 409 if there is one of this name, 422 for what is wrong with it, 500 if it cannot be saved.
    fn create(&self, wanted: &WantedUser) -> Result<KeyedUser, Problem>;
    /// Gives it other keys; the old ones end at once.
    ///
    /// # Errors
    /// 404, and as [`Directory::create`].
    fn rotate(&self, name: &str, rotation: &Rotation) -> Result<KeyedUser, Problem>;
    /// Takes it out.
    ///
    /// # Errors
    /// 404, and as [`Directory::create`].
    fn remove(&self, name: &str, engine: Option<&str>) -> Result<(), Problem>;
}

/// The directory of an EMS.
///
/// # Errors
/// 404 if there is no SNMP agent.
pub(crate) fn of(ems: &Ems) -> Result<&dyn Directory, Problem> {
    let none = || Problem::not_found("there is no SNMP agent: its description has no table [ems.snmp]");
    ems.snmp.get().map(|d| &**d).ok_or_else(none)
}
