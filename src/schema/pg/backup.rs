//! Backs up the managed tables, and reads the backup in full before it counts.
//!
//! One snapshot serves all: the rows are counted and summed up in the transaction that exports it, and pg_dump works in
//! it. Its archive is then read by pg_restore, row by row, and compared with that. Only then the files get their names.

use std::collections::BTreeSet;
use std::path::Path;

use sha2::{Digest, Sha256};
use sqlx::AssertSqlSafe;
use tokio::sync::oneshot;

use crate::base::escape;
use crate::base::file::{FileError, PendingFile};
use crate::base::quote::quote_identifier;
use crate::base::text::hex;
use crate::base::version::major;
use crate::config::environment::Environment;
use crate::config::settings::{Roles, TableName};
use crate::ledger::history::applied;
use crate::ledger::permission::Need;
use crate::ledger::pg::admission::{
    RefusedError, SessionError, check_environment, check_permitted, from_session_error,
};
use crate::ledger::pg::history::read_history;
use crate::ledger::pg::permission::current_role;
use crate::ledger::tables::MANAGED_TABLES;
use crate::postgres::archive::{DumpError, Output, ProgramError, Tools};
use crate::postgres::connect_error::ConnectError;
use crate::postgres::database::{Access, Database};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::{fetch_value, run, server_facts};
use crate::postgres::transaction::{Limits, begin_read_only, savepoint};
use crate::schema::backup::{
    BackedUp, CatalogObject, Contents, FORMAT, Manifest, Reference, TOOL, TableRows, kept, manifest_path, normalised,
};
use crate::schema::names::APPLICATION_SCHEMA;
use crate::schema::pg::archive::{refusal, scan};
use crate::schema::pg::introspect;
use crate::schema::pg::relations::elsewhere;
use crate::schema::pg::requisites::requisites;
use crate::schema::pg::rows::{Stored, measure};

/// How long a table may be locked by another session before the backup gives up.
const LOCK_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The session with the database ended.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A program is missing, or failed.
    #[error("there is no backup: {0}{more}", more = to_do(.0))]
    Program(#[from] ProgramError),
    /// The file could not be written.
    #[error("there is no backup: {0}")]
    File(#[from] FileError),
    /// It doesn't hold what the database holds.
    #[error("there is no backup: what pg_dump wrote was read back, and {0}; nothing was kept, so run this again")]
    Incomplete(String),
}

/// What pg_dump's own words don't say.
fn to_do(error: &ProgramError) -> &'static str {
    match error {
        ProgramError::Failed { .. } => "; nothing was kept: correct the cause and run this again",
        ProgramError::Missing { .. } | ProgramError::Unreadable { .. } => "",
    }
}

from_session_error!(BackupError: ConnectError, RefusedError, QueryError);

impl From<DumpError> for BackupError {
    fn from(error: DumpError) -> Self {
        match error {
            DumpError::Connect(error) => error.into(),
            DumpError::Program(error) => error.into(),
        }
    }
}

/// What to back up.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct BackupRequest<'a> {
    pub database: &'a Database,
    pub environment: Environment,
    /// The roles of padealing.
    pub roles: &'a Roles,
    /// Where the legacy table is: managed tables beside it, and in `public`, are backed up if padealing lacks them.
    pub legacy: Option<&'a TableName>,
}

/// The files of a backup, which have their names only when all of it is good.
#[derive(Debug)]
pub struct BackupFiles {
    archive: PendingFile,
    /// None if the archive goes to a device or a pipe: there is no place beside it.
    manifest: Option<PendingFile>,
}

impl BackupFiles {
    /// Starts the files. Called before the work, so that what can't be written is known early.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        let archive = PendingFile::create(path)?.private();
        let manifest = (!archive.is_stream())
            .then(|| PendingFile::create(&manifest_path(path)))
            .transpose()?
            .map(PendingFile::private);
        Ok(Self { archive, manifest })
    }

    /// The archive.
    pub(crate) fn archive(&self) -> &PendingFile {
        &self.archive
    }

    /// Whether a manifest is kept beside it.
    pub(crate) fn has_manifest(&self) -> bool {
        self.manifest.is_some()
    }
}

/// What is backed up.
pub(crate) struct Selection {
    /// The tables that hold rows.
    pub(crate) stored: Vec<Stored>,
    /// These, the tables that have partitions only, and the sequences of all.
    relations: BTreeSet<(String, String)>,
    sequences: Vec<(String, String)>,
    left_out: Vec<String>,
    /// Sequences that columns of these own.
    left_out_sequences: Vec<String>,
}

impl Selection {
    /// Whether all of it is in the application schema, so that what else is in there is backed up, too.
    fn is_whole_schema(&self) -> bool {
        self.relations.iter().all(|(schema, _)| schema == APPLICATION_SCHEMA)
    }

    /// The schemas that it is in.
    fn schemas(&self) -> Vec<String> {
        let mut schemas: BTreeSet<String> = self.relations.iter().map(|(schema, _)| schema.clone()).collect();
        schemas.insert(APPLICATION_SCHEMA.to_owned());
        schemas.into_iter().collect()
    }

    /// As options of pg_dump. A name in double quotes is no pattern.
    fn options(&self) -> Vec<String> {
        let quoted = |schema: &str, name: &str| format!("{}.{}", quote_identifier(schema), quote_identifier(name));
        if !self.is_whole_schema() {
            return self.relations.iter().map(|(schema, name)| format!("--table={}", quoted(schema, name))).collect();
        }
        let excluded = self.left_out.iter().chain(&self.left_out_sequences);
        let excluded = excluded.map(|it| format!("--exclude-table={}", quoted(APPLICATION_SCHEMA, it)));
        [format!("--schema={}", quote_identifier(APPLICATION_SCHEMA))].into_iter().chain(excluded).collect()
    }

    /// What a role needs to read it.
    fn needs(&self, role: &str) -> Vec<Need> {
        let schemas = self.schemas().into_iter().map(|it| Need::schema(role, &it, "USAGE"));
        let tables = self.stored.iter().flat_map(|it| {
            [Need::table(role, &it.schema, &it.table, "SELECT"), Need::rows(role, &it.schema, &it.table)]
        });
        let sequences = self.sequences.iter().map(|(schema, name)| Need::sequence(role, schema, name, "SELECT"));
        schemas.chain(tables).chain(sequences).collect()
    }
}

/// Backs up; none if there is nothing to back up yet.
pub async fn backup(request: &BackupRequest<'_>, files: BackupFiles) -> Result<Option<BackedUp>, BackupError> {
    let mut session = request.database.connect(Access::Read, "backup").await?;
    // It is large, and a part of several commands.
    let result = Box::pin(backup_in(&mut session, request, files)).await;
    let _ = session.close().await;
    result
}

async fn backup_in(
    session: &mut Session,
    request: &BackupRequest<'_>,
    mut files: BackupFiles,
) -> Result<Option<BackedUp>, BackupError> {
    let BackupRequest { database, environment, .. } = *request;
    begin_read_only(session, Limits { lock: Some(LOCK_TIMEOUT), statement: None }).await?;
    // A large table takes its time; the watch ends a wait for a server that has gone silent.
    run(session, "set local statement_timeout = 0", "setting up the transaction").await?;
    database.phase("reading the catalog");
    check_environment(session, database, environment).await?;
    let selection = select(session, request.legacy).await?;
    if selection.stored.is_empty() {
        return Ok(None);
    }
    let role = current_role(session).await?;
    check_permitted(session, database, &selection.needs(&role), "back up padealing").await?;
    let server_version = server_facts(session).await?.version;
    let tools = Tools::find(major(&server_version), &format!("the server {server_version}")).await?;
    lock(session, &selection).await?;
    let mut manifest = describe(session, request, &selection, server_version, &tools).await?;

    database.phase("writing the backup");
    let snapshot: String = fetch_value(session, "select pg_export_snapshot()", "exporting the snapshot").await?;
    let mut options = selection.options();
    options.push(format!("--snapshot={snapshot}"));
    // Its session's own, so that it can be ended.
    let name = format!("pad-migrate backup {}", session.process().unwrap_or_default());
    let dump = session.while_waiting(tools.dump(database, &name, &options)).await??;
    let (done, ended) = oneshot::channel();
    let writing = async {
        let written = write(dump, &mut files.archive).await?;
        let _ = done.send(());
        Ok::<_, BackupError>(written)
    };
    let counting = async {
        let mut tables = Vec::new();
        for it in &selection.stored {
            tables.push(measure(session, it).await?);
        }
        // The snapshot is there as long as the transaction.
        let _ = session.while_waiting(ended).await?;
        Ok(tables)
    };
    let ((bytes, sha256), tables) = match tokio::try_join!(writing, counting) {
        Ok(done) => done,
        Err(error) => {
            end_dump(database, &name).await;
            return Err(error);
        }
    };
    run(session, "rollback", "ending the transaction").await?;
    (manifest.bytes, manifest.sha256, manifest.tables) = (bytes, sha256, tables);

    database.phase("reading the backup back");
    let path = files.archive.pending_path();
    let contents = session.while_waiting(scan(&tools, &path, &manifest.references)).await??;
    if let Some(wrong) = manifest.missing_from(&contents) {
        return Err(BackupError::Incomplete(wrong));
    }
    if let Some((_, sequence)) = selection.sequences.iter().find(|it| !contents.sets(it)) {
        return Err(BackupError::Incomplete(format!("the sequence {sequence} is not in it")));
    }
    manifest.sequences = contents.sequences;
    let refusal = match manifest.whole_schema {
        true => session.while_waiting(refusal(&tools, &path)).await??,
        false => None,
    };
    keep(files, &manifest).await?;
    Ok(Some(BackedUp { manifest, programs: (tools.version().to_owned(), tools.folder().to_owned()), refusal }))
}

/// Ends the session of pg_dump, which the server would keep as long as it doesn't hear that nobody is there any more.
async fn end_dump(database: &Database, name: &str) {
    let end = async {
        let Ok(mut connection) = database.dial("backup").await else { return };
        let sql = "select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity \
                   where application_name = $1 and datname = current_database() and usename = current_user";
        let _ = sqlx::query(sql).bind(name).execute(&mut connection).await;
        let _ = sqlx::Connection::close(connection).await;
    };
    let _ = tokio::time::timeout(database.patience.asking, end).await;
}

/// The tables whose rows are no longer those of a backup, with what they hold now: a table that is gone holds none.
pub async fn changed_since(request: &BackupRequest<'_>, manifest: &Manifest) -> Result<Vec<TableRows>, BackupError> {
    let mut session = request.database.connect(Access::Read, "backup").await?;
    let work = async {
        begin_read_only(&mut session, Limits { lock: Some(LOCK_TIMEOUT), statement: None }).await?;
        run(&mut session, "set local statement_timeout = 0", "setting up the transaction").await?;
        check_environment(&mut session, request.database, request.environment).await?;
        let selection = select(&mut session, request.legacy).await?;
        let role = current_role(&mut session).await?;
        check_permitted(&mut session, request.database, &selection.needs(&role), "read padealing").await?;
        let mut now = Vec::new();
        for it in &selection.stored {
            now.push(measure(&mut session, it).await?);
        }
        Ok(manifest.changed(now))
    };
    let changed = work.await;
    let _ = session.close().await;
    changed
}

/// Writes what pg_dump prints; how many bytes it was, and their SHA-256.
async fn write(mut dump: Output, file: &mut PendingFile) -> Result<(u64, String), BackupError> {
    let (mut bytes, mut hash) = (0, Sha256::new());
    while let Some(read) = dump.bytes().await? {
        file.write_bytes(&read)?;
        hash.update(&read);
        bytes += read.len() as u64;
    }
    dump.end().await?;
    file.sync()?;
    Ok((bytes, hex(&hash.finalize())))
}

/// Gives the files their names: the archive's last, so that what has its name is complete.
async fn keep(files: BackupFiles, manifest: &Manifest) -> Result<(), BackupError> {
    let text = serde_json::to_string_pretty(manifest).map(|it| format!("{}\n", escape::json(&it)));
    let BackupFiles { archive, manifest: file } = files;
    let kept = tokio::task::spawn_blocking(move || {
        if let (Some(mut file), Ok(text)) = (file, text) {
            file.write_bytes(text.as_bytes())?;
            file.sync()?;
            file.finish()?;
        }
        archive.finish()
    });
    match kept.await {
        Ok(kept) => Ok(kept?),
        Err(error) => Err(BackupError::Incomplete(error.to_string())),
    }
}

/// The managed tables, wherever they are, with their partitions and sequences.
pub(crate) async fn select(session: &mut Session, legacy: Option<&TableName>) -> Result<Selection, QueryError> {
    const WHAT: &str = "looking for managed tables";
    let others = elsewhere(session, legacy).await?;
    let others = others.iter().flat_map(|(schema, tables)| tables.iter().map(move |table| (schema, table)));
    let (schemas, tables): (Vec<&String>, Vec<&String>) = others.unzip();
    // Columns in the order of their names; of a sequence none.
    let sql = "with recursive managed (oid) as ( \
             select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace \
             where n.nspname = 'padealing' and c.relname = any($1) and c.relkind in ('r', 'p') \
             union select c.oid from unnest($2::text[], $3::text[]) e (schema, name) \
             join pg_namespace n on n.nspname = e.schema join pg_class c on c.relnamespace = n.oid and c.relname = e.name \
             where not exists (select from pg_class m join pg_namespace p on p.oid = m.relnamespace \
                               where p.nspname = 'padealing' and m.relname = e.name and m.relkind in ('r', 'p')) \
             union select i.inhrelid from managed o join pg_inherits i on i.inhparent = o.oid \
             join pg_class c on c.oid = i.inhrelid and c.relkind in ('r', 'p')), \
         owned (sequence, managed) as ( \
             select d.objid, bool_or(d.refobjid in (select oid from managed)) from pg_depend d \
             join pg_class q on q.oid = d.objid and q.relkind = 'S' \
             where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i') \
             group by 1), \
         used (sequence) as ( \
             select d.refobjid from pg_depend d join pg_attrdef a on a.oid = d.objid \
             join pg_class t on t.oid = a.adrelid join pg_class q on q.oid = d.refobjid and q.relnamespace = t.relnamespace \
             where d.classid = 'pg_attrdef'::regclass and d.refclassid = 'pg_class'::regclass \
               and a.adrelid in (select oid from managed)) \
         select n.nspname::text, c.relname::text, c.relkind::text, \
             c.oid in (select oid from managed) or coalesce(w.managed, c.oid in (select sequence from used)), \
             c.relkind = 'S' and w.sequence is not null, \
             array(select attname::text from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped \
                   and c.relkind <> 'S' order by attname::text collate \"C\") \
         from pg_class c join pg_namespace n on n.oid = c.relnamespace left join owned w on w.sequence = c.oid \
         where (n.nspname = 'padealing' or c.oid in (select oid from managed) or w.managed \
                or c.oid in (select sequence from used)) \
           and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') \
           and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid \
                           and deptype = 'e') \
         order by 1, 2";
    let rows: Vec<(String, String, String, bool, bool, Vec<String>)> =
        sqlx::query_as(sql).bind(MANAGED_TABLES).bind(schemas).bind(tables).fetch_all(session).await.attempt(WHAT)?;
    let mut selection = Selection {
        stored: Vec::new(),
        relations: BTreeSet::new(),
        sequences: Vec::new(),
        left_out: Vec::new(),
        left_out_sequences: Vec::new(),
    };
    for (schema, name, kind, is_managed, is_owned, columns) in rows {
        match (is_managed, is_owned) {
            // It goes with its table, which is named.
            (false, true) => selection.left_out_sequences.push(name),
            (false, false) => selection.left_out.push(name),
            (true, _) => {
                selection.relations.insert((schema.clone(), name.clone()));
                match kind.as_str() {
                    "S" => selection.sequences.push((schema, name)),
                    "r" => selection.stored.push(Stored { schema, table: name, columns }),
                    _ => {}
                }
            }
        }
    }
    Ok(selection)
}

/// Keeps the tables as they are until the end of the transaction. Others may go on writing.
async fn lock(session: &mut Session, selection: &Selection) -> Result<(), QueryError> {
    let tables = selection.stored.iter();
    let tables = tables.map(|it| format!("{}.{}", quote_identifier(&it.schema), quote_identifier(&it.table)));
    let sql = format!("lock table only {} in access share mode", tables.collect::<Vec<_>>().join(", only "));
    run(session, &sql, "locking the tables against changes of their columns").await
}

/// Where the write-ahead log is. Amazon Aurora and AlloyDB have an error for it, as their users report, unless wal_level is
/// logical; nothing but a word in the manifest depends on it.
async fn wal_position(session: &mut Session) -> Result<String, QueryError> {
    const POSITION: &str =
        "select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end::text";
    let asked = savepoint(session, async |session| {
        fetch_value::<Option<String>>(session, POSITION, "asking the server for the position of its log").await
    });
    match asked.await? {
        Err(error) if error.is_lost() => Err(error),
        answer => Ok(answer.ok().flatten().unwrap_or_else(|| "0/0".to_owned())),
    }
}

/// All of the manifest that the database knows before pg_dump runs, but the rows.
async fn describe(
    session: &mut Session,
    request: &BackupRequest<'_>,
    selection: &Selection,
    server_version: String,
    tools: &Tools,
) -> Result<Manifest, QueryError> {
    let whole_schema = selection.is_whole_schema();
    let history = match selection.relations.contains(&(APPLICATION_SCHEMA.to_owned(), "schema_revision".to_owned())) {
        true => read_history(session).await?,
        false => Vec::new(),
    };
    let found = introspect::read(session, &selection.schemas()).await?;
    let catalog = normalised(kept(found.catalog, &selection.relations, whole_schema), request.roles);
    const TIME: &str = "select to_char(transaction_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')";
    let taken_at: String = fetch_value(session, TIME, "asking the server for the time").await?;
    let wal_position = wal_position(session).await?;
    Ok(Manifest {
        tool: TOOL.to_owned(),
        command: "manifest".to_owned(),
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        taken_at,
        environment: request.environment.to_string(),
        place: request.database.place(),
        server_version,
        wal_position,
        pg_dump_version: tools.version().to_owned(),
        revision: applied(&history).keys().next_back().cloned(),
        bytes: 0,
        sha256: String::new(),
        whole_schema,
        tables: Vec::new(),
        sequences: Vec::new(),
        references: references(session, selection).await?,
        requisites: match whole_schema {
            true => requisites(session, &[&selection.left_out[..], &selection.left_out_sequences].concat()).await?,
            false => Vec::new(),
        },
        left_out: selection.left_out.clone(),
        catalog: catalog.objects.into_iter().map(|(id, properties)| CatalogObject { id, properties }).collect(),
    })
}

/// Foreign keys of what is backed up to what isn't.
async fn references(session: &mut Session, selection: &Selection) -> Result<Vec<Reference>, QueryError> {
    type Row = (String, String, String, Vec<String>, String, String, Vec<String>, bool);
    let columns = |of: &str, numbers: &str| {
        format!(
            "array(select a.attname::text from unnest(k.{numbers}) with ordinality u (number, at) \
             join pg_attribute a on a.attrelid = k.{of} and a.attnum = u.number order by u.at)"
        )
    };
    let sql = format!(
        "select k.conname::text, n.nspname::text, c.relname::text, {}, rn.nspname::text, r.relname::text, {}, \
                k.convalidated \
         from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace \
         join pg_class r on r.oid = k.confrelid join pg_namespace rn on rn.oid = r.relnamespace \
         where k.contype = 'f' and (n.nspname, c.relname) in (select * from unnest($1::text[], $2::text[])) \
           and (rn.nspname, r.relname) not in (select * from unnest($1::text[], $2::text[])) \
         order by 2, 3, 1",
        columns("conrelid", "conkey"),
        columns("confrelid", "confkey")
    );
    let (schemas, names): (Vec<&String>, Vec<&String>) = selection.relations.iter().map(|(s, n)| (s, n)).unzip();
    let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(schemas)
        .bind(names)
        .fetch_all(session)
        .await
        .attempt("looking for foreign keys")?;
    let reference = |(name, schema, table, columns, to_schema, to_table, to_columns, is_validated): Row| Reference {
        name,
        schema,
        table,
        columns,
        to_schema,
        to_table,
        to_columns,
        is_validated,
    };
    Ok(rows.into_iter().map(reference).collect())
}

impl Contents {
    fn sets(&self, (schema, name): &(String, String)) -> bool {
        self.sequences.iter().any(|it| it.schema == *schema && it.sequence == *name)
    }
}
