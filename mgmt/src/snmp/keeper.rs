//! The files of users and communities, read again when they change, and changed for the REST API.
use super::access::Access;
use super::directory::{Directory, KeyedUser, Passwords, Rotation, SnmpUser, WantedUser};
use super::engine::{Engine, is_identifier};
use super::users::{self, Auth, Communities, Privacy, User, Users, good_name};
use crate::alarms::{Cause, Severity};
use crate::auth::files::Watched;
use crate::ems::Ems;
use crate::encoding::{from_hex, hex};
use crate::problem::Problem;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::IntoDeserializer as _;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Random bits of a password that is made here: 16 bytes.
const PASSWORD: usize = 16;

/// Keeps them.
pub(super) struct Keeper {
    engine: Arc<Engine>,
    access: Arc<Access>,
    file: PathBuf,
    /// Users, as the file has them.
    pub(super) users: Arc<Watched<Users>>,
    /// Communities; none if SNMPv1 and SNMPv2c are off.
    pub(super) communities: Option<Watched<Communities>>,
    changing: Mutex<()>,
}

impl Keeper {
    /// Reads the files. One that is wrong is an alarm, and nobody is in it until it is right.
    pub(super) fn open(
        ems: &Ems,
        file: PathBuf,
        communities: Option<PathBuf>,
        engine: Arc<Engine>,
        access: Arc<Access>,
    ) -> Keeper {
        let path = file.clone();
        let (users, wrong) = Watched::or_default(vec![file.clone()], Box::new(move |_| Users::load(&path)));
        say(ems, "snmp-users", wrong.map(Err));
        let communities = communities.map(|path| {
            let of = path.clone();
            let (read, wrong) = Watched::or_default(vec![path], Box::new(move |_| Communities::load(&of)));
            say(ems, "snmp-communities", wrong.map(Err));
            read
        });
        let users = Arc::new(users);
        Keeper { engine, access, file, users, communities, changing: Mutex::default() }
    }

    /// Looks whether they changed.
    pub(super) fn tick(&self, ems: &Ems) {
        say(ems, "snmp-users", self.users.look());
        say(ems, "snmp-communities", self.communities.as_ref().and_then(Watched::look));
    }

    fn put(&self, user: &SnmpUser, passwords: Option<&Passwords>) -> Result<KeyedUser, Problem> {
        let made = passwords.is_none().then(|| Ok(Passwords { auth: password()?, privacy: password()? }));
        let made = made.transpose().map_err(|e: io::Error| Problem::internal(e.to_string()))?;
        let Some(given) = passwords.or(made.as_ref()) else { return Err(Problem::internal("no passwords")) };
        let engine = remote(user.engine.as_deref())?;
        let id = engine.clone().unwrap_or_else(|| self.engine.id().to_vec());
        let new = users::New {
            name: &user.name,
            group: &user.group,
            engine: &id,
            remote: engine.is_some(),
            auth: named(&user.auth, "auth")?,
            privacy: named(&user.privacy, "privacy")?,
            passwords: (&given.auth, &given.privacy),
        };
        users::put(&self.file, &new).map_err(|e| unsaved(&e))?;
        self.look_again()?;
        Ok(KeyedUser { user: user.clone(), engine_id: hex(&id), passwords: made })
    }

    /// What was written counts now.
    fn look_again(&self) -> Result<(), Problem> {
        self.users.look().unwrap_or(Ok(())).map_err(Problem::internal)
    }

    fn known(&self, name: &str, engine: Option<&[u8]>) -> Option<SnmpUser> {
        let users = self.users.get();
        users.0.iter().find(|u| u.name == name && u.engine.as_deref() == engine).map(shown)
    }
}

impl Directory for Keeper {
    fn list(&self) -> Vec<SnmpUser> {
        self.users.get().0.iter().map(shown).collect()
    }

    fn create(&self, wanted: &WantedUser) -> Result<KeyedUser, Problem> {
        let WantedUser { name, group, engine, auth, privacy, passwords } = wanted;
        good_name(name).map_err(Problem::unprocessable)?;
        if self.access.role(group).is_none() {
            let groups: Vec<&str> = self.access.groups().collect();
            let groups = groups.join(", ");
            return Err(Problem::unprocessable(format!("there is no group ‘{group}’; there are: {groups}")));
        }
        let engine = remote(engine.as_deref())?;
        let auth = auth.clone().map_or_else(|| name_of(&Auth::default()), Ok)?;
        let privacy = privacy.clone().map_or_else(|| name_of(&Privacy::default()), Ok)?;
        let user =
            SnmpUser { name: name.clone(), group: group.clone(), engine: engine.as_deref().map(hex), auth, privacy };
        let _one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.known(name, engine.as_deref()).is_some() {
            return Err(Problem::conflict(format!("there is a user ‘{name}’ already; rotate gives it other keys")));
        }
        self.put(&user, passwords.as_ref())
    }

    fn rotate(&self, name: &str, rotation: &Rotation) -> Result<KeyedUser, Problem> {
        let engine = remote(rotation.engine.as_deref())?;
        let _one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let user = self.known(name, engine.as_deref()).ok_or_else(|| nobody(name))?;
        self.put(&user, rotation.passwords.as_ref())
    }

    fn remove(&self, name: &str, engine: Option<&str>) -> Result<(), Problem> {
        let engine = remote(engine)?;
        let _one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if !users::remove(&self.file, name, engine.as_deref()).map_err(|e| unsaved(&e))? {
            return Err(nobody(name));
        }
        self.look_again()
    }
}

fn say(ems: &Ems, object: &str, looked: Option<Result<(), String>>) {
    match looked {
        None => {}
        Some(Ok(())) => {
            ems.alarms.clear(object, Cause::CorruptData);
            ems.journal.say("snmp", &format!("{object}: read again"));
        }
        Some(Err(why)) => {
            ems.alarms.raise(object, Cause::CorruptData, Severity::Major, &why);
            ems.journal.say("snmp", &format!("{object}: {why}"));
        }
    }
}

fn shown(user: &User) -> SnmpUser {
    SnmpUser {
        name: user.name.clone(),
        group: user.group.clone(),
        engine: user.engine.as_ref().map(|e| hex(e)),
        auth: name_of(&user.auth).unwrap_or_default(),
        privacy: name_of(&user.privacy).unwrap_or_default(),
    }
}

/// The name of a protocol, as the file has it.
fn name_of(protocol: &impl Serialize) -> Result<String, Problem> {
    match serde_json::to_value(protocol) {
        Ok(serde_json::Value::String(name)) => Ok(name),
        _ => Err(Problem::internal("a protocol has no name")),
    }
}

fn named<T: for<'de> Deserialize<'de>>(name: &str, key: &str) -> Result<T, Problem> {
    let read = T::deserialize(name.into_deserializer());
    read.map_err(|e: serde::de::value::Error| Problem::unprocessable(format!("{key}: {e}")))
}

fn remote(engine: Option<&str>) -> Result<Option<Vec<u8>>, Problem> {
    let wrong = || Problem::unprocessable("engine: 5 to 32 octets in hexadecimal (RFC 3411, SnmpEngineID)");
    let digits = engine.map(|e| e.strip_prefix("0x").unwrap_or(e));
    digits.map(|d| from_hex(d).filter(|id| is_identifier(id)).ok_or_else(wrong)).transpose()
}

fn nobody(name: &str) -> Problem {
    Problem::not_found(format!("there is no such user ‘{name}’"))
}

fn unsaved(why: &io::Error) -> Problem {
    match why.kind() {
        io::ErrorKind::InvalidInput => Problem::unprocessable(why.to_string()),
        _ => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("it cannot be saved: {why}")),
    }
}

fn password() -> io::Result<String> {
    let mut random = [0; PASSWORD];
    getrandom::fill(&mut random).map_err(|e| io::Error::other(format!("no random numbers: {e}")))?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}
