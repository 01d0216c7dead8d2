//! Who may write to the legacy table, by whatever way, and that the statements which the gate shows end it.

use std::time::Duration;

use pretty_assertions::assert_eq;
use serde_json::Value;

use super::{Given, LEGACY, status};
use crate::harness::{Db, Start, with_db};
use pad_migrate::checks::check::{Check, Status};
use pad_migrate::checks::gate::Stage;
use pad_migrate::checks::pg::gate::gate;
use pad_migrate::checks::pg::gate::request::GateRequest;

/// Each role and each object has one way. `{n}` is the database's name, since roles are the whole server's.
const WAYS: &str = "
    create role {n}_app login; create role {n}_wrt; create role {n}_ni login noinherit; create role {n}_run login;
    grant usage on schema public to public;
    grant update (comments_manager) on public.personal_account_dealing to {n}_app;
    grant delete on public.personal_account_dealing to {n}_wrt; grant {n}_wrt to {n}_ni;
    create view public.trades as select * from public.personal_account_dealing;
    create view public.more as select * from public.trades; grant insert on public.more to {n}_app;
    create table public.desk (id int primary key, name text);
    alter table public.personal_account_dealing add desk_id int references public.desk on delete set null;
    grant delete, update on public.desk to {n}_app;
    create table public.inbox (id int); grant insert, update on public.inbox to {n}_app;
    create function public.take() returns trigger language plpgsql security definer
        as 'begin update public.personal_account_dealing set comments_manager = ''t'' where id = new.id; return new; end';
    create trigger taken after insert on public.inbox for each row execute function public.take();
    create rule noted as on update to public.inbox
        do also update public.personal_account_dealing set comments_manager = 'r' where id = new.id;
    create rule seen as on delete to public.inbox do also select count(*) from public.personal_account_dealing;
    grant delete on public.inbox to {n}_run;
    create function public.inner_step(int) returns void language sql
        as 'delete from personal_account_dealing where id = $1';
    create function public.outer_step(int) returns void language plpgsql security definer
        as 'begin perform public.inner_step($1); end';
    revoke execute on function public.outer_step(int) from public;
    grant execute on function public.outer_step(int) to {n}_run;
    create table public.feed (id int);
    create function public.pass_on() returns trigger language plpgsql
        as 'begin update public.personal_account_dealing set comments_manager = ''p'' where id = new.id; return new; end';
    create trigger passed after insert on public.feed for each row execute function public.pass_on();
    create function public.feed_it(int) returns void language sql security definer as 'insert into public.feed values ($1)';
    create function public.empty_feed() returns void language sql security definer as 'delete from public.feed';
    create role {n}_low; grant insert on public.inbox to {n}_low;
    create function public.low_feed(int) returns void language sql security definer as 'insert into public.inbox values ($1)';
    alter function public.low_feed(int) owner to {n}_low;
    revoke execute on function public.feed_it(int), public.low_feed(int) from public;
    grant execute on function public.feed_it(int), public.low_feed(int) to {n}_run;
    create table public.queue (id int) partition by list (id);
    create table public.queue_1 partition of public.queue for values in (1);
    create trigger taken after insert on public.queue_1 for each row execute function public.take();
    grant insert on public.queue to {n}_run;
    create subscription {n}_sub connection 'dbname=none' publication none with (connect = false, slot_name = none);
    insert into pg_subscription_rel (srsubid, srrelid, srsubstate)
        select oid, 'public.personal_account_dealing'::regclass, 'r' from pg_subscription where subname = '{n}_sub';
    update pg_subscription set subenabled = true where subname = '{n}_sub'";

/// What may write, and what only reads.
const POSSIBLE: &str = "
    create role {n}_adm login createrole;
    create function public.any_sql(text) returns void language plpgsql security definer as 'begin execute $1; end';
    create function public.counted() returns bigint language sql stable security definer
        as 'select count(*) from public.personal_account_dealing';
    create function public.other() returns bigint language sql security definer as 'select count(*) from public.desk';
    create schema archive; create table archive.personal_account_dealing (id int);
    create function public.quoted() returns void language plpgsql security definer as 'begin
        -- update personal_account_dealing, says the ticket
        raise notice ''nobody may delete from personal_account_dealing''; /* truncate personal_account_dealing */
        update archive.personal_account_dealing set id = 1; end'";

async fn frozen(db: &Db, given: &Given, freeze: Duration) -> Check {
    let found = gate(&GateRequest { freeze, ..given.request(db, Stage::Before) }).await;
    found.checks.into_iter().find(|it| it.name == "source_frozen").expect("it is there")
}

/// The statements that the message shows.
fn shown(check: &Check) -> Vec<String> {
    let (_, statements) = check.message.split_once(" runs: ").unwrap_or_default();
    let statements = statements.split(';').map(|it| it.trim().to_owned());
    statements.filter(|it| it.starts_with("revoke ") || it.starts_with("alter ")).collect()
}

#[tokio::test]
async fn every_way_to_write_is_found_and_ended_by_what_is_shown() {
    with_db(Start::Reference, async |db| {
        db.execute(LEGACY).await;
        let given = Given::new();
        let name = db.place().name.clone();
        db.execute(&WAYS.replace("{n}", &name)).await;
        let check = frozen(&db, &given, Duration::ZERO).await;
        assert_eq!(check.status, Status::Fail, "{check:?}");
        let row = |it: &Vec<Value>| it.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" may ");
        let found: Vec<String> = check.table.rows.iter().map(row).filter(|it| it.contains(&name)).collect();
        let wanted = [
            "{n}_app may delete on public.desk, by the foreign key personal_account_dealing_desk_id_fkey, \
             insert on public.inbox, by its trigger taken, update on public.inbox, by its rule noted, \
             insert through public.more, update",
            "{n}_ni may delete after set role {n}_wrt",
            "{n}_run may execute public.feed_it(integer), execute public.low_feed(integer), \
             execute public.outer_step(integer), insert through public.queue",
            "the subscription {n}_sub may insert, update, delete, truncate",
        ];
        assert_eq!(found, wanted.map(|it| it.replace("{n}", &name)));
        for statement in shown(&check) {
            db.execute(&statement).await;
        }
        // Not all are shown at once.
        let check = frozen(&db, &given, Duration::ZERO).await;
        for statement in shown(&check) {
            db.execute(&statement).await;
        }
        let check = frozen(&db, &given, Duration::ZERO).await;
        assert_eq!(check.status, Status::Skip, "nothing but the watch is left: {check:?}");

        // What can't be known from outside is said, and doesn't close the gate.
        db.execute(&POSSIBLE.replace("{n}", &name)).await;
        let has_set = db.major().await >= 16;
        if has_set {
            db.execute(&format!("grant {name}_ni to {name}_adm with admin true, inherit false, set false")).await;
            db.execute(&format!("grant insert on public.personal_account_dealing to {name}_wrt")).await;
            db.execute(&format!("alter role {name}_ni nologin")).await;
        }
        let check = frozen(&db, &given, Duration::from_millis(1)).await;
        // A text that names the table is named, and what it only says is no writing.
        assert_eq!(check.status, Status::Warn, "{check:?}");
        for part in [&*format!("{name}_adm"), "public.any_sql(text)"] {
            assert!(check.message.contains(part), "{part} in {}", check.message);
        }
        for part in ["counted", "other"] {
            assert!(!check.message.contains(part), "{part} in {}", check.message);
        }
        let ending = "alter subscription {n}_sub disable; drop subscription {n}_sub; drop owned by {n}_app, {n}_wrt, {n}_run, {n}_low; \
                      drop role {n}_app, {n}_wrt, {n}_ni, {n}_run, {n}_low, {n}_adm";
        db.execute(&ending.replace("{n}", &name)).await;
    })
    .await;
}

/// A job that commits as it goes reports what it has written at its end, and it needn't change how many rows there are.
#[tokio::test]
async fn a_job_that_commits_as_it_goes_is_seen() {
    with_db(Start::Applied, async |db| {
        db.execute(LEGACY).await;
        db.execute("update public.personal_account_dealing set last_modified_date = '9999-12-31' where id = 1").await;
        let given = Given::new();
        let asked = GateRequest { freeze: Duration::from_millis(1), ..given.request(&db, Stage::Before) };
        let job = db.execute(
            "do $$ begin for n in 1..1200 loop \
             update public.personal_account_dealing set comments_manager = n::text where id = 3; \
             commit; perform pg_sleep(0.05); end loop; end $$",
        );
        let found = tokio::select! {
            found = gate(&asked) => found,
            () = job => unreachable!("it takes a minute"),
        };
        let (state, message) = status(&found, "source_frozen");
        assert_eq!(state, Status::Fail, "{message}");
        assert!(message.contains("changed within") || message.contains("open transaction"), "{message}");
    })
    .await;
}
