//! Gathers what the gate decides by, side by side, within one time for the whole. Reads only.

mod after;
mod backup;
mod rejections;
pub mod request;
mod server;
mod source;
mod writers;

use std::pin::Pin;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::base::text::sentence;
use crate::checks::check::{Check, Status};
use crate::checks::gate::rehearsal::{self, Rehearsable};
use crate::checks::gate::rows::Rejections;
use crate::checks::gate::server::no_roles;
use crate::checks::gate::source::{Counters, file};
use crate::checks::gate::waivers::Used;
use crate::checks::gate::{Bound, Gate, Stage, of_doctor, rows, schema, unknown};
use crate::checks::integrity::header::Rows;
use crate::checks::integrity::{ALL, Definition};
use crate::checks::pg::examine::examine;
use crate::checks::pg::gate::request::GateRequest;
use crate::checks::pg::integrity::{IntegrityRequest, integrity, integrity_before_migration};
use crate::checks::pg::request::ExamineRequest;
use crate::ledger::pg::admission::{RefusedError, SessionError};
use crate::migration::evidence::manifest::Roots;
use crate::migration::pg::evidence::take::fold;
use crate::migration::pg::legacy::LegacySource;
use crate::migration::pg::migrate::{MigrateRequest, migrate};
use crate::migration::pg::verify::VerifyRequest;
use crate::migration::run::Options;
use crate::migration::verification::{Unnamed, VerifyReport};
use crate::schema::drift::exceptions::Exceptions;
use crate::schema::names::CONTRACT_SCHEMA;
use crate::schema::pg::drift::{DriftRequest, Expected, drift};
use crate::schema::pg::plan::plan;
use crate::schema::pg::request::ChangeRequest;
use crate::schema::plan::outcome::Found;

/// A piece of work that is not done by the deadline leaves its checks unknown.
struct Within {
    deadline: tokio::time::Instant,
    timeout: Duration,
}

impl Within {
    /// The checks, or why they are not known.
    /// It is on the heap, since there is much of it side by side.
    async fn of<T>(&self, work: Pin<Box<impl Future<Output = Result<T, String>>>>) -> Result<T, String> {
        match tokio::time::timeout_at(self.deadline, work).await {
            Ok(result) => result,
            Err(_) => Err(format!(
                "there was no answer within --timeout {} s; give the gate more time, or see what holds it up",
                self.timeout.as_secs()
            )),
        }
    }
}

/// Decides. A database that can't be reached closes the gate, too, and is the decision's `failure`.
pub async fn gate(request: &GateRequest<'_>) -> Gate {
    let started = Instant::now();
    let within = Within { deadline: tokio::time::Instant::now() + request.timeout, timeout: request.timeout };
    let examined = within.of(Box::pin(async { Ok(examine(&examination(request)).await) })).await;
    let csv = request.source.csv();
    let mut gate = Gate {
        stage: request.stage,
        environment: request.environment,
        place: request.target.place(),
        server_version: None,
        checks: Vec::new(),
        bound: Bound {
            program: concat!("pad-migrate ", env!("CARGO_PKG_VERSION")).to_owned(),
            csv_sha256: csv.as_ref().map(|it| it.sha256.clone()),
            ..Bound::default()
        },
        csv,
        decided_at: DateTime::MIN,
        accepted_until: request.waivers().end(),
        elapsed: Duration::ZERO,
        failure: None,
    };
    match examined {
        Err(why) => {
            // With a session it was too slow, and the rest is not known by now either.
            if !request.target.is_session.initialized() {
                gate.failure = Some(format!("{}: {why}", request.target.place()));
            }
            gate.checks.push(unknown("examination", why));
        }
        Ok(found) => {
            gate.server_version = found.server_version;
            gate.failure = found.failure;
            gate.checks = of_doctor(request.stage, found.checks);
            // A file has been proved whole before.
            gate.checks.retain(|it| it.name != "legacy_table" || gate.csv.is_none());
            gate.checks.extend(gate.csv.as_ref().map(file));
            if request.stage == Stage::Before {
                gate.checks.extend(no_roles(request.roles));
            }
        }
    }
    // Without a session all else would fail for the same reason.
    if gate.failure.is_none() {
        let others = others(request, &within, gate.server_version.as_deref()).await;
        if request.exceptions.is_some() {
            gate.checks.push(request.waivers().review(&others.checks, &others.used));
        }
        let Others { checks, catalog, plan, row_root, .. } = others;
        gate.checks.extend(checks.into_iter().map(|it| request.waivers().weigh(it)));
        gate.bound = Bound { catalog, plan, row_root, ..gate.bound };
    }
    gate.sort();
    gate.decided_at = Timestamp::now().to_zoned(TimeZone::UTC).datetime();
    gate.elapsed = started.elapsed();
    gate
}

fn examination<'a>(request: &GateRequest<'a>) -> ExamineRequest<'a> {
    ExamineRequest {
        target: request.target,
        source: match request.source {
            LegacySource::Table { database, .. } if request.source_elsewhere => Some(database),
            _ => None,
        },
        environment: request.environment,
        roles: request.roles,
        table: request.table,
        exact: false,
    }
}

/// What is found beside the examination.
struct Others {
    checks: Vec<Check>,
    /// The rows that exceptions accept.
    used: Used,
    catalog: Option<String>,
    plan: Option<String>,
    row_root: Option<String>,
}

async fn others(request: &GateRequest<'_>, within: &Within, server_version: Option<&str>) -> Others {
    let (server, planned, rest) = tokio::join!(
        within.of(Box::pin(server::activity(request.target))),
        within.of(Box::pin(planned(request))),
        async {
            match request.stage {
                Stage::Before => {
                    let (checks, used) = before(request, within, server_version).await;
                    (checks, used, None)
                }
                Stage::After => after(request, within).await,
            }
        }
    );
    let (mut checks, used, row_root) = rest;
    match server {
        Ok(activity) => checks.extend(crate::checks::gate::server::checks(&activity, request.stage)),
        Err(why) => checks.extend(SERVER.map(|name| unknown(name, &why))),
    }
    let (mut catalog, mut plan) = (None, None);
    match planned {
        Ok(found) => {
            catalog = Some(found.catalog_hash());
            plan = Some(found.hash(request.environment));
            checks.push(schema::plan(&found, request.environment, request.stage, request.plan_hash));
        }
        Err(why) => checks.push(unknown("plan", why)),
    }
    Others { checks, used, catalog, plan, row_root }
}

/// What the server's activity tells.
const SERVER: [&str; 4] = ["wraparound", "replication_slots", "prepared_transactions", "long_transactions"];

async fn planned(request: &GateRequest<'_>) -> Result<Found, String> {
    let change = ChangeRequest {
        legacy: Some(request.table),
        allow_objects: request.allow_objects,
        ..ChangeRequest::new(request.target, request.environment, request.roles)
    };
    plan(&change).await.map_err(|error| sentence(&error))
}

/// Whether the cutover may begin.
async fn before(request: &GateRequest<'_>, within: &Within, server_version: Option<&str>) -> (Vec<Check>, Used) {
    let reference = [CONTRACT_SCHEMA.to_owned()];
    let (drifted, checked, source, rejected, backed_up) = tokio::join!(
        within.of(Box::pin(compared(request, &reference))),
        within.of(Box::pin(checked(request))),
        within.of(Box::pin(source::watch(request))),
        within.of(Box::pin(dry_run(request))),
        within.of(Box::pin(backup::backed_up(request))),
    );
    let mut checks = vec![
        drifted.unwrap_or_else(|why| unknown("drift", why)),
        checked.unwrap_or_else(|why| unknown("integrity", why)),
        backed_up.unwrap_or_else(|why| unknown("backup", why)),
    ];
    let (mut source_rows, mut identity) = (None, None);
    match source {
        Ok(found) => {
            let seconds = request.freeze.as_secs();
            checks.push(crate::checks::gate::source::check(request.table, &found.writers, &found.looks, seconds));
            checks.push(rows::room(found.bytes));
            identity = Some(found.identity);
            source_rows = found.looks.last().map(|it: &Counters| u64::try_from(it.rows.count).unwrap_or_default());
        }
        Err(why) => {
            checks.push(unknown("source_frozen", &why));
            checks.push(unknown("room", &why));
        }
    }
    let mut used = Used::new();
    checks.push(match rejected {
        Ok((check, found)) => {
            used.insert("rejections", found.waived);
            check
        }
        Err(why) => unknown("rejections", why),
    });
    let wanted = Rehearsable { environment: request.environment, source: identity.as_ref(), server_version };
    checks.push(rehearsal::rehearsed(request.rehearsal, wanted));
    checks.push(rehearsal::fits(request.rehearsal, request.window, source_rows));
    (checks, used)
}

/// What a dry run would reject.
async fn dry_run(request: &GateRequest<'_>) -> Result<(Check, Rejections), String> {
    let migration = MigrateRequest {
        target: request.target,
        source: request.source,
        environment: request.environment,
        options: Options { dry_run: true, ..Options::default() },
    };
    let mut seen = rejections::Collector::new(request.waivers());
    let report = migrate(&migration, &mut seen, std::future::pending()).await.map_err(|error| sentence(&error))?;
    Ok((rows::rejections(&report, &seen.found), seen.found))
}

/// Whether the application may be opened.
async fn after(request: &GateRequest<'_>, within: &Within) -> (Vec<Check>, Used, Option<String>) {
    let (drifted, checked, verified, data) = tokio::join!(
        within.of(Box::pin(compared(request, &[]))),
        within.of(Box::pin(checked(request))),
        within.of(Box::pin(verified(request))),
        within.of(Box::pin(after::facts(request))),
    );
    let mut checks = vec![
        drifted.unwrap_or_else(|why| unknown("drift", why)),
        checked.unwrap_or_else(|why| unknown("integrity", why)),
    ];
    let (mut used, mut row_root, mut unnamed) = (Used::new(), None, Unnamed::default());
    match verified {
        Ok((report, roots)) => {
            checks.extend(rows::verified(&report, request.waivers()));
            used.extend(rows::accepted(&report, request.waivers()).map(|it| ("verify", it)));
            row_root = roots.map(|it| it.source);
            unnamed = report.unnamed;
        }
        Err(why) => checks.extend(["verify", "pending"].map(|name| unknown(name, &why))),
    }
    match data {
        Ok(found) => {
            checks.extend([
                rows::recorded(&found.rejections, &unnamed),
                rows::statistics(&found.stale),
                rows::way_back(&found.way_back),
            ]);
            used.insert("rejections", found.rejections.waived);
        }
        Err(why) => checks.extend(["rejections", "statistics", "way_back"].map(|name| unknown(name, &why))),
    }
    (checks, used, row_root)
}

async fn compared(request: &GateRequest<'_>, schemas: &[String]) -> Result<Check, String> {
    let none = Exceptions::default();
    let found = drift(DriftRequest {
        target: request.target,
        environment: request.environment,
        roles: request.roles,
        expected: Expected::Embedded,
        schemas,
        exceptions: request.exceptions.unwrap_or(&none),
        today: request.today,
    });
    found.await.map(|it| schema::drift(&it)).map_err(|error| sentence(&error))
}

async fn checked(request: &GateRequest<'_>) -> Result<Check, String> {
    // Before the cutover the schema is another, and the legacy rows aren't there yet.
    let is_wanted = |it: &&Definition| match request.stage {
        Stage::Before => matches!(it.header.rows, Rows::Application | Rows::Both),
        Stage::After => true,
    };
    let all: Vec<_> = ALL.iter().filter(is_wanted).collect();
    let wanted = IntegrityRequest {
        target: request.target,
        environment: request.environment,
        checks: &all,
        exceptions: request.exceptions,
        today: request.today,
    };
    let found = match request.stage {
        Stage::Before => integrity_before_migration(&wanted).await,
        Stage::After => integrity(&wanted).await,
    };
    match found {
        Ok(found) => Ok(rows::integrity(&found, request.stage)),
        // The plan creates it.
        Err(SessionError::Refused(RefusedError::NotApplied { .. })) if request.stage == Stage::Before => {
            Ok(Check::new("integrity", Status::Pass, "the application has no tables yet, and so no rows"))
        }
        Err(error) => Err(sentence(&error)),
    }
}

async fn verified(request: &GateRequest<'_>) -> Result<(VerifyReport, Option<Roots>), String> {
    let GateRequest { target, source, environment, .. } = *request;
    let found = fold(&VerifyRequest { target, source, environment }, |_| {}).await;
    found.map_err(|error| sentence(&error))
}
