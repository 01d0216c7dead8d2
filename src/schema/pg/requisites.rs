//! What a backup depends on and doesn't hold: found when it is taken, looked for before it is restored. Reads only.

use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::transaction::savepoint;
use crate::schema::backup::Requisite;

/// What the objects of padealing depend on outside of them, without these relations of padealing.
pub(crate) async fn requisites(session: &mut Session, left_out: &[String]) -> Result<Vec<Requisite>, QueryError> {
    type Row = (String, String, String, String, String, Vec<String>, Vec<String>, Option<String>, Option<String>);
    let rows: Vec<Row> = sqlx::query_as(include_str!("requisites/needed.sql"))
        .bind(left_out)
        .fetch_all(session)
        .await
        .attempt("looking for what padealing depends on")?;
    let requisite = |(kind, schema, name, by, address, names, arguments, extension, definition): Row| Requisite {
        kind,
        schema,
        name,
        by,
        address,
        names,
        arguments,
        extension,
        definition,
    };
    Ok(rows.into_iter().map(requisite).collect())
}

/// Those that a database lacks.
pub(crate) async fn lacking<'a>(
    session: &mut Session,
    wanted: &'a [Requisite],
) -> Result<Vec<&'a Requisite>, QueryError> {
    let mut lacking = Vec::new();
    for it in wanted {
        // What isn't there is an error of the server's.
        let found = savepoint(session, async |session| -> Result<bool, QueryError> {
            // Something else may bear the name of what an extension has.
            let sql = "select $4::text is null or exists (select from pg_depend e join pg_extension x on x.oid = e.refobjid \
                           where e.classid = a.classid and e.objid = a.objid and e.deptype = 'e' and x.extname = $4) \
                       from pg_get_object_address($1, $2, $3) a";
            let of = it.extension.as_ref().filter(|_| it.kind != "extension");
            let query = sqlx::query_scalar(sql).bind(&it.address).bind(&it.names).bind(&it.arguments).bind(of);
            query.fetch_one(session).await.attempt("looking for what the backup depends on")
        });
        match found.await? {
            Ok(true) => {}
            Ok(false) => lacking.push(it),
            Err(error) if error.sqlstate().is_some() => lacking.push(it),
            Err(error) => return Err(error),
        }
    }
    Ok(lacking)
}
