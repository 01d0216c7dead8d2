//! `plan` foresees what stops `apply`. Each case of `fixtures/foreseen` changes one thing in a database; then the law
//! is: what the plan says can be applied is applied, and nothing is left to do; what it says is blocked fails, or
//! doesn't lead to the revision, or would lock what is outside padealing.
//!
//! A case begins with a line `--- OUTCOME: what is changed`, or `--- OUTCOME from 15: …` for servers from 15 on.
//! OUTCOME is `applies`, or a kind that the plan lists as manual action.

use rstest::rstest;

use crate::drift::cases::run;
use crate::harness::{Start, apply_request, roles, with_db};
use crate::tidy::{read, root};
use pad_migrate::base::outcome::Verdict;
use pad_migrate::base::text::sentence;
use pad_migrate::config::environment::Environment;
use pad_migrate::config::settings::Roles;
use pad_migrate::postgres::session::Session;
use pad_migrate::report::plan::Planned;
use pad_migrate::schema::pg::apply::{apply, carry_out};
use pad_migrate::schema::pg::error::ApplyError;
use pad_migrate::schema::pg::plan::{assess, plan};
use pad_migrate::schema::pg::request::ChangeRequest;
use pad_migrate::schema::pg::revert::{plan_reversal, revert};
use pad_migrate::schema::pg::status;
use pad_migrate::schema::plan::outcome::Found;
use pad_migrate::schema::plan::step::{HazardKind, Left};

struct Case<'f> {
    outcome: &'f str,
    /// The oldest major version that takes its SQL.
    from: u32,
    name: &'f str,
    sql: &'f str,
}

fn cases(text: &str) -> Vec<Case<'_>> {
    let case = |text| {
        let text: &str = text;
        let (head, sql) = text.split_once('\n').expect("a case has SQL");
        let (outcome, name) = head.split_once(": ").expect("a case has an outcome and a name");
        let (outcome, from) = outcome.split_once(" from ").unwrap_or((outcome, "0"));
        Case { outcome, from: from.parse().expect("a version"), name, sql }
    };
    text.split("--- ").skip(1).map(case).collect()
}

fn blocking(found: &Found) -> Vec<&Left> {
    found.route.plan.blocking().collect()
}

/// What is blocked must not work by itself: the plan's own statements fail, or don't lead to the revision.
async fn is_really_blocked(session: &mut Session, request: &ChangeRequest<'_>, found: &Found) -> Result<(), String> {
    // What only the locks before COMMIT show, or the history's content.
    let is_seen_later = |it: &&Left| {
        matches!(it.kind.as_str(), "child_table" | "history_rule") || it.reason.contains("outside padealing")
    };
    if blocking(found).iter().any(is_seen_later) {
        return Ok(());
    }
    for step in &found.route.plan.steps {
        if run(session, &step.sql).await.is_err() {
            return Ok(());
        }
    }
    // It fails where the line is dropped, too.
    let record = "with line as (insert into padealing.schema_revision (revision, name, checksum, kind, database_role, \
                  program_version, environment) values ('0000', '', '', 'applied', '', '', 'local') returning 1) \
                  select 1 / count(*) from line";
    if run(session, record).await.is_err() {
        return Ok(());
    }
    match assess(session, request).await {
        Ok(again) if blocking(&again).is_empty() => Err(format!("a false alarm: {:#?}", blocking(found))),
        _ => Ok(()),
    }
}

async fn holds(session: &mut Session, request: &ChangeRequest<'_>, case: &Case<'_>) -> Result<(), String> {
    run(session, case.sql).await.map_err(|error| format!("the case fails: {}", sentence(&error)))?;
    run(session, "set constraints all immediate").await.expect("nothing is deferred");
    let found = assess(session, request).await.map_err(|error| format!("no plan: {}", sentence(&error)))?;
    let left = blocking(&found);
    if case.outcome != "applies" {
        if !left.iter().any(|it| it.kind == case.outcome) {
            return Err(format!("it isn't blocked by {}: {left:#?}", case.outcome));
        }
        return is_really_blocked(session, request, &found).await;
    }
    if !left.is_empty() {
        return Err(format!("it is blocked: {left:#?}"));
    }
    carry_out(session, request, None).await.map_err(|error| format!("apply fails: {}", sentence(&error)))?;
    let again = assess(session, request).await.map_err(|error| format!("no second plan: {}", sentence(&error)))?;
    match again.route.is_empty() {
        true => Ok(()),
        false => Err(format!("a second plan has steps: {:#?}", again.route)),
    }
}

#[rstest]
#[case::alembic(Start::Alembic, None, "fixtures/foreseen/alembic.sql")]
#[case::applied(Start::Applied, None, "fixtures/foreseen/applied.sql")]
#[case::earlier(Start::Reference, Some("0003"), "fixtures/foreseen/earlier.sql")]
#[case::public(Start::Public, None, "fixtures/foreseen/public.sql")]
#[case::reference(Start::Reference, None, "fixtures/foreseen/reference.sql")]
#[tokio::test]
async fn what_stops_apply_is_in_the_plan(#[case] start: Start, #[case] to: Option<&str>, #[case] file: &str) {
    let text = read(&root().join(file));
    with_db(start, async |db| {
        let roles = roles();
        let request = apply_request(&db.database, &roles);
        if to.is_some() {
            apply(&ChangeRequest { to, ..request }, None).await.expect("it applies");
        }
        let is_for = db.turn().await;
        let mut session = Session::from(db.connect().await);
        run(&mut session, "set search_path = pg_catalog; set jit = off").await.expect("a setting");
        let mut wrong = String::new();
        let cases = cases(&text);
        for (_, case) in cases.iter().enumerate().filter(|(at, case)| is_for(*at, case.from)) {
            run(&mut session, "begin; set local check_function_bodies = off").await.expect("a transaction begins");
            if let Err(error) = holds(&mut session, &request, case).await {
                wrong.push_str(&format!("{}: {error}\n\n", case.name));
            }
            run(&mut session, "rollback").await.expect("it ends");
        }
        session.close().await.expect("the connection closes");
        assert!(wrong.is_empty(), "\n{wrong}");
    })
    .await;
}

/// One role may be owner, application and reader: what default privileges give an owner of its own says nothing.
#[tokio::test]
async fn one_role_may_be_all_of_them() {
    with_db(Start::Reference, async |db| {
        let roles = roles();
        let roles = Roles { app: roles.owner.clone(), reader: roles.owner.clone(), ..roles };
        let request = apply_request(&db.database, &roles);
        apply(&request, None).await.unwrap_or_else(|error| panic!("{}", sentence(&error)));
        assert!(plan(&request).await.expect("a plan").route.is_empty());
        revert(&ChangeRequest { to: Some("0006"), ..request }, false, None).await.expect("it goes back");
        apply(&request, None).await.unwrap_or_else(|error| panic!("{}", sentence(&error)));
    })
    .await;
}

const LOG: &str = "
    create table public.ddl_log (id serial primary key, tag text);
    create function public.log_ddl() returns event_trigger language plpgsql as
        'begin insert into public.ddl_log (tag) values (tg_tag); end';
    create event trigger ddl_logger on ddl_command_end execute function public.log_ddl();";

/// What an event trigger writes elsewhere is let through where the user says so, and the history says it.
#[tokio::test]
async fn a_log_of_ddl_is_allowed_by_name_and_recorded() {
    with_db(Start::Reference, async |db| {
        let roles = roles();
        let request = apply_request(&db.database, &roles);
        apply(&ChangeRequest { to: Some("0006"), ..request }, None).await.expect("it applies");
        db.execute(LOG).await;
        let found = plan(&request).await.expect("a plan");
        let [left] = &blocking(&found)[..] else { panic!("{:#?}", found.route.plan.left) };
        assert_eq!((left.kind.as_str(), left.object.as_str()), ("event_trigger", "ddl_logger"));
        assert!(left.reason.ends_with("`pad-migrate apply --allow-object public.ddl_log`"), "{}", left.reason);
        assert!(matches!(apply(&request, None).await, Err(ApplyError::Blocked { .. })));
        for wrong in ["public.nothing", "padealing.pad_request", "bo_airflow.oracle_employee"] {
            let objects = [wrong.to_owned()];
            let error = plan(&ChangeRequest { allow_objects: &objects, ..request }).await.expect_err("it is refused");
            assert!(sentence(&error).starts_with(&format!("--allow-object {wrong}: ")), "{error}");
        }
        let objects = ["public.ddl_log".to_owned()];
        let allowing = ChangeRequest { allow_objects: &objects, ..request };
        let found = plan(&allowing).await.expect("a plan");
        assert!(blocking(&found).is_empty(), "{:#?}", found.route.plan.left);
        let notes = found.route.plan.steps.iter().flat_map(|it| &it.hazards);
        assert!(notes.filter(|it| it.kind == HazardKind::Trigger).count() == 1, "the trigger is named");
        let planned = Planned { environment: Environment::Local, place: "", found: &found, check: false };
        assert!(planned.sql().contains("-- allowed with --allow-object: public.ddl_log"), "{}", planned.sql());
        let applied = apply(&allowing, Some(&found.route)).await;
        let applied = applied.unwrap_or_else(|error| panic!("{}", sentence(&error)));
        assert_eq!(applied.route.allowed, objects);
        assert_ne!(db.value("select count(*) from public.ddl_log").await.as_deref(), Some("0"));
        let history = status::status(&request).await.expect("a status").history;
        assert_eq!(history.last().and_then(|it| it.allowed.as_deref()), Some("public.ddl_log"));
        assert!(plan(&request).await.expect("a plan").route.is_empty());
    })
    .await;
}

/// `revert` knows what `apply` does: it names the trigger that refuses, lets through what is named, and records it.
#[tokio::test]
async fn a_revert_is_watched_as_an_apply_is() {
    with_db(Start::Applied, async |db| {
        let roles = roles();
        let request = ChangeRequest { to: Some("0006"), ..apply_request(&db.database, &roles) };
        db.execute(LOG).await;
        let text = sentence(&revert(&request, false, None).await.expect_err("the log is outside"));
        assert!(text.contains("function public.log_ddl()") || text.contains("--allow-object public.ddl_log"), "{text}");
        db.execute("alter function public.log_ddl() set search_path = public").await;
        let text = sentence(&revert(&request, false, None).await.expect_err("the log is outside"));
        assert!(text.contains("`pad-migrate revert --allow-object public.ddl_log`"), "{text}");
        for (wrong, words) in [
            ("public.nothing", "there is no table public.nothing"),
            ("ddl_log", "there is no table ddl_log"),
            ("pg_catalog.pg_class", "never for schema pg_catalog"),
            ("information_schema.tables", "never for schema information_schema"),
            ("padealing.pad_request", "never for schema padealing"),
        ] {
            let objects = ["public.ddl_log".to_owned(), wrong.to_owned()];
            let wrong = ChangeRequest { allow_objects: &objects, ..request };
            for error in [
                plan_reversal(&wrong).await.expect_err("it is refused"),
                revert(&wrong, false, None).await.expect_err("it is refused"),
                plan(&ChangeRequest { to: None, ..wrong }).await.expect_err("it is refused"),
            ] {
                assert!(sentence(&error).contains(words), "{}", sentence(&error));
            }
        }
        let objects = ["public.ddl_log".to_owned()];
        let allowing = ChangeRequest { allow_objects: &objects, ..request };
        db.execute(
            "create function public.freeze() returns event_trigger language plpgsql as \
             'begin if tg_tag = ''REVOKE'' then raise exception ''frozen until Monday''; end if; end'; \
             create event trigger \"the freeze\" on ddl_command_start execute function public.freeze()",
        )
        .await;
        let text = sentence(&revert(&allowing, false, None).await.expect_err("it is frozen"));
        for part in ["event trigger \"the freeze\"", "down migration of revision 0007", "frozen until Monday"] {
            assert!(text.contains(part), "{text}");
        }
        db.execute("drop event trigger \"the freeze\"").await;
        let done = revert(&ChangeRequest { to: Some("0005"), ..allowing }, true, None).await;
        assert_eq!(done.unwrap_or_else(|error| panic!("{}", sentence(&error))).revisions.len(), 2);
        let history = status::status(&request).await.expect("a status").history;
        let newest: Vec<Option<&str>> = history.iter().rev().take(2).map(|it| it.allowed.as_deref()).collect();
        assert_eq!(newest, [Some("public.ddl_log"), None]);
    })
    .await;
}

/// What default privileges for every schema give on what comes later is what drift finds breaking: plan lists it, too.
#[tokio::test]
async fn default_privileges_of_every_schema_are_listed() {
    with_db(Start::Applied, async |db| {
        let roles = roles();
        let request = apply_request(&db.database, &roles);
        let owner = "alter default privileges for role pad_migrate_owner";
        db.execute(&format!("{owner} grant all on tables to pad_migrate_stranger")).await;
        let found = plan(&request).await.expect("a plan");
        let [left] = &found.route.plan.left[..] else { panic!("{:#?}", found.route.plan.left) };
        assert_eq!((left.kind.as_str(), left.is_blocking), ("default_privilege_gained", false));
        assert_eq!(left.object, "tables of pad_migrate_owner for pad_migrate_stranger");
        let planned = Planned { environment: Environment::Local, place: "", found: &found, check: false };
        assert_ne!(planned.verdict(), Verdict::Clean);
        db.execute(&left.remedy.as_ref().expect("a statement").sql).await;
        assert_eq!(plan(&request).await.expect("a plan").route.plan.left, []);
        db.execute(&format!("{owner} revoke all on tables from pad_migrate_stranger")).await;
    })
    .await;
}

/// What stays and depends on what a revert drops is named before anything is asked or changed; so is what the role may
/// not read of it.
#[tokio::test]
async fn a_revert_names_what_depends_on_what_it_drops() {
    with_db(Start::Applied, async |db| {
        let roles = roles();
        let request = ChangeRequest { to: Some("0000"), ..apply_request(&db.database, &roles) };
        let sequence = db.value("select pg_get_serial_sequence('padealing.pad_breach', 'id')").await;
        db.execute(&format!(
            "create view public.breaches as select * from padealing.pad_breach; \
             create table public.note (id int references padealing.pad_breach (id)); \
             create table public.row_of (one padealing.pad_breach); \
             create table public.heir () inherits (padealing.pad_breach); \
             create table public.numbered (id int default nextval('{}')); \
             create view public.revisions as select revision from padealing.schema_revision; \
             create view public.legacy as select legacy_id from (select id as legacy_id from padealing.pad_request) it; \
             alter view public.breaches owner to pad_migrate_stranger",
            sequence.expect("a sequence")
        ))
        .await;
        let all = [
            "view breaches (owner pad_migrate_stranger)",
            "constraint note_id_fkey on table note (owner ",
            "column one of table row_of (owner ",
            "table heir (owner ",
            "column id of table numbered (owner ",
            "view revisions (owner ",
            "view legacy (owner ",
        ];
        for error in [
            plan_reversal(&request).await.expect_err("it is refused"),
            revert(&request, true, None).await.expect_err("it is refused"),
        ] {
            assert!(matches!(error, ApplyError::Depended { .. }), "{error:?}");
            let text = sentence(&error).replace("public.", "");
            let missing: Vec<&str> = all.into_iter().filter(|it| !text.contains(it)).collect();
            assert!(missing.is_empty(), "{missing:?}: {text}");
            assert_eq!(text.matches("(owner ").count(), all.len(), "{text}");
        }
        db.execute(
            "drop view public.breaches, public.revisions, public.legacy; \
             drop table public.note, public.row_of, public.heir, public.numbered",
        )
        .await;
        plan_reversal(&request).await.unwrap_or_else(|error| panic!("{}", sentence(&error)));
    })
    .await;
}

/// A line that a trigger drops, before or after it is there, is missed: of an apply, a revert and an adoption.
#[rstest]
#[case::before("before insert", "return null")]
#[case::after("after insert", "delete from padealing.schema_revision where id = new.id; return null")]
#[tokio::test]
async fn a_line_that_is_dropped_is_missed(#[case] event: &str, #[case] body: &str) {
    with_db(Start::Applied, async |db| {
        let roles = roles();
        let request = apply_request(&db.database, &roles);
        // Only a condition keeps `plan` from knowing it.
        db.execute(&format!(
            "create function public.tf() returns trigger language plpgsql as \
             'begin if new.id > 0 then {body}; end if; return new; end'; \
             create trigger t {event} on padealing.schema_revision for each row execute function public.tf()"
        ))
        .await;
        let adopting = ChangeRequest { environment: Environment::Dev, adopts: Some(Environment::Local), ..request };
        let down = ChangeRequest { to: Some("0006"), ..request };
        for error in
            [apply(&adopting, None).await.expect_err("no line"), revert(&down, false, None).await.expect_err("no line")]
        {
            assert!(matches!(error, ApplyError::Unrecorded { .. }), "{error:?}");
        }
        // What `plan` knows of, it knows of an adoption, too.
        db.execute("drop trigger t on padealing.schema_revision").await;
        db.execute("alter table padealing.schema_revision add constraint c check (environment <> 'dev')").await;
        let error = apply(&adopting, None).await.expect_err("the check refuses it");
        assert!(matches!(error, ApplyError::Blocked { .. }), "{error:?}");
        assert_eq!(
            db.value("select count(*) from padealing.schema_revision where kind = 'reverted'").await.as_deref(),
            Some("0")
        );
    })
    .await;
}

/// A freeze that depends on something is a warning; when it refuses, the error names it and who can disable it.
#[tokio::test]
async fn a_freeze_of_ddl_is_named() {
    with_db(Start::Alembic, async |db| {
        db.execute(
            "create function public.freeze() returns event_trigger language plpgsql as \
             'begin if tg_tag = ''CREATE INDEX'' then raise exception ''frozen until Monday''; end if; end'; \
             create event trigger \"the freeze\" on ddl_command_start execute function public.freeze()",
        )
        .await;
        let roles = roles();
        let request = apply_request(&db.database, &roles);
        let found = plan(&request).await.expect("a plan");
        assert!(blocking(&found).is_empty(), "{:#?}", found.route.plan.left);
        let notes = found.route.plan.steps.iter().flat_map(|it| &it.hazards).map(|it| it.note.as_str());
        let notes: Vec<&str> = notes.filter(|it| it.contains("event trigger \"the freeze\" fires")).collect();
        assert_eq!(notes.len(), 1, "{notes:?}");
        let text = sentence(&apply(&request, None).await.expect_err("it is frozen"));
        for part in
            ["event trigger \"the freeze\"", "alter event trigger \"the freeze\" disable", "frozen until Monday"]
        {
            assert!(text.contains(part), "{text}");
        }
    })
    .await;
}
