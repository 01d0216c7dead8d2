//! A plan as a script for psql.

use std::collections::BTreeSet;

use crate::base::quote::quote_literal;
use crate::base::sql_text::{comment, statement};
use crate::report::plan::Planned;
use crate::schema::plan::stops::allowed_line;

impl Planned<'_> {
    /// What `psql -v ON_ERROR_STOP=1 -f` runs, with the same end as `apply`.
    pub fn sql(&self) -> String {
        let version = env!("CARGO_PKG_VERSION");
        let mut out = String::new();
        let remark = |out: &mut String, text: &str| out.extend([comment(text), "\n".to_owned()]);
        remark(&mut out, &format!("pad-migrate {version}: {} (environment {})", self.place, self.environment));
        remark(&mut out, &self.method());
        remark(&mut out, &format!("plan hash {}", self.found.hash(self.environment)));
        for left in self.plan().blocking() {
            remark(&mut out, &format!("manual action required: {} {}: {}", left.kind, left.object, left.reason));
        }
        if self.is_empty() {
            return out;
        }
        if self.plan().blocking().next().is_some() {
            out.push_str("do $$ begin raise exception 'manual action is required first: see the comments'; end $$;\n");
            return out;
        }
        // psql reads what follows by these two: with another encoding, a quotation mark may be part of a character.
        out.push_str("begin read write;\nset local client_encoding = 'UTF8';\n");
        out.push_str("set local standard_conforming_strings = on;\n");
        out.push_str("set local search_path = pg_catalog;\nset local lock_timeout = '5s';\n");
        out.push_str("set local check_function_bodies = off;\n");
        if self.found.makes_mirror {
            out.push_str(&format!("\n{}\n", self.found.mirror_sql()));
        }
        for step in &self.plan().steps {
            out.push('\n');
            remark(&mut out, &step.object);
            let notes: BTreeSet<&str> = step.hazards.iter().map(|hazard| hazard.note.as_str()).collect();
            notes.into_iter().for_each(|note| remark(&mut out, &format!("  {note}")));
            out.push_str(&format!("{}\n", statement(step.sql.trim_end())));
        }
        let records = &self.found.route.records;
        for (at, record) in records.iter().enumerate() {
            let revision = record.revision;
            let allowed = allowed_line(&self.found.route.allowed).filter(|_| at + 1 == records.len());
            let sql = format!("{}{}", record.sql, allowed.unwrap_or_default());
            let values = [revision.number, revision.name, &revision.checksum(), &record.kind.to_string(), &sql]
                .map(|value| statement(&quote_literal(value)));
            out.push_str(
                "\ninsert into padealing.schema_revision\n    \
                 (revision, name, checksum, kind, sql, database_role, program_version, environment)\n",
            );
            out.push_str(&format!(
                "values ({}, current_user, {}, {});\n",
                values.join(", "),
                quote_literal(version),
                quote_literal(self.environment.as_str())
            ));
        }
        out.push_str("\ncommit;\n");
        out
    }
}
