//! Privileges. Pure.

use squawk_syntax::quote::quote_ident as identifier;

use crate::base::text::list;
use crate::schema::catalog::Kind;
use crate::schema::ddl::Ddl;

impl Ddl<'_> {
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
