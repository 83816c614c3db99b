//! What a `vnf.toml` says of SNMP: its table `[ems.snmp]`.
use crate::auth::Role;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// The table `[ems.snmp]`. The SNMP agent runs when it is there; `[ems]` must have a folder then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Snmp {
    /// Where it listens, UDP. Messages of users are authenticated and encrypted, so it need not be loopback.
    pub listen: SocketAddr,
    /// `sysContact`
    pub contact: String,
    /// `sysLocation`
    pub location: String,
    /// The file of users; `snmp-users.toml` in the folder if not said.
    pub users: Option<PathBuf>,
    /// The file of communities. SNMPv1 and SNMPv2c are off if not said; they only ever read.
    pub communities: Option<PathBuf>,
    /// The view of communities.
    pub community_view: String,
    /// Views by name, besides `all` and `agent`.
    pub views: BTreeMap<String, View>,
    /// Groups by name, besides those of the roles: `read-only`, `operator`, `admin`.
    pub groups: BTreeMap<String, Group>,
    /// Who is told what happens.
    pub targets: Vec<Target>,
}

/// A table `[ems.snmp.views.NAME]`: parts of the tree of object identifiers. The longest one that fits counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct View {
    /// Object identifiers, as numbers with dots; with all that is below them.
    pub include: Vec<String>,
    /// The same, left out.
    pub exclude: Vec<String>,
}

impl View {
    /// Of these.
    pub fn of(include: &[&str]) -> View {
        View { include: include.iter().map(|s| s.to_string()).collect(), exclude: Vec::new() }
    }
}

/// A table `[ems.snmp.groups.NAME]`: what its members may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// What they may of the EMS, whatever the views say.
    pub role: Role,
    /// How messages are protected at least.
    #[serde(default)]
    pub level: Level,
    /// The view that they may read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<String>,
    /// The view that they may write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write: Option<String>,
    /// The view that they may be told of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<String>,
}

/// How a message is protected (RFC 3411 section 3.4.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Level {
    /// Not at all: whoever knows the name.
    #[serde(rename = "noAuthNoPriv")]
    NoAuthNoPriv,
    /// Authenticated.
    #[serde(rename = "authNoPriv")]
    AuthNoPriv,
    /// Authenticated and encrypted.
    #[default]
    #[serde(rename = "authPriv")]
    AuthPriv,
}

/// A table `[[ems.snmp.targets]]`: somebody who is told, authenticated and encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Address and UDP port: `192.0.2.1:162`.
    pub address: SocketAddr,
    /// The user by whose keys and rights. For informs, one whose keys are of the receiver's engine.
    pub user: String,
    /// Messages are informs: they are sent again until the receiver says that it has them.
    #[serde(default)]
    pub inform: bool,
}

impl Default for Snmp {
    fn default() -> Self {
        Snmp {
            listen: (Ipv4Addr::LOCALHOST, 161).into(),
            contact: String::new(),
            location: String::new(),
            users: None,
            communities: None,
            community_view: "all".into(),
            views: BTreeMap::new(),
            groups: BTreeMap::new(),
            targets: Vec::new(),
        }
    }
}
