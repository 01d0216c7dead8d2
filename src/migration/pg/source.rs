//! The legacy table as it really is: its columns and types, and how a page of it is selected.

use std::ops::Range;
use std::sync::Arc;

use sqlx::postgres::PgRow;
use sqlx::{Row, ValueRef};

use crate::base::quote::{quote_identifier, quote_literal};
use crate::config::settings::TableName;
use crate::migration::ids::OddIds;
use crate::migration::legacy::{Field, Kind, LegacyColumn, Places};
use crate::migration::pg::ids::LegacyId;
use crate::migration::proof::facts::{Column, Place};
use crate::migration::text::LARGE;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::{run, server_facts};

pub(crate) mod rows;

/// Why the legacy table can't be migrated, found before the first row.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// There is no such table, or the role may not see it.
    #[error(
        "the table {table} doesn't exist at {place}, or its schema isn't visible to this role; correct LEGACY_TABLE, \
         or grant USAGE on the schema"
    )]
    NoTable {
        table: TableName,
        /// Host, port, database and role.
        place: String,
    },
    /// Columns that the mapping needs are missing.
    #[error("{table} lacks the columns {columns}; correct LEGACY_TABLE, or add the columns")]
    MissingColumns { table: TableName, columns: String },
    /// They are there under names that need quotation marks, as ora2pg makes them.
    #[error(
        "{table} has its columns in upper case ({columns}); rename them, or name a view in LEGACY_TABLE that gives \
         them their names in lower case"
    )]
    OtherCase { table: TableName, columns: String },
    /// A column's type has no value that could be read.
    #[error(
        "{table}.{column} has the type {found}, whose values can't be read as {wanted}; change the column's type, or \
         name a view that casts it in LEGACY_TABLE"
    )]
    Type {
        table: TableName,
        column: &'static str,
        found: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// Moments need a time zone to become what a clock showed.
    #[error(
        "{table} has columns of the type timestamptz: {columns}; name the time zone in which the application showed \
         them with --source-timezone, such as {example}"
    )]
    NoTimeZone {
        table: TableName,
        columns: String,
        /// A zone that the database or a role is set to, or any.
        example: String,
    },
    /// The server doesn't know the time zone.
    #[error(
        "--source-timezone is {zone}, which the server at {place} doesn't know; name one of pg_timezone_names, such as \
         Europe/London"
    )]
    UnknownTimeZone {
        zone: String,
        /// Host, port, database and role.
        place: String,
    },
    /// Rows were migrated in another time zone.
    #[error(
        "--source-timezone is {zone}, but rows were migrated with {recorded}; use {recorded}, which is the default \
         from now on"
    )]
    OtherTimeZone { zone: String, recorded: String },
    /// A statement failed.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// A column of the source, and where its text goes.
#[derive(Clone, Debug)]
struct SourceColumn {
    name: Arc<str>,
    known: Option<LegacyColumn>,
    /// SQL that is true where the text is too long to be read whole; none for a type that is never long.
    is_large: Option<String>,
    /// Whether it is a known timestamp of the type timestamptz.
    is_moment: bool,
    /// As PostgreSQL prints it, and `typname` of it or of a domain's base.
    types: (Arc<str>, Arc<str>),
}

/// The legacy table, described.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) table: TableName,
    pub(crate) qualified: String,
    id: LegacyId,
    /// The rows whose ids don't identify them. They are in no page.
    pub(crate) odd_ids: OddIds,
    columns: Vec<SourceColumn>,
    /// Where they go in a row.
    places: Places,
    /// Positions of the columns that have a companion in the select list for large texts.
    companions: Vec<usize>,
    /// Positions of the columns that have what a clock showed in the select list, when [`Self::zone`] is known.
    moments: Vec<usize>,
    /// The time zone in which moments are read.
    pub(crate) zone: Option<String>,
    /// Known columns of the type char(n).
    padded: Option<Arc<[LegacyColumn]>>,
    /// Whether a text may be bytes that are no text.
    raw_bytes: bool,
    /// Whether the server converts each text from the database's encoding, which fails for undefined bytes.
    pub(crate) converts: bool,
    /// Whether the server computes values, which may fail: those of a view, of a generated column that isn't stored, or of
    /// another server's table.
    pub(crate) computes: bool,
}

/// What a column of this kind is called in messages.
fn wanted(kind: Kind) -> &'static str {
    match kind {
        Kind::Identifier | Kind::Number => "a number",
        Kind::Timestamp => "a timestamp",
        Kind::YesNo | Kind::Code | Kind::Text => "text",
    }
}

/// Whether some value of a type prints a text that can be read as the kind (D5); by category (documentation, pg_type).
fn readable(kind: Kind, category: &str, type_name: &str) -> bool {
    let odd = ["bytea", "money", "uuid", "json", "jsonb", "xml"].contains(&type_name);
    match kind {
        Kind::YesNo | Kind::Code | Kind::Text => true,
        Kind::Identifier | Kind::Number => {
            !["A", "B", "C", "D", "G", "I", "R", "T"].contains(&category)
                && (!odd || ["json", "jsonb", "xml"].contains(&type_name))
        }
        Kind::Timestamp => {
            !["A", "B", "C", "G", "I", "N", "R", "T", "V"].contains(&category)
                && !odd
                && !["time", "timetz"].contains(&type_name)
        }
    }
}

/// A column as the catalog has it.
struct FoundColumn {
    name: String,
    /// As Postgres prints it.
    shown_type: String,
    type_name: String,
    category: String,
    length: i16,
    modifier: i32,
}

/// The name in SQL.
fn qualified(table: &TableName) -> String {
    format!("{}.{}", quote_identifier(&table.schema), quote_identifier(&table.name))
}

/// Checks that the table has the columns that the mapping needs, of types that can be read; doctor checks the same. How
/// the ids are read.
pub(crate) async fn check_columns(
    connection: &mut Session,
    table: &TableName,
    place: &str,
) -> Result<LegacyId, SourceError> {
    let found = find_columns(connection, table, place).await?;
    Ok(legacy_id(connection, table, &found).await?)
}

async fn legacy_id(connection: &mut Session, table: &TableName, found: &[FoundColumn]) -> Result<LegacyId, QueryError> {
    let id = found.iter().find(|it| it.name == LegacyColumn::Id.name());
    Ok(LegacyId::new(id.map_or("", |it| &it.type_name), has_unique_id(connection, table).await?))
}

/// Whether a unique key on the id makes it sure, without looking at rows, that ids identify rows.
pub(crate) async fn has_unique_id(connection: &mut Session, table: &TableName) -> Result<bool, QueryError> {
    sqlx::query_scalar(
        "select exists (select from pg_index i join pg_attribute a on a.attrelid = i.indrelid \
                        and a.attnum = i.indkey[0] \
         where i.indrelid = to_regclass($1) and i.indnkeyatts = 1 and i.indisunique and i.indisvalid \
           and i.indimmediate and i.indpred is null and a.attname = 'id' and a.attnotnull \
           and not exists (select from pg_inherits h join pg_class p on p.oid = h.inhparent \
                           where p.oid = i.indrelid and p.relkind = 'r'))",
    )
    .bind(qualified(table))
    .fetch_one(connection)
    .await
    .attempt("looking for a unique key on the id")
}

/// The table's columns, if it can be migrated from as far as they show.
async fn find_columns(
    connection: &mut Session,
    table: &TableName,
    place: &str,
) -> Result<Vec<FoundColumn>, SourceError> {
    // A domain is what its base type is; domains over domains are rare enough to be taken for their base too.
    let rows: Vec<(String, String, String, String, i16, i32)> = sqlx::query_as(
        "select a.attname::text, format_type(a.atttypid, a.atttypmod), \
                    b.typname::text, b.typcategory::text, b.typlen, \
                    case when t.typtype = 'd' then t.typtypmod else a.atttypmod end \
             from pg_attribute a \
             join pg_type t on t.oid = a.atttypid \
             join pg_type b on b.oid = coalesce(nullif(t.typbasetype, 0), t.oid) \
             where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped order by a.attnum",
    )
    .bind(qualified(table))
    .fetch_all(connection)
    .await
    .attempt("reading the columns of the legacy table")?;
    let column = |(name, shown_type, type_name, category, length, modifier)| FoundColumn {
        name,
        shown_type,
        type_name,
        category,
        length,
        modifier,
    };
    let columns: Vec<FoundColumn> = rows.into_iter().map(column).collect();
    if columns.is_empty() {
        return Err(SourceError::NoTable { table: table.clone(), place: place.to_owned() });
    }
    let missing = LegacyColumn::ALL.iter().map(|column| column.name());
    let missing: Vec<&str> = missing.filter(|name| !columns.iter().any(|it| it.name == *name)).collect();
    let other_case = |name: &&str| columns.iter().find(|it| it.name.eq_ignore_ascii_case(name));
    let spelt: Vec<&str> = missing.iter().filter_map(other_case).map(|it| it.name.as_str()).collect();
    if !spelt.is_empty() {
        return Err(SourceError::OtherCase { table: table.clone(), columns: spelt.join(", ") });
    }
    if !missing.is_empty() {
        return Err(SourceError::MissingColumns { table: table.clone(), columns: missing.join(", ") });
    }
    for it in &columns {
        if let Some(column) = LegacyColumn::from_name(&it.name)
            && !readable(column.kind(), &it.category, &it.type_name)
        {
            let (table, wanted, found) = (table.clone(), wanted(column.kind()), it.shown_type.clone());
            return Err(SourceError::Type { table, column: column.name(), found, wanted });
        }
    }
    Ok(columns)
}

impl Source {
    /// Reads the table's columns, and finds the rows that their ids don't identify.
    pub(crate) async fn describe(
        connection: &mut Session,
        table: &TableName,
        place: &str,
    ) -> Result<Self, SourceError> {
        let found = find_columns(connection, table, place).await?;
        let qualified = qualified(table);
        // Nothing can be computed of a text that may not be one: then every value is read whole.
        let encoding = server_facts(connection).await?.encoding;
        let raw_bytes = encoding == "SQL_ASCII";
        let id = legacy_id(connection, table, &found).await?;
        let odd_ids = id.find_odd(connection, table).await?;
        let (mut columns, mut padded) = (Vec::new(), Vec::new());
        for FoundColumn { name, shown_type, type_name, category, length, modifier } in found {
            let types = (shown_type.into(), type_name.as_str().into());
            let known = LegacyColumn::from_name(&name);
            let quoted = quote_identifier(&name);
            if known == Some(LegacyColumn::Id) {
                columns.push(SourceColumn { name: name.into(), known, is_large: None, is_moment: false, types });
                continue;
            }
            padded.extend(known.filter(|_| type_name == "bpchar"));
            // A varchar(n) holds 4 bytes a character at most.
            let limited = category == "S" && modifier > 4 && (modifier as usize - 4) * 4 <= LARGE;
            // A char(n) is padded, which a cast to text would hide; it has 10 million characters at most.
            let whole = raw_bytes || limited || type_name == "bpchar" || length != -1;
            let is_large = (!whole).then(|| match (category.as_str(), type_name.as_str()) {
                // Known without reading the value.
                ("S", "text" | "varchar") => format!("octet_length({quoted}) > {LARGE}"),
                (_, "bytea") => format!("octet_length({quoted}) > {}", (LARGE - 2) / 2),
                // Compression gains a factor of 90 at most (pglz), so a value of 2 kB on disk can't be a large text.
                _ => format!("(pg_column_size({quoted}) > 2000 and octet_length({quoted}::text) > {LARGE})"),
            });
            let is_timestamp = known.is_some_and(|it| it.kind() == Kind::Timestamp);
            let is_moment = is_timestamp && type_name == "timestamptz";
            columns.push(SourceColumn { name: name.into(), known, is_large, is_moment, types });
        }
        if raw_bytes {
            ask_for_bytes(connection).await?;
        }
        let (companions, moments) = (companions(&columns), moments(&columns));
        let places = places(&columns);
        let padded = (!padded.is_empty()).then(|| padded.into());
        let converts = !raw_bytes && encoding != "UTF8";
        let computes = computes(connection, &qualified).await?;
        let zone = None;
        let table = table.clone();
        Ok(Self {
            table,
            qualified,
            id,
            odd_ids,
            columns,
            places,
            companions,
            moments,
            zone,
            padded,
            raw_bytes,
            converts,
            computes,
        })
    }

    /// Sets up another session that reads the table, in its transaction.
    pub(crate) async fn set_up(&self, session: &mut Session) -> Result<(), QueryError> {
        if self.raw_bytes { ask_for_bytes(session).await } else { Ok(()) }
    }

    /// How many rows there are, and the largest id but the last that a bigint holds, which is rejected.
    pub(crate) async fn extent(&self, connection: &mut Session) -> Result<(i64, Option<i64>), QueryError> {
        let (id, usable, table) = (&self.id.sql, self.id.condition(), &self.qualified);
        let sql = format!(
            "select (select count(*) from {table}), \
                    (select max({id})::int8 from {table} l where {usable} and {id} < {})",
            i64::MAX
        );
        sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_one(connection).await.attempt("counting the legacy rows")
    }

    /// The select of one page in id order: the id as a bigint, every column, and for each column that may be large a
    /// companion, `octets sha256 head`, which is null unless the text was left out.
    pub(crate) fn page(&self, after: Option<i64>, limit: usize) -> String {
        format!("{} limit {limit}", self.rows(after))
    }

    fn list(&self) -> String {
        let mut list = vec![format!("{}::int8", self.id.sql)];
        for column in &self.columns {
            let quoted = quote_identifier(&column.name);
            list.push(match &column.is_large {
                None => quoted,
                Some(is_large) => format!("case when {is_large} then null else {quoted} end"),
            });
        }
        for (quoted, is_large) in self.companions.iter().filter_map(|at| {
            let column = &self.columns[*at];
            Some((quote_identifier(&column.name), column.is_large.as_ref()?))
        }) {
            list.push(format!("case when {is_large} then {} end", companion(&format!("{quoted}::text"))));
        }
        if let Some(zone) = &self.zone {
            list.extend(self.moments.iter().map(|at| clock(&quote_identifier(&self.columns[*at].name), zone)));
        }
        list.join(", ")
    }

    /// The same without an end.
    pub(crate) fn rows(&self, after: Option<i64>) -> String {
        let (list, id, table) = (self.list(), &self.id.sql, &self.qualified);
        let after = after.map(|after| format!("{id} > {after}"));
        let conditions: Vec<String> = self.id.usable.clone().into_iter().chain(after).collect();
        let condition =
            if conditions.is_empty() { String::new() } else { format!(" where {}", conditions.join(" and ")) };
        if self.odd_ids.repeated == 0 {
            return format!("select {list} from {table} l{condition} order by {id}");
        }
        // Rows that share an id would be parted by the end of a page.
        const ROWS: &str = "\"rows of the id\"";
        format!(
            "select {list} from (select l.*, count(*) over (partition by {id}) as {ROWS} from {table} l{condition}) l \
             where l.{ROWS} = 1 order by {id}"
        )
    }

    /// The select of the row with an id, in the shape of a page's: nothing of another row is computed.
    pub(crate) fn only(&self, id: i64) -> String {
        let (id_sql, table) = (&self.id.sql, &self.qualified);
        format!("select {} from {table} l where {id_sql} = {id}", self.list())
    }

    /// The select of the rows with some ids, likewise.
    pub(crate) fn some(&self, ids: &[i64]) -> String {
        let ids = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let (id, table) = (&self.id.sql, &self.qualified);
        format!("select {} from {table} l where {id} = any ('{{{ids}}}'::int8[]) order by {id}", self.list())
    }

    /// The select of ids at random, as many as are wanted, of rows that have one of their own.
    pub(crate) fn some_ids(&self, wanted: u64) -> String {
        let (id, usable, table) = (&self.id.sql, self.id.condition(), &self.qualified);
        format!(
            "select id from (select ({id})::int8 as id from {table} l where {usable} group by 1 having count(*) = 1) l \
             order by random() limit {wanted}"
        )
    }

    /// How many columns there are.
    pub(crate) fn width_of_table(&self) -> usize {
        self.columns.len()
    }

    /// The same table with some of its columns.
    pub(crate) fn part(&self, columns: Range<usize>) -> Self {
        let columns = self.columns[columns].to_vec();
        let (places, companions, moments) = (places(&columns), companions(&columns), moments(&columns));
        Self { columns, places, companions, moments, ..self.clone() }
    }

    /// The select of the first id after another.
    pub(crate) fn next_id(&self, after: Option<i64>) -> String {
        self.part(0..0).page(after, 1)
    }

    /// The select of the first bytes of each column's text in the database's own encoding, in hexadecimal, of the row
    /// with an id.
    pub(crate) fn bytes(&self, id: i64) -> String {
        let each = self.columns.iter().map(|column| {
            let name = quote_identifier(&column.name);
            format!("encode(substr(convert_to(l.{name}::text, getdatabaseencoding()), 1, {RECORDED}), 'hex')")
        });
        let (list, table) = (each.collect::<Vec<_>>().join(", "), &self.qualified);
        format!("select {list} from {table} l where {} = {id}", self.id.sql)
    }

    /// The names of the columns.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.columns.iter().map(|it| &it.name)
    }

    /// The columns and the ids, for what is written about the table.
    pub(crate) fn described(&self) -> (Vec<Column>, Place) {
        let columns = self.columns.iter().map(|SourceColumn { name, types: (sql_type, base_type), .. }| Column {
            name: name.to_string(),
            sql_type: sql_type.to_string(),
            base_type: base_type.to_string(),
        });
        let table = (self.table.schema.clone(), self.table.name.clone());
        (columns.collect(), Place::Here { table, id: self.id.described() })
    }

    /// How many values a row of [`Self::page`] has.
    pub(crate) fn width(&self) -> usize {
        1 + self.columns.len() + self.companions.len() + self.zone.as_ref().map_or(0, |_| self.moments.len())
    }

    /// The ids that several rows have, after one, with how many rows have each.
    pub(crate) async fn repeated_ids(
        &self,
        connection: &mut Session,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Vec<(i64, i64)>, QueryError> {
        if self.odd_ids.repeated == 0 {
            return Ok(Vec::new());
        }
        let after = after.map(|after| format!(" where id > {after}")).unwrap_or_default();
        let sql =
            format!("select id, rows from ({}) l{after} order by id limit {limit}", self.id.repeated(&self.table));
        let read = sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(connection);
        read.await.attempt("reading the ids that several rows of the legacy table have")
    }

    /// The names of the columns that need a time zone.
    pub(crate) fn moment_names(&self) -> Vec<&str> {
        self.moments.iter().map(|at| &*self.columns[*at].name).collect()
    }

    /// The select of a large text's UTF-8 bytes in pieces, each one row, in order. A piece may end within a character.
    pub(crate) fn pieces(&self, id: i64, column: &str) -> String {
        const BYTES: usize = 4 * 1024 * 1024;
        // The conversion makes the server read and decompress the value once; a piece of it is then a mere copy.
        format!(
            "select substr(v.bytes, 1 + at * {BYTES}, {BYTES}) \
             from (select convert_to(l.{}::text, 'UTF8') as bytes from {} l where {} = {id} offset 0) v, \
                  generate_series(0, (length(v.bytes) - 1) / {BYTES}) at order by at",
            quote_identifier(column),
            self.qualified,
            self.id.sql
        )
    }
}

/// The server would refuse a whole page for one byte that isn't UTF-8; so it is asked for the bytes.
async fn ask_for_bytes(session: &mut Session) -> Result<(), QueryError> {
    run(session, "set client_encoding = 'SQL_ASCII'", "setting up the session").await
}

/// Whether reading a table may compute something that fails.
async fn computes(connection: &mut Session, qualified: &str) -> Result<bool, QueryError> {
    let sql = "select exists (select from pg_class c where c.oid = to_regclass($1) and c.relkind in ('v', 'f')) \
               or exists (select from pg_attribute a where a.attrelid = to_regclass($1) and a.attgenerated = 'v')";
    let asked = sqlx::query_scalar(sql).bind(qualified).fetch_one(connection);
    asked.await.attempt("looking for computed columns of the legacy table")
}

/// Bytes of an unreadable text that are looked at: more than a record keeps.
const RECORDED: usize = 5000;

fn places(columns: &[SourceColumn]) -> Places {
    Places::of(columns.iter().map(|it| &it.name))
}

fn moments(columns: &[SourceColumn]) -> Vec<usize> {
    columns.iter().enumerate().filter(|(_, it)| it.is_moment).map(|(at, _)| at).collect()
}

/// SQL of what a clock in a time zone showed at a moment. Next to the ends of the range of timestamps, and at the
/// infinities, a zone makes no difference that could be stored.
fn clock(moment: &str, zone: &str) -> String {
    format!(
        "{moment} at time zone case when isfinite({moment}) and {moment} > '4713-01-02 BC' and {moment} < \
         '294276-12-30' then {} else 'UTC' end",
        quote_literal(zone)
    )
}

fn companions(columns: &[SourceColumn]) -> Vec<usize> {
    columns.iter().enumerate().filter(|(_, it)| it.is_large.is_some()).map(|(at, _)| at).collect()
}

/// The values of a row of the simple protocol, and where each is among the bytes.
pub(crate) fn raw_values(row: &PgRow) -> Result<(Vec<u8>, Vec<Field>), sqlx::Error> {
    let (mut bytes, mut fields) = (Vec::new(), Vec::with_capacity(row.len()));
    for at in 0..row.len() {
        let value = row.try_get_raw(at)?;
        if value.is_null() {
            fields.push(Field::NULL);
            continue;
        }
        let start = bytes.len();
        bytes.extend_from_slice(value.as_bytes().map_err(sqlx::Error::Decode)?);
        fields.push(Field::new(start, bytes.len()));
    }
    Ok((bytes, fields))
}

/// SQL of what describes a large text instead of the text.
pub(crate) fn companion(text: &str) -> String {
    format!(
        "octet_length(convert_to({text}, {utf8}))::text || ' ' || encode(sha256(convert_to({text}, {utf8})), 'hex') \
         || ' ' || left({text}, 200)",
        utf8 = quote_literal("UTF8")
    )
}
