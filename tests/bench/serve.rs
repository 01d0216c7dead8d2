//! How long the pages of the dashboard take, from the first byte of the request to the last of the answer, on a connection
//! each. Kinds of pages are asked for in turn, so that a machine that slows down slows all of them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use pad_migrate::harness::generate::Generator;
use pad_migrate::harness::pg::databases as admin;
use pad_migrate::harness::pg::ephemeral::EphemeralDatabase;
use pad_migrate::harness::server::names;
use pad_migrate::harness::server::request::Durability;
use sqlx::{Connection, PgConnection};

use super::Result;
use super::measured::Table;
use super::program::{self, run};
use super::site::{prepare, start};

/// Pages of a kind in a round.
const PAGES: usize = 100;

/// No page is to take longer, at the 95th percentile.
const WANTED: f64 = 100.0;

/// The kind that is compared with the yardstick.
const LIST: usize = 1;

/// What the yardstick fetches: the rows of the first page and no more.
const YARDSTICK: &str = "select to_jsonb(t)::text from (select * from padealing.pad_request order by created_at desc, id desc \
    limit 50) t";

/// Breaches, which a migration writes none of, and entries of the application in the audit log.
const APPLICATION: &str = "insert into padealing.pad_breach (request_id, employee_id, breach_type, severity) \
    select id, employee_id, 'holding_period', (array['low', 'medium', 'high', 'critical'])[1 + id % 4] \
    from padealing.pad_request where id % 20 = 0; \
    insert into padealing.audit_log (action_type, action_status, actor_type, request_id, \"timestamp\") \
    select 'viewed', 'success', 'user', id, timestamp '2026-11-01' + id * interval '1 second' \
    from padealing.pad_request where id % 10 = 0; \
    analyze";

/// The program, which ends with it.
struct Serving {
    child: Child,
    host: String,
    cookie: String,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Serving {
    fn start(url: &str) -> Result<Self> {
        let mut child = program::pad_migrate(&["serve", "-q", "--database-url", url]).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let address = line.trim().strip_prefix("http://").and_then(|it| it.split_once('/'));
        let (host, path) = address.ok_or("no start address")?;
        let mut serving = Self { child, host: host.to_owned(), cookie: String::new() };
        let answer = serving.ask(&format!("/{path}"))?;
        let cookie = answer.lines().find_map(|it| it.strip_prefix("set-cookie: ")).and_then(|it| it.split(';').next());
        serving.cookie = cookie.ok_or("no cookie")?.to_owned();
        Ok(serving)
    }

    fn ask(&self, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect(&self.host)?;
        let (host, cookie) = (&self.host, &self.cookie);
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        if answer.starts_with("HTTP/1.1 200 ") { Ok(answer) } else { Err(format!("{path}: {answer}").into()) }
    }
}

/// A kind of page, and the addresses of some.
type Kind = (&'static str, Vec<String>);

async fn ids(connection: &mut PgConnection, sql: &'static str) -> Result<Vec<String>> {
    let ids: Vec<i64> = sqlx::query_scalar(sql).fetch_all(connection).await?;
    Ok(ids.iter().map(i64::to_string).collect())
}

/// The pages, and of each list one that is as deep as half of its rows.
async fn kinds(connection: &mut PgConnection) -> Result<Vec<Kind>> {
    const STATUSES: [&str; 4] = ["pending_manager", "approved", "declined", "withdrawn"];
    const SORTS: [&str; 4] = ["oldest", "id", "employee", "security"];
    let middle = |order: &str| {
        format!(
            "select id from padealing.pad_request order by {order} limit 1 \
             offset (select count(*) / 2 from padealing.pad_request)"
        )
    };
    let mut deep = Vec::new();
    for (sort, order) in [
        ("newest", "created_at desc, id desc"),
        ("oldest", "created_at, id"),
        ("id", "id"),
        ("employee", "employee_id, id"),
        ("security", "security_id, id"),
    ] {
        let sql = sqlx::AssertSqlSafe(middle(order));
        let id: i64 = sqlx::query_scalar(sql).fetch_one(&mut *connection).await?;
        deep.extend(["after", "before"].map(|it| format!("/requests?sort={sort}&{it}={id}")));
    }
    let of = |path: &str, ids: Vec<String>| ids.iter().map(|it| format!("{path}{it}")).collect::<Vec<_>>();
    let some = "select id from padealing.pad_request order by hashint8(id) limit 100";
    let requests = ids(connection, some).await?;
    let employees = "select distinct employee_id from padealing.pad_request order by 1 limit 100";
    let employees = ids(connection, employees).await?;
    let securities =
        ids(connection, "select id from bo_airflow.oracle_bloomberg order by hashint8(id) limit 100").await?;
    let log = "select id from padealing.audit_log order by \"timestamp\" desc, id desc limit 1 \
               offset (select count(*) / 2 from padealing.audit_log)";
    let log = ids(connection, log).await?;
    let by_year: Vec<String> = (2012..=2025).map(|it| format!("/requests?year={it}")).collect();
    let by_year_and_status =
        by_year.iter().flat_map(|it| STATUSES.map(|status| format!("{it}&status={status}"))).collect();
    Ok(vec![
        ("overview", vec!["/".to_owned()]),
        ("requests", std::iter::once("/requests".to_owned()).chain(of("/requests?sort=", words(&SORTS))).collect()),
        ("requests, half-way down", deep),
        ("requests by status", of("/requests?status=", words(&STATUSES))),
        ("requests by year", by_year),
        ("requests by year and status", by_year_and_status),
        ("requests by employee", of("/requests?employee=", employees.clone())),
        ("requests by employee, the largest first", of("/requests?sort=value&employee=", employees)),
        ("requests by security", of("/requests?security=", securities)),
        ("requests by who wrote them", of("/requests?writer=", words(&["migration", "application"]))),
        ("a request, with its proof", of("/requests/", requests.clone())),
        ("a legacy row, with its proof", of("/legacy/", requests)),
        ("breaches", of("/breaches", words(&["", "?severity=low", "?severity=high&state=open", "?state=resolved"]))),
        ("audit log", of("/audit", words(&["", "?action=viewed", "?action=approval_manager"]))),
        ("audit log, half-way down", of("/audit?after=", log)),
        ("audit log by result", of("/audit?result=", words(&["success", "blocked", "failed"]))),
        ("audit log by action and result", of("/audit?action=viewed&result=", words(&["blocked", "failed"]))),
        ("rejections", of("/rejections", words(&["", "?state=open", "?state=resolved", "?rule=unknown_employee"]))),
        ("reference", vec!["/reference".to_owned()]),
    ])
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|it| (*it).to_owned()).collect()
}

/// The value that so many of a hundred don't exceed, in milliseconds.
fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let at = (sorted.len() * percent).div_ceil(100).clamp(1, sorted.len()) - 1;
    sorted[at].as_secs_f64() * 1e3
}

/// Migrates generated rows, and asks for every kind of page.
pub(super) async fn serve(rows: u64, rounds: u32) -> Result<String> {
    let server = start(Durability::Memory, None).await?;
    let admin_database = EphemeralDatabase::at(&server.url)?;
    let name = server.database_name("serve");
    prepare(&admin_database, &name, Generator { rows, seed: 1 }).await?;
    let url = names::database_url(&server.url, &name);
    // Rows are rejected, as they should be.
    run(&["migrate"], &url, 1)?;
    let database = EphemeralDatabase::at(&url)?;
    admin::execute(&database, APPLICATION).await?;
    admin::execute(&database, "vacuum").await?;
    let mut connection = PgConnection::connect(&url).await?;
    let kinds = kinds(&mut connection).await?;
    let serving = Serving::start(&url)?;
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); kinds.len()];
    let mut yardstick = Vec::new();
    for page in 0..PAGES * rounds as usize {
        let since = Instant::now();
        sqlx::query(YARDSTICK).fetch_all(&mut connection).await?;
        yardstick.push(since.elapsed());
        for ((_, addresses), times) in kinds.iter().zip(&mut times) {
            let since = Instant::now();
            serving.ask(&addresses[page % addresses.len()])?;
            times.push(since.elapsed());
        }
    }
    let names = kinds.iter().map(|(name, _)| *name).chain(["yardstick: the rows of the first page, in one session"]);
    let mut table = Table::new(&["median", "95th percentile", "most"]);
    let (mut late, mut medians) = (Vec::new(), Vec::new());
    for (name, mut times) in names.zip(times.into_iter().chain([yardstick])) {
        times.sort_unstable();
        let [half, most, all] = [50, 95, 100].map(|it| percentile(&times, it));
        medians.push(half);
        table.row(name, [half, most, all].map(|it| format!("{it:.1} ms")).to_vec());
        if most > WANTED {
            late.push(name);
        }
    }
    let times = medians[LIST] / medians[medians.len() - 1];
    let verdict = match late.as_slice() {
        [] => "no page".to_owned(),
        late => late.join(", "),
    };
    Ok(format!(
        "\nPages of the dashboard, {rows} legacy rows, PostgreSQL {}, {} of each kind in turn\n{table}\nabove \
         {WANTED} ms at the 95th percentile: {verdict}; {} by the median: {times:.1} times the yardstick\n",
        server.version,
        PAGES * rounds as usize,
        kinds[LIST].0,
    ))
}
