//! What the roles may not do. Reads only.

use crate::checks::facts::{Gaps, Relation, Role};
use crate::checks::needs::{of_part, owning, possession, reading, rows};
use crate::checks::part::Part;
use crate::checks::pg::request::ExamineRequest;
use crate::checks::pg::rights::{grantors, serials};
use crate::ledger::permission::{Need, Permissions, Statement};
use crate::ledger::pg::permission::permissions;
use crate::migration::needs::{keys, source};
use crate::migration::pg::needs::{migrate_needs, referred};
use crate::postgres::query_error::QueryError;
use crate::postgres::session::Session;
use crate::schema::pg::needs::Wanted;

/// What the connected role and the configured ones, of which `existing` are there, may not do. `wanted` is what is
/// pending; `largest` the largest legacy id.
pub(crate) async fn gaps(
    request: &ExamineRequest<'_>,
    connection: &mut Session,
    role: &Role,
    existing: &[String],
    relations: &[Relation],
    (wanted, largest): (Option<Wanted>, Option<i64>),
) -> Result<Gaps, QueryError> {
    let roles = request.roles;
    let owner = roles.owner.as_deref();
    let is_app = roles.app.as_deref() == Some(&*role.name);
    let to_read = reading(&role.name, is_app);
    // As long as it isn't known how far the ids go, they may go far.
    let mut to_migrate = migrate_needs(connection, largest.or(Some(i64::MAX))).await?;
    if request.source.is_none() {
        to_migrate.extend(source(&role.name, request.table));
    }
    let has_tables = relations.iter().any(|it| it.schema == "padealing" && it.name == "migration_mapping");
    let serials = serials(connection).await?;
    let referred = keys(&referred(connection).await?);
    let (mut parts, mut block) = (Vec::new(), to_read.clone());
    block.extend(rows(&role.name, relations));
    if request.source.is_none() {
        block.extend(source(&role.name, request.table));
    }
    for (part, name) in
        [(Part::Owner, owner), (Part::App, roles.app.as_deref()), (Part::Reader, roles.reader.as_deref())]
    {
        let Some(name) = name.filter(|name| existing.iter().any(|it| it == name)) else { continue };
        let mut needs = of_part(name, part, &serials);
        if part == Part::Owner {
            needs.extend(possession(name, role.application_owner.as_deref(), relations));
            needs.extend(referred.clone());
        }
        let lacking = permissions(connection, &needs, roles).await?;
        parts.push((part, Permissions { role: name.to_owned(), ..lacking }));
        block.extend(needs);
    }
    let reading = permissions(connection, &to_read, roles).await?;
    let mut optional: Vec<Need> = match &wanted {
        Some(wanted) => wanted.needs.clone(),
        // Without a look at the schema it isn't known what is pending: it takes the owner, whatever it is.
        None if !reading.are_complete() => owning(&role.name, owner, &grantors(connection).await?),
        None => Vec::new(),
    };
    let applying = wanted.map(|it| it.permissions).unwrap_or_default();
    if has_tables {
        optional.extend(to_migrate.clone());
    }
    if role.is_operator {
        block.append(&mut optional);
    }
    let block = permissions(connection, &block, roles).await?.lacks;
    let mut optional = permissions(connection, &optional, roles).await?.lacks;
    let is_in_block = |it: &Statement| block.iter().any(|lack| lack.statements.contains(it));
    optional.iter_mut().for_each(|lack| lack.statements.retain(|it| !is_in_block(it)));
    Ok(Gaps {
        reading,
        applying,
        migrating: permissions(connection, &to_migrate, roles).await?,
        parts,
        block,
        optional,
    })
}
