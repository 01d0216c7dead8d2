//! Gathers the facts of a target.

use crate::base::text::sentence;
use crate::checks::facts::{LegacyFacts, Server, TargetFacts};
use crate::checks::pg::legacy::legacy;
use crate::checks::pg::relations::relations;
use crate::checks::pg::request::ExamineRequest;
use crate::checks::pg::rights::{attributes, role, schema_rights, table_rights};
use crate::config::settings::TableName;
use crate::ledger::history::applied;
use crate::ledger::pg::history::{history_access, read_history};
use crate::ledger::tables::MANAGED_TABLES;
use crate::postgres::query_error::QueryError;
use crate::postgres::session::Session;
use crate::postgres::transaction::savepoint;
use crate::schema::pg::error::ApplyError;
use crate::schema::pg::relations::{migration_histories, unknown_relations};
use crate::schema::pg::{plan, request};

pub(crate) async fn facts(
    request: &ExamineRequest<'_>,
    connection: &mut Session,
    server: Server,
) -> Result<TargetFacts, QueryError> {
    let role = role(connection, request.roles.owner.as_deref(), server.major).await?;
    let named = [
        ("DB_OWNER_ROLE", &request.roles.owner),
        ("DB_APP_ROLE", &request.roles.app),
        ("DB_READER_ROLE", &request.roles.reader),
    ];
    let named = named.into_iter().filter_map(|(key, role)| Some((key, role.clone()?)));
    let mut roles: Vec<String> = named.clone().map(|(_, role)| role).collect();
    roles.push(role.name.clone());
    let existing = attributes(connection, &roles).await?;
    let missing_roles = named.filter(|(_, role)| !existing.iter().any(|(name, _)| name == role)).collect();
    let attributes = existing.into_iter().filter_map(|(role, attribute)| Some((role, attribute?)));
    let revisions = match history_access(connection).await?.is_readable {
        true => savepoint(connection, read_history)
            .await?
            .map(|history| Some(applied(&history).into_keys().collect()))
            .map_err(|error| sentence(&error)),
        false => Ok(None),
    };
    Ok(TargetFacts {
        apply: Some(steps_to_apply(request, connection).await?),
        unknown: unknown_relations(connection, &known(request.table), server.major).await?,
        relations: relations(request, connection, &["padealing", "bo_airflow"]).await?,
        legacy: match request.source {
            Some(_) => LegacyFacts::default(),
            None => legacy(request.target, connection, request.table).await?,
        },
        schema_rights: schema_rights(connection, &roles).await?,
        table_rights: table_rights(connection, &roles).await?,
        missing_roles,
        attributes: attributes.collect(),
        revisions,
        managers: migration_histories(connection).await?,
        server,
        role,
    })
}

/// How many steps `apply` would take, or why it would not.
async fn steps_to_apply(
    request: &ExamineRequest<'_>,
    connection: &mut Session,
) -> Result<Result<usize, String>, QueryError> {
    let wanted = request::ChangeRequest {
        legacy: Some(request.table),
        ..request::ChangeRequest::new(request.target, request.environment, request.roles)
    };
    Ok(match savepoint(connection, async |connection| plan::assess(connection, &wanted).await).await? {
        Ok(found) => match found.route.plan.blocking().count() {
            0 => Ok(found.route.plan.steps.len() + found.route.records.len() + usize::from(found.makes_mirror)),
            _ => Err("some differences require manual action, see pad-migrate plan".to_owned()),
        },
        Err(ApplyError::NoReference { table, .. }) => Err(format!("bo_airflow.{table} doesn't exist")),
        Err(error) => Err(sentence(&error)),
    })
}

/// The names in `padealing` that are expected there.
fn known(legacy: &TableName) -> Vec<&str> {
    let legacy = (legacy.schema == "padealing").then_some(&*legacy.name);
    MANAGED_TABLES.iter().copied().chain(["alembic_version"]).chain(legacy).collect()
}
