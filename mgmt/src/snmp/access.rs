//! Who may see and change what: the groups and views of VACM (RFC 3415), as the settings name them.
use crate::auth::Role;
use crate::settings::snmp::{Group, Level, Snmp, View};
use async_snmp::{Oid, SecurityLevel, SecurityModel, VacmBuilder, VacmConfig, VacmSecurityModel, View as Subtrees};
use bytes::Bytes;
use std::collections::BTreeMap;

/// The view of everything.
pub(super) const ALL: &str = "all";
/// The view of what may be changed: the rules, paths and next hops of the structural agent are below it.
pub(super) const AGENT: &str = "agent";
/// The group of communities.
const COMMUNITIES: &str = "communities";

/// All groups and views.
#[derive(Debug)]
pub(super) struct Access {
    vacm: VacmConfig,
    roles: BTreeMap<String, Role>,
}

/// What one request may do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rights<'a> {
    access: &'a Access,
    read: Option<&'a Bytes>,
    write: Option<&'a Bytes>,
    notify: Option<&'a Bytes>,
}

impl Access {
    /// Groups and views of the settings, besides the view `all`, the view `agent`, and a group for each role: `read-only` may
    /// read and be told everything, `operator` and `admin` may write the agent, too; all by authenticated and encrypted
    /// messages only.
    ///
    /// # Errors
    /// The key that is wrong.
    pub(super) fn new(settings: &Snmp) -> Result<Access, String> {
        let mut vacm = VacmBuilder::new();
        let mut views = settings.views.clone();
        views.entry(ALL.into()).or_insert_with(|| View::of(&["1"]));
        views.entry(AGENT.into()).or_insert_with(|| View::of(&["1.3.6.1.4.1.32473.1"]));
        for (name, view) in &views {
            let mut all = Subtrees::new();
            for (text, included) in
                view.include.iter().map(|t| (t, true)).chain(view.exclude.iter().map(|t| (t, false)))
            {
                let subtree = Oid::parse(text).ok().filter(|oid| !oid.is_empty());
                let subtree = subtree
                    .ok_or_else(|| format!("view ‘{name}’: ‘{text}’ is not an object identifier: 1.3.6.1.2.1"))?;
                all = if included { all.include(subtree) } else { all.exclude(subtree) };
            }
            vacm = vacm.view(name.clone(), |_| all);
        }
        let mut groups = settings.groups.clone();
        for role in [Role::ReadOnly, Role::Operator, Role::Admin] {
            let write = (role != Role::ReadOnly).then(|| AGENT.to_string());
            let read = Some(ALL.to_string());
            let group = Group { role, level: Level::AuthPriv, notify: read.clone(), read, write };
            groups.entry(role.name().into()).or_insert(group);
        }
        let mut roles = BTreeMap::new();
        for (name, group) in groups {
            if name == COMMUNITIES {
                return Err(format!("group ‘{name}’: this is what communities are in; take another name"));
            }
            for view in [&group.read, &group.write, &group.notify].into_iter().flatten() {
                if !views.contains_key(view) {
                    return Err(format!("group ‘{name}’: there is no view ‘{view}’"));
                }
            }
            if group.write.is_some() && group.role == Role::ReadOnly {
                return Err(format!("group ‘{name}’: its role ‘read-only’ may write nothing; leave out ‘write’"));
            }
            let level = match group.level {
                Level::NoAuthNoPriv => SecurityLevel::NoAuthNoPriv,
                Level::AuthNoPriv => SecurityLevel::AuthNoPriv,
                Level::AuthPriv => SecurityLevel::AuthPriv,
            };
            let view = |name: &Option<String>| Bytes::from(name.clone().unwrap_or_default());
            vacm = vacm.access(name.clone(), SecurityModel::Usm, level, |entry| {
                entry.read_view(view(&group.read)).write_view(view(&group.write)).notify_view(view(&group.notify))
            });
            roles.insert(name, group.role);
        }
        vacm = vacm.access(COMMUNITIES, VacmSecurityModel::Any, SecurityLevel::NoAuthNoPriv, |e| {
            e.read_view(settings.community_view.clone())
        });
        if !views.contains_key(&settings.community_view) {
            return Err(format!("community_view: there is no view ‘{}’", settings.community_view));
        }
        Ok(Access { vacm: vacm.build().map_err(|e| e.to_string())?, roles })
    }

    /// The role of a group's members; none if there is no such group.
    pub(super) fn role(&self, group: &str) -> Option<Role> {
        self.roles.get(group).copied()
    }

    /// All groups.
    pub(super) fn groups(&self) -> impl Iterator<Item = &str> {
        self.roles.keys().map(String::as_str)
    }

    /// What a message of this level may do for a member of this group; none if nothing at all.
    pub(super) fn user(&self, group: &str, level: SecurityLevel) -> Option<Rights<'_>> {
        self.rights(group, SecurityModel::Usm, level)
    }

    /// What a community may do.
    pub(super) fn community(&self) -> Option<Rights<'_>> {
        self.rights(COMMUNITIES, SecurityModel::V2c, SecurityLevel::NoAuthNoPriv)
    }

    fn rights(&self, group: &str, model: SecurityModel, level: SecurityLevel) -> Option<Rights<'_>> {
        let entry = self.vacm.get_access(group.as_bytes(), b"", model, level)?;
        let view = |name| Some(name).filter(|n: &&Bytes| !n.is_empty());
        let (read, write, notify) = (view(&entry.read_view), view(&entry.write_view), view(&entry.notify_view));
        Some(Rights { access: self, read, write, notify })
    }
}

impl Rights<'_> {
    /// It may read something.
    pub(super) fn reads(&self) -> bool {
        self.read.is_some()
    }

    /// It may write something.
    pub(super) fn writes(&self) -> bool {
        self.write.is_some()
    }

    /// It may read this.
    pub(super) fn read(&self, name: &Oid) -> bool {
        self.access.vacm.check_access(self.read, name)
    }

    /// It may write this.
    pub(super) fn write(&self, name: &Oid) -> bool {
        self.access.vacm.check_access(self.write, name)
    }

    /// It may be told this.
    pub(super) fn notify(&self, name: &Oid) -> bool {
        self.access.vacm.check_access(self.notify, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(text: &str) -> Result<Access, String> {
        Access::new(&toml::from_str(text).unwrap())
    }

    #[test]
    fn roles_are_groups_and_take_encrypted_messages_only() {
        let access = access("").unwrap();
        let (system, rules) =
            (Oid::from_slice(&[1, 3, 6, 1, 2, 1, 1]), Oid::from_slice(&[1, 3, 6, 1, 4, 1, 32473, 1, 1]));
        let rights = |group| access.user(group, SecurityLevel::AuthPriv).unwrap();
        assert!(rights("read-only").read(&rules) && rights("read-only").notify(&system));
        assert!(!rights("read-only").writes() && !rights("read-only").write(&rules));
        assert!(rights("operator").write(&rules) && !rights("operator").write(&system));
        for level in [SecurityLevel::NoAuthNoPriv, SecurityLevel::AuthNoPriv] {
            assert!(access.user("admin", level).is_none());
        }
        assert!(access.user("nobody", SecurityLevel::AuthPriv).is_none());
        let community = access.community().unwrap();
        assert!(community.read(&system) && !community.writes() && !community.notify(&system));
    }

    #[test]
    fn a_group_of_the_settings_sees_its_view_and_the_longest_subtree_counts() {
        let text = "community_view = 'mine'\n[views.mine]\ninclude = ['1.3.6.1.2.1', '1.3.6.1.2.1.2.2']\nexclude = ['1.3.6.1.2.1.2']\n\
                    [groups.noc]\nrole = 'read-only'\nlevel = 'authNoPriv'\nread = 'mine'\n";
        let access = access(text).unwrap();
        let rights = access.user("noc", SecurityLevel::AuthNoPriv).unwrap();
        let read = |arcs: &[u32]| rights.read(&Oid::from_slice(arcs));
        assert!(read(&[1, 3, 6, 1, 2, 1, 1, 1, 0]) && read(&[1, 3, 6, 1, 2, 1, 2, 2, 1]));
        assert!(!read(&[1, 3, 6, 1, 2, 1, 2, 1, 0]) && !read(&[1, 3, 6, 1, 4]));
        assert!(!access.community().unwrap().read(&Oid::from_slice(&[1, 3, 6, 1, 4])));
        assert_eq!(access.role("noc"), Some(Role::ReadOnly));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        for (text, why) in [
            ("[views.x]\ninclude = ['here']", "x"),
            ("[groups.x]\nrole = 'operator'\nread = 'y'", "no view ‘y’"),
            ("[groups.x]\nrole = 'read-only'\nwrite = 'all'", "may write nothing"),
            ("[groups.communities]\nrole = 'read-only'", "communities"),
            ("community_view = 'y'", "community_view"),
        ] {
            let said = access(text).unwrap_err();
            assert!(said.contains(why), "{text}: {said}");
        }
    }
}
