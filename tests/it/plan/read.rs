//! What is read from the text of a function that the server runs beside a command, before it runs: each sentence of PL/pgSQL
//! that refuses, writes, locks or means something else under another `search_path`, and what only looks like one.

use std::collections::BTreeMap;

use crate::snapshots::Snapshot;
use pad_migrate::schema::plan::code::{Code, Meanings, Occasion, Reading};

/// Bodies of functions.
const BODIES: &[&str] = &[
    "begin return new; end",
    "begin raise exception 'not today'; end",
    "begin raise notice 'not today'; return null; end",
    "begin raise 'no % %', tg_tag, 1; end",
    "begin raise $$no$$; end",
    "begin raise sqlstate '22012'; end",
    "begin raise division_by_zero; end",
    "begin raise using message = 'no way'; end",
    "begin raise warning 'x'; raise log 'x'; raise info 'x'; raise debug 'x'; return new; end",
    "begin assert false; end",
    "begin assert true; return new; end",
    "begin if tg_tag = 'CREATE TABLE' then raise exception 'no tables'; end if; end",
    "begin begin insert into public.log values (1); exception when others then null; end; return new; end",
    "begin insert into public.log values (1); return new; end",
    "begin insert into log values (1); return new; end",
    "begin insert into \"Log\" values (1); return new; end",
    "begin merge into public.log using x on true when matched then do nothing; end",
    "begin delete from public.log; update public.other set a = 1; end",
    "begin truncate table public.log; truncate public.other; lock table public.third; lock public.fourth; end",
    "begin perform 1 from public.log for update; perform 1 from public.log for no key update; end",
    "begin perform 1 from log join other on true; end",
    "begin select a into strict r from public.log; insert into public.log (a) values (1); end",
    "begin perform note(1); end",
    "begin perform public.note(1); perform lower('x'); end",
    "begin create function note() returns int language sql as 'select 1'; end",
    "begin return null; end",
    "begin new.revision := 'x'; return new; end",
    "begin new.revision = 'x'; new.ticket := 1; return new; end",
    "begin; new.ticket := 1; return new; end",
    "begin perform new.revision; return new; end",
    "begin for r in select 1 loop insert into public.log values (1); end loop; end",
    "begin execute 'insert into public.log values (1)'; end",
    "begin case when true then insert into public.log values (1); end case; end",
    "begin -- raise exception 'no'\n /* insert into public.log */ return new; end",
    "begin raise; end",
];

fn meanings() -> Meanings {
    let of = |names: &[&str]| names.iter().map(|it| ((*it).to_owned(), vec!["public".to_owned()])).collect();
    let relations: BTreeMap<String, Vec<String>> = of(&["log", "Log", "other"]);
    Meanings { relations, functions: of(&["note"]) }
}

fn shown(reading: &Reading) -> String {
    let Reading { refusal, written, unqualified, alteration, is_certain } = reading;
    let written: Vec<String> = written.iter().map(|(schema, name)| format!("{schema}.{name}")).collect();
    let mut parts = vec![if *is_certain { "each time" } else { "perhaps" }.to_owned()];
    parts.extend(refusal.as_ref().map(|it| format!("refuses {it:?}")));
    parts.extend((!written.is_empty()).then(|| format!("writes {}", written.join(", "))));
    parts.extend(unqualified.as_ref().map(|(name, schema)| format!("means {name} of {schema}")));
    parts.extend(alteration.clone());
    parts.join("; ")
}

#[test]
fn the_text_of_a_function_is_read() {
    let mut all = String::new();
    let record = |returns_row| Occasion::Record { returns_row };
    for (at, (occasion, has_search_path, is_conditional)) in
        [(record(true), false, false), (record(false), true, true)].into_iter().enumerate()
    {
        for body in BODIES {
            let code = Code {
                caller: "trigger t".to_owned(),
                name: "t".to_owned(),
                occasion: occasion.clone(),
                function: "public.f()".to_owned(),
                source: (*body).to_owned(),
                has_search_path,
                owner: "postgres".to_owned(),
                is_conditional,
            };
            let how = ["returns the line", "another path, under a condition"][at];
            all.push_str(&format!("{}\n    {how}: {}\n", body.replace('\n', " "), shown(&code.read(&meanings()))));
        }
    }
    Snapshot::plan__read.check(&all);
}
