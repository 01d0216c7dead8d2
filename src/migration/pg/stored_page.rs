//! Reads what is stored for legacy rows: for the verification, and for the rollback.
//!
//! Through COPY, which costs least for a row, and not through the code that `migrate` reads and writes with.

mod json;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::TryStreamExt;

use crate::base::quote::quote_literal;
use crate::migration::pg::source::companion;
use crate::migration::pg::stored_page::json::Json;
use crate::migration::stored::line::{Line, Lines, Room};
use crate::migration::stored::{
    APPROVAL, AUDIT, Cells, Columns, EXECUTION, LineageOfRow, REQUEST, Stored, StoredAssessment, StoredLineage,
    StoredResidual,
};
use crate::migration::target::{Role, SOURCE_TABLE};
use crate::migration::text::{LARGE, Large};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

/// Legacy rows by their ids.
pub(crate) enum Rows {
    /// Those after an id, up to another; without either, from the first or to the last.
    Between { after: Option<i64>, until: Option<i64> },
    /// These.
    Only(Vec<i64>),
}

impl Rows {
    /// The condition on `source_table` and `source_id` of a lineage or rejection row.
    pub(crate) fn condition(&self, alias: &str) -> String {
        let mut condition = format!("{alias}.source_table = {}", quote_literal(SOURCE_TABLE));
        match self {
            Self::Between { after, until } => {
                if let Some(after) = after {
                    condition.push_str(&format!(" and {alias}.source_id > {after}"));
                }
                if let Some(until) = until {
                    condition.push_str(&format!(" and {alias}.source_id <= {until}"));
                }
            }
            Self::Only(ids) => {
                let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
                condition.push_str(&format!(" and {alias}.source_id = any('{{{}}}'::int8[])", ids.join(",")));
            }
        }
        condition
    }
}

/// The columns, and behind them what describes the texts among them that are too large.
fn select_list(alias: &str, columns: &Columns) -> String {
    let is_large = |column: &str| format!("octet_length({column}) > {LARGE}");
    let qualified = |name: &str| format!("{alias}.\"{name}\"");
    let all = || columns.names().iter().enumerate().map(|(at, name)| (columns.is_unlimited(at), qualified(name)));
    let each = all().map(|(is_unlimited, column)| match is_unlimited {
        true => format!("case when {} then null else {column} end", is_large(&column)),
        false => column,
    });
    let unlimited = all().filter(|(is_unlimited, _)| *is_unlimited).map(|(_, column)| column);
    let described = unlimited.map(|it| format!("case when {} then {} end", is_large(&it), companion(&it)));
    each.chain(described).collect::<Vec<_>>().join(", ")
}

/// A value of a row that is an id.
pub(crate) fn number(value: Option<&str>) -> Result<i64, sqlx::Error> {
    let text = value.unwrap_or_default();
    text.parse().map_err(|_| sqlx::Error::Protocol(format!("{text:?} is not an id")))
}

/// Runs a query and hands each row's values to `each`, as text.
pub(crate) async fn for_each_row(
    target: &mut Session,
    sql: String,
    what: &str,
    mut each: impl FnMut(Line<'_>) -> Result<(), sqlx::Error>,
) -> Result<(), QueryError> {
    let mut lines = Lines::default();
    copy_out(target, sql, what, |line| {
        lines.clear();
        lines.push(line).map_err(sqlx::Error::Decode)?;
        lines.iter().try_for_each(&mut each)
    })
    .await
}

/// The requests of a page, with the place of the legacy row that each belongs to, in the order of their ids.
struct Requests(Vec<(i64, usize)>);

/// How many ids there may be for each request of a page in a range that is read instead of the ids.
const SPARSE: u64 = 8;

impl Requests {
    /// Those that lineage names; and the places of the rows that claim one of a row before them, with that row's place.
    fn of(stored: &[(i64, Stored)]) -> (Self, Vec<(usize, usize)>) {
        let claims = stored.iter().enumerate();
        let mut all: Vec<(i64, usize)> =
            claims.filter_map(|(at, (_, entry))| Some((entry.lineage_id(Role::Request)?, at))).collect();
        all.sort_unstable();
        let mut again = Vec::new();
        all.dedup_by(|(id, at), (first_id, first)| {
            let is_again = id == first_id;
            again.extend(is_again.then_some((*at, *first)));
            is_again
        });
        (Self(all), again)
    }

    /// The condition on a column with the id of a request. It may be true for other requests, too: a range is read many
    /// times as fast as its ids one by one.
    fn condition(&self, column: &str) -> String {
        let (Some((first, _)), Some((last, _))) = (self.0.first(), self.0.last()) else { return "false".to_owned() };
        if last.abs_diff(*first) < SPARSE * self.0.len() as u64 {
            return format!("{column} between {first} and {last}");
        }
        let ids = self.0.iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>().join(",");
        format!("{column} = any('{{{ids}}}'::int8[])")
    }

    /// The place of a request. `last` is where the last one was found among them: rows mostly come in their order.
    fn place(&self, id: i64, last: &mut usize) -> Option<usize> {
        let near = (*last..self.0.len().min(*last + 2)).find(|at| self.0[*at].0 == id);
        *last = match near {
            Some(at) => at,
            None => self.0.binary_search_by_key(&id, |(id, _)| *id).ok()?,
        };
        Some(self.0[*last].1)
    }

    /// Reads the rows that belong to one of them, about so many for each, each with its place. Their first column is the
    /// id of the request.
    async fn rows(
        &self,
        target: &mut Session,
        sql: String,
        of_each: usize,
        room: &mut Room,
        what: &str,
    ) -> Result<(Arc<Lines>, Vec<usize>), QueryError> {
        let (mut lines, mut places, mut last) = (room.lines(), Vec::with_capacity(of_each * self.0.len()), 0);
        copy_out(target, sql, what, |line| {
            let end = memchr::memchr(b'\t', line).unwrap_or(line.len());
            let id = number(std::str::from_utf8(&line[..end]).ok())?;
            let Some(place) = self.place(id, &mut last) else { return Ok(()) };
            lines.push(line).map_err(sqlx::Error::Decode)?;
            if places.is_empty() {
                lines.reserve(of_each * self.0.len());
            }
            places.push(place);
            Ok(())
        })
        .await?;
        Ok((room.keep(lines), places))
    }
}

async fn copy_out(
    target: &mut Session,
    sql: String,
    what: &str,
    mut each: impl FnMut(&[u8]) -> Result<(), sqlx::Error>,
) -> Result<(), QueryError> {
    let copy = format!("copy ({sql}) to stdout");
    let mut stream = target.copy_out(&copy).await.attempt(what)?;
    while let Some(line) = stream.try_next().await.attempt(what)? {
        each(line.as_ref()).attempt(what)?;
    }
    Ok(())
}

/// The lineage of each of them that has any, in the order of their ids.
async fn read_lineage(target: &mut Session, range: &Rows, depth: Depth) -> Result<Vec<(i64, Stored)>, QueryError> {
    let mut lineage: Vec<(i64, StoredLineage)> = Vec::with_capacity(LINEAGE_ROWS);
    let record = match depth {
        Depth::Rows => "",
        Depth::Records => ", concat_ws(' ', m.id, m.target_id, coalesce(m.migrated_at::text, ''))",
    };
    let sql = format!(
        "select m.source_id, m.target_table, m.target_id{record} from padealing.migration_mapping m where {}",
        range.condition("m")
    );
    for_each_row(target, sql, "reading the lineage", |values| {
        let name = values.get(1).unwrap_or_default();
        let role = Role::from_word(name).ok_or_else(|| name.to_owned());
        let record = (depth == Depth::Records).then(|| values.get(3).unwrap_or_default().to_owned());
        lineage.push((number(values.get(0))?, StoredLineage { role, target_id: number(values.get(2))?, record }));
        Ok(())
    })
    .await?;
    // Rows of an index mostly come in its order.
    lineage.sort_by_key(|(id, _)| *id);
    let (ids, lineage): (Vec<i64>, Vec<StoredLineage>) = lineage.into_iter().unzip();
    let (lineage, mut first) = (Arc::from(lineage), 0);
    let of_row = |ids: &[i64]| {
        first += ids.len();
        let lineage = LineageOfRow::new(&lineage, first - ids.len()..first);
        (ids[0], Stored { lineage, ..Stored::default() })
    };
    Ok(ids.chunk_by(|one, other| one == other).map(of_row).collect())
}

/// Rows of lineage that room is made for.
const LINEAGE_ROWS: usize = 2048;

/// What is read of lineage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Which row it claims.
    Rows,
    /// The whole record.
    Records,
}

/// Where the rows of the four tables are read into, for one page after the other.
pub(crate) type Rooms = [Room; 4];

/// What is stored for each of them that has lineage, in the order of their ids.
pub(crate) async fn read_stored(
    target: &mut Session,
    range: &Rows,
    depth: Depth,
    rooms: &mut Rooms,
) -> Result<Vec<(i64, Stored)>, QueryError> {
    let [of_requests, of_children @ ..] = rooms;
    let mut stored = read_lineage(target, range, depth).await?;
    if stored.is_empty() {
        return Ok(stored);
    }

    // By the ids that lineage names, without lineage: the server needn't find it again for each table.
    let (requests, again) = Requests::of(&stored);
    if requests.0.is_empty() {
        return Ok(stored);
    }
    // A large residual comes with its large strings replaced by their descriptions. What isn't a residual is
    // read as it is, and reported.
    let is_large = format!(
        "(pg_column_size(r.compliance_assessment) > 2000 and octet_length(r.compliance_assessment::text) > {LARGE} \
         and jsonb_typeof(r.compliance_assessment) = 'object' \
         and jsonb_typeof(r.compliance_assessment -> 'legacy') = 'object')"
    );
    let sql = format!(
        "select r.id, case when {is_large} then r.compliance_assessment - 'legacy' \
             else r.compliance_assessment end, \
         case when {is_large} then (select jsonb_object_agg(key, case when jsonb_typeof(value) = 'string' \
             and octet_length(value #>> '{{}}') > {LARGE} then jsonb_build_object('large', {large}) else value end) \
             from jsonb_each(r.compliance_assessment -> 'legacy')) end, {list} \
         from padealing.pad_request r where {}",
        requests.condition("r.id"),
        large = companion("(value #>> '{}')"),
        list = select_list("r", REQUEST),
    );
    let (lines, places) = requests.rows(target, sql, 1, of_requests, "reading requests").await?;
    for (line, place) in lines.iter().zip(places) {
        let entry = &mut stored[place].1;
        read_assessment(line.get(1), line.get(2), entry);
        entry.request = Some(Cells::new(REQUEST, &lines, line.row, 3));
    }

    let children = [("pad_approval", APPROVAL, 2), ("pad_execution", EXECUTION, 1), ("audit_log", AUDIT, 3)];
    for ((table, columns, of_each), room) in children.into_iter().zip(of_children) {
        let sql = format!(
            "select t.request_id, {} from padealing.{table} t where {}",
            select_list("t", columns),
            requests.condition("t.request_id"),
        );
        let (lines, places) = requests.rows(target, sql, of_each, room, &format!("reading {table}")).await?;
        for (line, place) in lines.iter().zip(places) {
            let (entry, cells) = (&mut stored[place].1, Cells::new(columns, &lines, line.row, 1));
            match table {
                "pad_approval" => entry.approvals.push(cells),
                "pad_execution" => entry.executions.push(cells),
                _ => entry.audit.push(cells),
            }
        }
    }
    for (_, entry) in &mut stored {
        // Mostly they come in their order, which costs less to see here than a sort on the server.
        for rows in [&mut entry.approvals, &mut entry.executions, &mut entry.audit] {
            if !rows.is_sorted_by_key(Cells::id) {
                rows.sort_by_key(Cells::id);
            }
        }
    }
    // Several legacy rows whose lineage claims the same request.
    for (at, first) in again {
        let same = stored[first].1.clone();
        let lineage = std::mem::take(&mut stored[at].1.lineage);
        stored[at].1 = Stored { lineage, ..same };
    }
    Ok(stored)
}

/// Parses `compliance_assessment`. What the migration would not have written is reported as a difference: so is a number
/// or a depth that a jsonb has and its parser here hasn't.
fn read_assessment(json: Option<&str>, large: Option<&str>, stored: &mut Stored) {
    fn parse(text: &str) -> Json<'_> {
        serde_json::from_str(text).unwrap_or(Json::Other)
    }
    let mut assessment = StoredAssessment::default();
    let Some(json) = json else { return };
    let Json::Object(mut object) = parse(json) else {
        stored.unexpected_keys.push("another value".to_owned());
        return;
    };
    if let Some(large) = large {
        object.push(("legacy".into(), parse(large)));
    }
    if object.is_empty() {
        stored.unexpected_keys.push("an empty object".to_owned());
    }
    for (key, value) in object {
        assessment.has_legacy |= key == "legacy";
        match (&*key, value) {
            ("holding_period", Json::Flag(flag)) => assessment.holding_period = Some(flag),
            ("legacy", Json::Object(legacy)) if legacy.is_empty() => {
                stored.unexpected_keys.push("an empty legacy".to_owned());
            }
            ("legacy", Json::Object(legacy)) => {
                assessment.legacy = StoredResidual::with_room(legacy.len(), json.len());
                for (column, value) in legacy {
                    let legacy = &mut assessment.legacy;
                    match (value, large.is_some()) {
                        (Json::Null, _) => legacy.add(&column, None, false),
                        (Json::Text(text), _) => legacy.add(&column, Some(&text), false),
                        (Json::Object(object), true) if described(&object).is_some() => {
                            legacy.add(&column, described(&object), true);
                        }
                        _ => stored.unexpected_keys.push(format!("legacy.{column} that is not text")),
                    }
                }
            }
            _ => stored.unexpected_keys.push(key.into_owned()),
        }
    }
    stored.assessment = assessment;
}

/// The description of the large text that an object stands for.
fn described<'a>(object: &'a [(Cow<'_, str>, Json<'_>)]) -> Option<&'a str> {
    match object {
        [(name, Json::Text(text))] if name == "large" => Large::described(text).map(|_| &**text),
        _ => None,
    }
}

/// Which of them are rejected.
pub(crate) async fn read_rejected(target: &mut Session, range: &Rows) -> Result<HashSet<i64>, QueryError> {
    let sql = format!(
        "select distinct r.source_id from padealing.migration_reject r where {} and r.resolved_run_id is null",
        range.condition("r")
    );
    let mut rejected = HashSet::new();
    for_each_row(target, sql, "reading the rejections", |values| {
        rejected.insert(number(values.get(0))?);
        Ok(())
    })
    .await?;
    Ok(rejected)
}

/// Ids of a range that are on record as rejected, each with how many legacy rows had it then: what the sentence about an id that
/// several have begins with.
pub(crate) async fn read_rejected_rows(target: &mut Session, range: &Rows) -> Result<HashMap<i64, u64>, QueryError> {
    let sql = format!(
        "select r.source_id, max(case when r.rule = 'id_collision' and r.field = 'id' \
                                      then substring(r.message from '^[0-9]{{1,18}}')::int8 end) \
         from padealing.migration_reject r where {} and r.resolved_run_id is null group by 1",
        range.condition("r")
    );
    let mut rejected = HashMap::new();
    for_each_row(target, sql, "reading the rejections", |values| {
        let rows = values.get(1).map(|it| number(Some(it))).transpose()?;
        rejected.insert(number(values.get(0))?, rows.map_or(1, i64::unsigned_abs));
        Ok(())
    })
    .await?;
    Ok(rejected)
}
