//! Privileges. Pure.

use std::collections::{BTreeMap, BTreeSet};

use squawk_syntax::quote::quote_ident as identifier;

use crate::base::text::list;
use crate::schema::catalog::{Catalog, Id, Kind, Object, Property, Value};
use crate::schema::ddl::Ddl;

impl<'a> Ddl<'a> {
    /// The statements that give a role privileges, or take them, in the words of a finding. What differs in the right to
    /// grant it on only is said privilege by privilege.
    pub(crate) fn change_privileges(&self, role: &str, is_grant: bool, text: &str) -> Option<Vec<String>> {
        let mut groups: BTreeMap<u8, Vec<&str>> = BTreeMap::new();
        for item in text.split(", ") {
            let group = match () {
                () if item.starts_with("grant option for ") => 1,
                () if item.ends_with(" with grant option") => 2,
                () => 0,
            };
            groups.entry(group).or_default().push(item.trim_start_matches("grant option for "));
        }
        let statement = |(group, items): (u8, Vec<&str>)| {
            let prefix = if group == 1 { "grant option for " } else { "" };
            self.privileges(role, is_grant, &format!("{prefix}{}", items.join(", ")))
        };
        groups.into_iter().map(statement).collect()
    }

    /// The statements that give something new its privileges: first what it must not have, then what it must.
    /// Default privileges, of which `live` has those that there are, may give more than is expected.
    pub(crate) fn grants(&self, live: &Catalog) -> (Vec<String>, Vec<String>) {
        let mut given: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let owner = self.property(Property::Owner);
        for item in self.parts(Property::Privileges) {
            let Some((role, privilege)) = item.rsplit_once('=') else { continue };
            if role != "{self}" {
                given.entry(role).or_default().push(privilege.replace('*', " with grant option"));
            }
        }
        let mut taken = self.given_by_default(live, &given, owner.as_deref());
        for item in self.parts(Property::Revoked) {
            let Some((role, privilege)) = item.rsplit_once('=') else { continue };
            let role = if role == "{self}" { owner.clone().unwrap_or_default() } else { role.to_owned() };
            if !role.is_empty() {
                taken.entry(role).or_default().insert(privilege.trim_end_matches('*').to_owned());
            }
        }
        let taken = taken.into_iter().filter_map(|(role, privileges)| {
            self.privileges(&role, false, &privileges.into_iter().collect::<Vec<_>>().join(", "))
        });
        let given = given.into_iter().filter_map(|(role, all)| self.change_privileges(role, true, &all.join(", ")));
        (taken.collect(), given.flatten().collect())
    }

    /// What changes its owner together with this object and has privileges: its columns, the sequences that they own,
    /// and the object itself, last.
    pub(crate) fn with_parts(&self) -> Vec<&'a Id> {
        let columns = self.catalog.children(&self.id.schema, &self.id.name).map(|(id, _)| id);
        let columns: Vec<&Id> = columns.filter(|id| id.kind == Kind::Column && self.id.kind.is_relation()).collect();
        let is_owned = |id: &Id, object: &Object| {
            let owner = object.get(&Property::OwnedBy).map(Value::to_string);
            let table = owner.as_deref().and_then(|it| it.rsplit_once('.')).map(|(table, _)| table);
            id.kind == Kind::Sequence && id.schema == self.id.schema && table == Some(&self.id.name)
        };
        let sequences = self.catalog.objects.iter().filter(|(id, object)| is_owned(id, object)).map(|(id, _)| id);
        let sequences = sequences.filter(|_| self.id.kind == Kind::Table);
        sequences.chain(columns).chain([self.id]).collect()
    }

    /// The statements that give a former owner what it is to have here. With the ownership, what it was granted goes to
    /// the new owner (documentation, ALTER TABLE).
    pub(crate) fn grants_of_former_owner(&self, former: &str) -> Vec<String> {
        let granted = self.parts(Property::Privileges);
        let items = granted.iter().filter_map(|it| it.rsplit_once('=')).filter(|(role, _)| *role == former);
        let text = items.map(|(_, privilege)| privilege.replace('*', " with grant option")).collect::<Vec<_>>();
        if text.is_empty() {
            return Vec::new();
        }
        self.change_privileges(former, true, &text.join(", ")).unwrap_or_default()
    }

    /// What default privileges give to roles that are not expected to have it.
    fn given_by_default(
        &self,
        live: &Catalog,
        given: &BTreeMap<&str, Vec<String>>,
        owner: Option<&str>,
    ) -> BTreeMap<String, BTreeSet<String>> {
        let word = match self.id.kind {
            Kind::Sequence => "sequences",
            Kind::Function | Kind::Procedure | Kind::Aggregate => "functions",
            kind if kind.is_relation() => "tables",
            Kind::Schema => "schemas",
            Kind::Enum | Kind::Domain | Kind::Composite | Kind::Range | Kind::BaseType => "types",
            _ => "",
        };
        let mut taken: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let defaults = live.objects.iter().filter(|(id, _)| {
            let here = id.schema.is_empty() || id.schema == self.id.schema;
            id.kind == Kind::DefaultPrivileges && here && id.name.split(' ').next() == Some(word)
        });
        for (_, object) in defaults {
            let items = object.get(&Property::Privileges).map(Value::parts).unwrap_or_default();
            for (role, privilege) in items.iter().filter_map(|it| it.rsplit_once('=')) {
                let plain = privilege.trim_end_matches('*');
                let is_given = given
                    .get(role)
                    .is_some_and(|privileges| privileges.iter().any(|granted| granted.starts_with(plain)));
                // Everybody has it without default privileges, too.
                let is_built_in =
                    role == "PUBLIC" && matches!((word, plain), ("functions", "EXECUTE") | ("types", "USAGE"));
                if !is_given && !is_built_in && role != "{self}" && Some(role) != owner {
                    taken.entry(role.to_owned()).or_default().insert(plain.to_owned());
                }
            }
        }
        taken
    }

    /// A privilege that is revoked from a table is revoked from its columns, too: grants those again that are expected
    /// on columns.
    pub(crate) fn columns_again(&self, role: &str, revoked: &str) -> Vec<String> {
        if !self.id.kind.is_relation() || revoked.starts_with("grant option for ") {
            return Vec::new();
        }
        let columns = self.catalog.children(&self.id.schema, &self.id.name);
        let granted = columns.filter(|(id, _)| id.kind == Kind::Column).flat_map(|(id, object)| {
            let items = object.get(&Property::Privileges).map(Value::parts).unwrap_or_default().iter();
            items.filter_map(move |item| Some((id, item.rsplit_once('=')?)))
        });
        let again = granted.filter_map(|(id, (of, privilege))| {
            let plain = privilege.trim_end_matches('*');
            let is_revoked = revoked.split(", ").any(|one| one.split(" with ").next() == Some(plain));
            let option = if plain == privilege { "" } else { " with grant option" };
            let grant = || Ddl::new(self.catalog, id).privileges(role, true, &format!("{plain}{option}"));
            (of == role && is_revoked).then(grant).flatten()
        });
        again.collect()
    }

    /// The statement that gives a role privileges, or takes them. A privilege may say `with grant option`; a list of
    /// them may begin with `grant option for`.
    pub(crate) fn privileges(&self, role: &str, is_grant: bool, privileges: &str) -> Option<String> {
        let role = if role == "PUBLIC" { "public".to_owned() } else { identifier(role) };
        let (only_option, privileges) = match privileges.strip_prefix("grant option for ") {
            Some(plain) => (true, plain),
            None => (false, privileges),
        };
        let with_option = privileges.contains(" with grant option") || only_option;
        let privileges = privileges.replace(" with grant option", "");
        let (on, prefix) = match self.id.kind {
            Kind::DefaultPrivileges => {
                let (what, owner) = self.id.name.split_once(" of ")?;
                let schema = match self.id.schema.as_str() {
                    "" => String::new(),
                    schema => format!(" in schema {}", identifier(schema)),
                };
                (what.to_owned(), format!("alter default privileges for role {}{schema} ", identifier(owner)))
            }
            Kind::Column => {
                let columns = privileges.split(", ").map(|it| format!("{it} ({})", self.bare()));
                let (verb, to) = match (is_grant, only_option) {
                    (true, _) => ("grant", "to"),
                    (false, false) => ("revoke", "from"),
                    (false, true) => ("revoke grant option for", "from"),
                };
                let option = if is_grant && with_option { " with grant option" } else { "" };
                return Some(format!("{verb} {} on {} {to} {role}{option}", list(columns), self.table()));
            }
            Kind::Database => return None,
            Kind::ForeignServer => (format!("foreign server {}", self.bare()), String::new()),
            kind if kind.is_relation() => (self.name(), String::new()),
            Kind::Aggregate => (format!("function {}", self.name()), String::new()),
            _ => (format!("{} {}", self.keyword(), self.name()), String::new()),
        };
        Some(match (is_grant, only_option) {
            (true, _) if with_option => format!("{prefix}grant {privileges} on {on} to {role} with grant option"),
            (true, _) => format!("{prefix}grant {privileges} on {on} to {role}"),
            (false, false) => format!("{prefix}revoke {privileges} on {on} from {role}"),
            (false, true) => format!("{prefix}revoke grant option for {privileges} on {on} from {role}"),
        })
    }
}
