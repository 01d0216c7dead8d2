//! Row security policies. Pure.

use squawk_syntax::quote::quote_ident as identifier;

use crate::base::text::list;
use crate::schema::catalog::Property;
use crate::schema::ddl::Ddl;

impl Ddl<'_> {
    pub(super) fn create_policy(&self) -> Option<String> {
        let clause = |word: &str, property| {
            self.property(property).map(|condition| format!(" {word} ({condition})")).unwrap_or_default()
        };
        let roles = self.roles();
        Some(format!(
            "create policy {} on {} as {} for {} to {roles}{}{}",
            self.bare(),
            self.table(),
            self.property(Property::Type)?,
            self.property(Property::Command)?,
            clause("using", Property::Using),
            clause("with check", Property::WithCheck),
        ))
    }

    fn roles(&self) -> String {
        let role = |role: &String| if role == "PUBLIC" { "public".to_owned() } else { identifier(role) };
        list(self.parts(Property::Roles).iter().map(role))
    }

    pub(super) fn alter_policy(&self, property: Property) -> Option<Vec<String>> {
        let word = match property {
            Property::Roles => {
                return Some(vec![format!("alter policy {} on {} to {}", self.bare(), self.table(), self.roles())]);
            }
            Property::Using => "using",
            Property::WithCheck => "with check",
            _ => return None,
        };
        let condition = self.property(property)?;
        Some(vec![format!("alter policy {} on {} {word} ({condition})", self.bare(), self.table())])
    }
}
