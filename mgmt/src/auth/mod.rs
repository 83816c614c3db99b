//! Who asks, and what that one may do.
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What somebody may do. Each may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Looks at everything but secrets and the contents of packets.
    ReadOnly,
    /// Changes functions, handlers and the state; traces and taps packets.
    Operator,
    /// Ends the system, restores backups, manages tokens.
    Admin,
}

impl Role {
    /// Its name: `read-only`, `operator`, `admin`.
    pub fn name(self) -> &'static str {
        match self {
            Role::ReadOnly => "read-only",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }
}

/// Somebody who was recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The name that revisions and the audit log carry.
    pub name: String,
    /// What it may do.
    pub role: Role,
}

impl Actor {
    /// The process itself: what it does without being asked.
    pub fn itself() -> Actor {
        Actor { name: "sluice".into(), role: Role::Admin }
    }
}
