//! Who asks, and what that one may do.
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::net::IpAddr;
use utoipa::ToSchema;

mod credentials;
mod failures;
pub mod files;
pub mod security;
pub mod tokens;

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

/// The request that something was asked with. Unknown for what did not come over the network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// Its number (`X-Request-Id`).
    pub request: Option<String>,
    /// Address of the client.
    pub client: Option<IpAddr>,
}

/// A text in which every token of ours is blotted out: for logs that show what somebody wrote in the wrong place.
pub fn without_tokens(text: &str) -> Cow<'_, str> {
    let mut parts = text.split(tokens::PREFIX);
    let first = parts.next().unwrap_or_default();
    if first.len() == text.len() {
        return Cow::Borrowed(text);
    }
    let mut clean = first.to_string();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        clean += tokens::PREFIX;
        clean += "***";
        clean += rest;
    }
    Cow::Owned(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_blotted_out_wherever_they_stand() {
        assert_eq!(without_tokens("nothing"), "nothing");
        assert_eq!(without_tokens("a sluice_Ab-_9, sluice_x"), "a sluice_***, sluice_***");
    }
}
