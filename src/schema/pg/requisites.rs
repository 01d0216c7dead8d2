//! What a backup depends on and doesn't hold: found when it is taken, looked for before it is restored. Reads only.

use sqlx::postgres::types::Oid;

use crate::base::version::major;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::server_facts;
use crate::postgres::transaction::savepoint;
use crate::schema::drift::spelling::Normalizer;
use crate::schema::requisite::{Lacking, Requisite, fits};

/// What the objects of padealing depend on outside of them, without these relations of padealing.
pub(crate) async fn requisites(session: &mut Session, left_out: &[String]) -> Result<Vec<Requisite>, QueryError> {
    type Row =
        (String, String, String, String, String, Vec<String>, Vec<String>, Option<String>, Oid, Oid, Option<String>);
    let rows: Vec<Row> = sqlx::query_as(include_str!("requisites/needed.sql"))
        .bind(left_out)
        .fetch_all(&mut *session)
        .await
        .attempt("looking for what padealing depends on")?;
    let mut requisites = Vec::new();
    for (kind, schema, name, by, address, names, arguments, extension, class, object, definition) in rows {
        let mut it =
            Requisite { kind, schema, name, by, address, names, arguments, extension, definition, shape: Vec::new() };
        // What an extension has is as its version has it.
        if it.extension.is_none() {
            it.shape = shape(session, class, object).await?;
        }
        requisites.push(it);
    }
    Ok(requisites)
}

async fn shape(session: &mut Session, class: Oid, object: Oid) -> Result<Vec<String>, QueryError> {
    let query = sqlx::query_scalar(include_str!("requisites/shape.sql")).bind(class).bind(object);
    query.fetch_one(session).await.attempt("asking what padealing depends on")
}

/// Those that a database lacks, or has otherwise. Roles, which an earlier version has recorded, are in the catalog.
pub(crate) async fn lacking<'a>(
    session: &mut Session,
    wanted: &'a [Requisite],
    of_version: &str,
) -> Result<Vec<Lacking<'a>>, QueryError> {
    let here = server_facts(session).await?.version;
    let normalizer = Normalizer { before_14: (major(of_version) < 14) != (major(&here) < 14), ..Normalizer::default() };
    let mut lacking = Vec::new();
    for it in wanted.iter().filter(|it| it.kind != "role") {
        // What isn't there is an error of the server's.
        let found = savepoint(session, async |session: &mut Session| -> Result<(bool, Vec<String>), QueryError> {
            // Something else may bear the name of what an extension has.
            let sql = "select a.classid, a.objid, \
                              $4::text is null or exists (select from pg_depend e join pg_extension x on x.oid = e.refobjid \
                                  where e.classid = a.classid and e.objid = a.objid and e.deptype = 'e' and x.extname = $4) \
                       from pg_get_object_address($1, $2, $3) a";
            let of = it.extension.as_ref().filter(|_| it.kind != "extension");
            let query = sqlx::query_as(sql).bind(&it.address).bind(&it.names).bind(&it.arguments).bind(of);
            let found: Result<(Oid, Oid, bool), _> = query.fetch_one(&mut *session).await;
            let (class, object, is_of) = found.attempt("looking for what the backup depends on")?;
            Ok((is_of, if it.shape.is_empty() { Vec::new() } else { shape(session, class, object).await? }))
        });
        match found.await? {
            Ok((true, found)) if it.shape.is_empty() || fits(&it.shape, &found, &normalizer) => {}
            Ok((true, found)) => lacking.push(Lacking { requisite: it, found: Some(found) }),
            Ok((false, _)) => lacking.push(Lacking { requisite: it, found: None }),
            Err(error) if error.sqlstate().is_some() => lacking.push(Lacking { requisite: it, found: None }),
            Err(error) => return Err(error),
        }
    }
    Ok(lacking)
}
