//! Privileges. Pure.

use squawk_syntax::quote::quote_ident as identifier;

use crate::base::text::list;
use crate::schema::catalog::{Kind, Property, Value};
use crate::schema::ddl::Ddl;

impl Ddl<'_> {
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
                let (verb, to) = if is_grant { ("grant", "to") } else { ("revoke", "from") };
                let option = if is_grant && with_option { " with grant option" } else { "" };
                return Some(format!("{verb} {} on {} {to} {role}{option}", list(columns), self.table()));
            }
            Kind::Database => return None,
            Kind::ForeignServer => (format!("foreign server {}", self.bare()), String::new()),
            kind if kind.is_relation() => (self.name(), String::new()),
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
