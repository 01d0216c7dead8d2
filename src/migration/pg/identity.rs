//! Asks a database for what identifies its legacy rows.

use crate::config::settings::TableName;
use crate::migration::identity::SourceIdentity;
use crate::postgres::database::Database;
use crate::postgres::query_error::QueryError;
use crate::postgres::session::Session;
use crate::postgres::statement::fetch_value;

/// What identifies a table of a session's database.
pub(crate) async fn identify(
    session: &mut Session,
    database: &Database,
    table: &TableName,
) -> Result<SourceIdentity, QueryError> {
    const WHAT: &str = "asking which server it is";
    let may_ask = "select has_function_privilege('pg_catalog.pg_control_system()', 'execute')";
    let system_identifier = match fetch_value::<bool>(session, may_ask, WHAT).await? {
        true => {
            let asked = "select system_identifier::text from pg_catalog.pg_control_system()";
            Some(fetch_value::<String>(session, asked, WHAT).await?)
        }
        false => None,
    };
    let name: String = fetch_value(session, "select current_database()::text", WHAT).await?;
    Ok(SourceIdentity::Table { system_identifier, place: database.place(), database: name, table: table.to_string() })
}
