//! Gathers the facts of a target.

use crate::base::hint::PLAN;
use crate::base::text::sentence;
use crate::checks::facts::{LegacyFacts, Relation, Server, TargetFacts};
use crate::checks::pg::gaps::gaps;
use crate::checks::pg::legacy::legacy;
use crate::checks::pg::relations::relations;
use crate::checks::pg::request::ExamineRequest;
use crate::checks::pg::rights::{attributes, policies, role, schema_rights, table_rights};
use crate::config::settings::TableName;
use crate::ledger::history::applied;
use crate::ledger::pg::admission::{RefusedError, SessionError};
use crate::ledger::pg::history::{history_access, read_history};
use crate::ledger::tables::MANAGED_TABLES;
use crate::migration::pg::missing::missing_columns;
use crate::postgres::query_error::QueryError;
use crate::postgres::session::Session;
use crate::postgres::transaction::savepoint;
use crate::schema::pg::error::ApplyError;
use crate::schema::pg::needs::Wanted;
use crate::schema::pg::relations::{migration_histories, unknown_relations};
use crate::schema::pg::{plan, request};

pub(crate) async fn facts(
    request: &ExamineRequest<'_>,
    connection: &mut Session,
    server: Server,
) -> Result<TargetFacts, QueryError> {
    let mut role = role(connection, request.roles.owner.as_deref()).await?;
    // Whatever it may do now, the application's role and the reader's are not to change the schema.
    role.is_operator &= !request.roles.confine(&role.name);
    let named = [
        ("DB_OWNER_ROLE", &request.roles.owner),
        ("DB_APP_ROLE", &request.roles.app),
        ("DB_READER_ROLE", &request.roles.reader),
    ];
    let named = named.into_iter().filter_map(|(key, role)| Some((key, role.clone()?)));
    let mut roles: Vec<String> = named.clone().map(|(_, role)| role).collect();
    roles.push(role.name.clone());
    let existing = attributes(connection, &roles).await?;
    let existing_names: Vec<String> = existing.iter().map(|(name, _)| name.clone()).collect();
    let missing_roles = named.filter(|(_, role)| !existing.iter().any(|(name, _)| name == role)).collect();
    let attributes = existing.into_iter().filter_map(|(role, attribute)| Some((role, attribute?)));
    let revisions = match history_access(connection).await?.is_readable {
        true => savepoint(connection, read_history)
            .await?
            .map(|history| Some(applied(&history).into_keys().collect()))
            .map_err(|error| sentence(&error)),
        false => Ok(None),
    };
    let (apply, wanted) = steps_to_apply(request, connection).await?;
    let relations = relations(request, connection, &["padealing", "bo_airflow"]).await?;
    let (legacy, largest) = match request.source {
        Some(_) => (LegacyFacts::default(), None),
        None => legacy(request.target, connection, request.table, is_readable(request, &relations)).await?,
    };
    Ok(TargetFacts {
        apply: Some(apply),
        permissions: gaps(request, connection, &role, &existing_names, &relations, (wanted, largest)).await?,
        unknown: unknown_relations(connection, &known(request.table), server.major).await?,
        legacy,
        missing_columns: missing_columns(connection).await?,
        policies: policies(connection, &relations).await?,
        schema_rights: schema_rights(connection, &roles).await?,
        table_rights: table_rights(connection, &roles).await?,
        relations,
        missing_roles,
        attributes: attributes.collect(),
        revisions,
        managers: migration_histories(connection).await?,
        server,
        role,
    })
}

/// Whether the legacy table is here, and can be looked at.
fn is_readable(request: &ExamineRequest<'_>, relations: &[Relation]) -> bool {
    let (schema, name) = (&request.table.schema, &request.table.name);
    let found = relations.iter().find(|it| it.schema == *schema && it.name == *name);
    found.is_some_and(|it| it.readable && !it.policed)
}

/// How many steps `apply` would take, or why it would not; and what the role needs for them.
async fn steps_to_apply(
    request: &ExamineRequest<'_>,
    connection: &mut Session,
) -> Result<(Result<usize, String>, Option<Wanted>), QueryError> {
    let wanted = request::ChangeRequest {
        legacy: Some(request.table),
        ..request::ChangeRequest::new(request.target, request.environment, request.roles)
    };
    let assessed = savepoint(connection, async |connection| plan::assess(connection, &wanted).await).await?;
    let wanted = assessed
        .as_ref()
        .ok()
        .map(|found| Wanted { needs: found.needs.clone(), permissions: found.permissions.clone() });
    let apply = match assessed {
        Ok(found) => match found.route.plan.blocking().count() {
            0 => Ok(found.route.plan.steps.len() + found.route.records.len() + usize::from(found.makes_mirror)),
            _ => Err(format!("some differences require manual action, see {PLAN}")),
        },
        Err(ApplyError::NoReference { table, .. }) => Err(format!("bo_airflow.{table} doesn't exist")),
        // Whom to connect as, or what to run, doctor says with the other privileges.
        Err(ApplyError::Session(SessionError::Refused(RefusedError::NotPermitted { permissions, .. }))) => {
            Err(permissions.words())
        }
        Err(error) => Err(sentence(&error)),
    };
    Ok((apply, wanted))
}

/// The names in `padealing` that are expected there.
fn known(legacy: &TableName) -> Vec<&str> {
    let legacy = (legacy.schema == "padealing").then_some(&*legacy.name);
    MANAGED_TABLES.iter().copied().chain(["alembic_version"]).chain(legacy).collect()
}
