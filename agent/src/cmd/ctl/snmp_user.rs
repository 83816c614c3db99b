//! Users of SNMPv3.
use super::session::{Done, Session, Trouble, print};
use super::table::{Table, plain};
use serde_json::{Value, json};
use sluice_mgmt::client::{Call, path};
use sluice_mgmt::snmp::directory::{KeyedUser, Passwords, SnmpUser};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Users of SNMPv3: adds, lists, removes them, and gives them other keys. It takes the role admin.
#[derive(clap::Args)]
pub(crate) struct SnmpUsers {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    Create(Create),
    /// All users.
    List,
    Rotate(Rotate),
    Remove(Remove),
}

/// Adds a user. Without --passwords, the EMS makes two passwords, and they are printed this once.
#[derive(clap::Args)]
struct Create {
    /// 1 to 32 letters, digits and ‘-_.@’.
    name: String,
    /// What it may do: a role of the EMS (read-only, operator, admin), or a group of the settings.
    #[arg(long, default_value = "read-only")]
    group: String,
    /// How its messages are authenticated: SHA-256, SHA-384, SHA-512.
    #[arg(long, value_name = "DIGEST", default_value = "SHA-256")]
    auth: String,
    /// How they are encrypted: AES-128, AES-192, AES-256.
    #[arg(long, value_name = "CIPHER", default_value = "AES-128")]
    privacy: String,
    #[command(flatten)]
    engine: Engine,
    #[command(flatten)]
    passwords: FromFile,
}

/// Gives a user other keys; the old ones end at once.
#[derive(clap::Args)]
struct Rotate {
    /// Its name.
    name: String,
    #[command(flatten)]
    engine: Engine,
    #[command(flatten)]
    passwords: FromFile,
}

/// Takes a user out.
#[derive(clap::Args)]
struct Remove {
    /// Its name.
    name: String,
    #[command(flatten)]
    engine: Engine,
}

#[derive(clap::Args)]
struct Engine {
    /// The engine (snmpEngineID) that its keys are for, if informs go to it.
    #[arg(long, value_name = "HEX")]
    engine: Option<String>,
}

#[derive(clap::Args)]
struct FromFile {
    /// A file of two lines: the password for authentication, and that for encryption. ‘-’ is standard input.
    #[arg(long, value_name = "FILE")]
    passwords: Option<PathBuf>,
}

impl FromFile {
    fn read(&self) -> Result<Option<Passwords>, Trouble> {
        let Some(file) = &self.passwords else { return Ok(None) };
        let wrong = |why: String| Trouble::Usage(format!("--passwords {}: {why}", file.display()));
        let mut text = String::new();
        let read = if file == Path::new("-") {
            std::io::stdin().lock().take(4096).read_to_string(&mut text).map(drop)
        } else {
            std::fs::read_to_string(file).map(|t| text = t)
        };
        read.map_err(|e| wrong(e.to_string()))?;
        match text.lines().collect::<Vec<_>>()[..] {
            [auth, privacy] => Ok(Some(Passwords { auth: auth.into(), privacy: privacy.into() })),
            _ => Err(wrong("it must have two lines: a password for authentication, one for encryption".into())),
        }
    }
}

pub(super) fn snmp_user(s: &Session, args: SnmpUsers) -> Done {
    let users = ["snmp", "users"];
    match args.what {
        What::List => s.show(&s.get(&path::v1(&users))?, |all| {
            let mut t = Table::new(&["name", "group", "auth", "privacy", "engine"], &[]);
            for u in s.as_type::<Vec<SnmpUser>>(all)? {
                t.row([plain(&u.name), plain(&u.group), u.auth, u.privacy, u.engine.unwrap_or("-".into())]);
            }
            Ok(t.or("there are no users"))
        }),
        What::Create(Create { name, group, auth, privacy, engine, passwords }) => {
            let mut wanted = json!({ "name": name, "group": group, "auth": auth, "privacy": privacy });
            add(&mut wanted, engine, passwords.read()?);
            keyed(s, &Call::post(path::v1(&users)).json(&wanted))
        }
        What::Rotate(Rotate { name, engine, passwords }) => {
            let mut wanted = json!({});
            add(&mut wanted, engine, passwords.read()?);
            keyed(s, &Call::post(path::v1(&[&users[..], &[&name, "rotate"]].concat())).json(&wanted))
        }
        What::Remove(Remove { name, engine }) => {
            let at = path::v1(&[&users[..], &[&name]].concat());
            s.send(&Call::delete(path::query(&at, &[("engine", engine.engine)])))?;
            if s.json { Ok(()) } else { print(&format!("{name} is removed\n")) }
        }
    }
}

fn add(wanted: &mut Value, engine: Engine, passwords: Option<Passwords>) {
    if let Some(engine) = engine.engine {
        wanted["engine"] = engine.into();
    }
    if let Some(Passwords { auth, privacy }) = passwords {
        wanted["passwords"] = json!({ "auth": auth, "privacy": privacy });
    }
}

/// Shows a user with new keys, and how to use them.
fn keyed(s: &Session, call: &Call) -> Done {
    s.show(&s.send(call)?.json()?, |made| {
        let KeyedUser { user, engine_id, passwords } = s.as_type(made)?;
        let mut text = format!("{} has new keys: {}, {}, engine {engine_id}\n", user.name, user.auth, user.privacy);
        if let Some(Passwords { auth, privacy }) = passwords {
            text += &format!("passwords, shown this once: {auth} for authentication, {privacy} for encryption\n");
        }
        let cipher = user.privacy.replace("AES-128", "AES");
        let name = &user.name;
        text +=
            &format!("snmpwalk -v3 -l authPriv -u {name} -a {} -A ... -x {cipher} -X ... ADDRESS system\n", user.auth);
        Ok(text)
    })
}
