-- The third opinion of an evidence bundle that pad-migrate {{version}} wrote.
--
--     psql -X -f proof.sql
--
-- ends with PROVED (exit status 0) or NOT PROVED (exit status 3). It only reads, and runs on a standby, too.
--
--     psql -X -q -At -v rows=1 -f proof.sql | diff - rows.txt
--
-- names each row that has changed since the bundle was written.
--
-- It needs psql and PostgreSQL 13 or later, and uses nothing of pad-migrate: it reads the tables, judges what is
-- stored by the rules of the migration, turns it back into the legacy rows, and compares these with the legacy table
-- and with the hashes in the bundle.
\set ON_ERROR_STOP on
\set QUIET on
\set VERBOSITY terse
\set ECHO none
\timing off
\pset pager off
\pset format unaligned
\pset tuples_only on
\pset null ''
\pset expanded off
\if :{?rows}
\else
\set rows 0
\endif

begin isolation level repeatable read read only;
set local standard_conforming_strings = on;
set local client_encoding = 'UTF8';
set local search_path = pg_catalog;
set local "DateStyle" = 'ISO';
set local "IntervalStyle" = 'postgres';
set local "TimeZone" = 'UTC';
set local extra_float_digits = 3;
set local bytea_output = 'hex';
set local lc_monetary = 'C';
set local xmlbinary = 'base64';
set local xmloption = 'content';
set local transform_null_equals = off;
set local array_nulls = on;
set local quote_all_identifiers = off;
set local row_security = off;
set local jit = off;
set local work_mem = '64MB';
set local hash_mem_multiplier = 1;
set local statement_timeout = 0;
set local idle_in_transaction_session_timeout = 0;

select current_setting('server_encoding') = 'UTF8' as encoding_fits,
       current_setting('server_version_num')::int4 >= 130000 as version_fits,
       current_setting('server_version_num')::int4 >= 170000 as has_transaction_timeout \gset
\if :has_transaction_timeout
set local transaction_timeout = 0;
\endif
\if :encoding_fits
\else
do $$ begin raise exception 'This script needs the encoding UTF8; run it in the database of the bundle.'; end $$;
\endif
\if :version_fits
\else
do $$ begin raise exception 'This script needs PostgreSQL 13 or later.'; end $$;
\endif

-- Whether the legacy table has the columns that the bundle knows.
with known (name, type) as (
{{columns}}
),
found (name, type) as (
{{columns_now}}
)
select count(*) > count(found.name) as lacks_columns, count(*) - count(known.name) as columns_since
from known full join found using (name, type) \gset
\if :lacks_columns
do $$ begin raise exception 'NOT PROVED: the legacy table is gone, or lacks columns, or they have other types.'; end $$;
\endif

-- Where one row is due and there are more.
{{crowded}} \gset

-- Where a table was not analysed, as after a restore, the planner takes it for small.
set local enable_nestloop = off;
\if :rows
copy (
with {{rows}}
select concat(id, ' ', state, ' ', encode(source, 'hex'), ' ',
              case when state <> 'migrated' then '-' when is_missing then 'missing'
                   when target = source then case when is_wrong then 'wrong' else '=' end
                   else encode(target, 'hex') end, ' ',
              case when state = 'pending' then '-' else encode(k, 'hex') end)
from leaf order by id) to stdout;
\else

-- All rows: how many there are, the roots of the trees, which rows are wrong, and among which rows a tree has changed.
with {{rows}},
{{levels}},
counted as (
    select count(*) as source, count(*) filter (where state = 'migrated') as migrated,
           count(*) filter (where state = 'rejected') as rejected,
           count(*) filter (where state = 'pending') as pending,
           count(*) filter (where is_wrong) as wrong
    from leaf),
root as (
    select encode(coalesce(s, none), 'hex') as s, encode(coalesce(t, none), 'hex') as t,
           encode(coalesce(k, none), 'hex') as k
    from (select sha256(convert_to(E'node\n', 'UTF8')) as none) nothing left join level_8 on true),
{{changed}}
select counted.source as source, counted.migrated as migrated, counted.rejected as rejected,
       counted.pending as pending, counted.wrong as wrong_rows,
       root.s as source_root, root.t as target_root, root.k as keys_root,
       coalesce((select array_agg(id) from (select id from leaf where is_wrong order by id limit 1000) w), '{}')::text
           as wrong,
       case when (root.s, root.t, root.k) = ({{source_root}}, {{target_root}}, {{keys_root}}) then '[]'
            else coalesce((select json_agg(changed) from changed where s or t or k), '[]')::text end as changed
from counted, root \gset

set local enable_nestloop = on;

-- Rows that no legacy row explains.
select count(*) as strays,
       coalesce(json_agg(json_build_object('source_id', source_id, 'target',
           regexp_replace(target, '[^ -~]', '?', 'g'), 'field', field) order by source_id, target, field)
           filter (where n <= 1000), '[]')::text as stray_rows
from (select row_number() over (order by source_id, target, field) as n, s.* from (
{{strays}}) s) s \gset

-- All reasons on record, also those that are resolved, and those of no row.
select found.sha256 is distinct from {{claimed_reasons}} as reasons_changed from ({{reasons_hash}}) found \gset

-- The runs on record.
select count(*) filter (where claimed.id is not null and claimed.sha256 is distinct from found.sha256) as runs_changed,
       count(*) filter (where claimed.id is null) as runs_since
from ({{claimed_runs}}) claimed (id, sha256)
full join ({{run_hashes}}) found on found.id = claimed.id \gset

select {{outside_now}} as outside \gset

select to_char(:source, 'FM999,999,999,999') as source_shown,
       to_char(:migrated, 'FM999,999,999,999') as migrated_shown,
       to_char(:rejected, 'FM999,999,999,999') as rejected_shown,
       to_char(:pending, 'FM999,999,999,999') as pending_shown,
       to_char(:wrong_rows, 'FM999,999,999,999') as wrong_shown,
       :'source_root' = {{source_root}} as source_is_claimed,
       :'target_root' = {{target_root}} as target_is_claimed,
       :'keys_root' = {{keys_root}} as keys_are_claimed,
       (:source, :migrated, :rejected, :pending, :outside)
           = ({{source}}, {{migrated}}, {{rejected}}, {{pending}}, {{outside}}) as counts_are_claimed,
       {{is_here}} as is_here,
       case when {{is_here}} then :'source_root' = :'target_root' else {{source_root}} = {{target_root}} end
           as sides_agree \gset
select :'source_is_claimed' or not {{is_here}} as source_is_right \gset

\qecho 'The proof of a migration, by SQL alone'
\qecho
\qecho 'pad-migrate has moved the rows of a legacy table to the schema padealing, and wrote a bundle of evidence.'
\qecho 'This script belongs to the bundle, and uses nothing of that program. It reads what is stored now, turns it'
\qecho 'back into legacy rows, and compares: with the legacy table, with the rules of the migration, and with what'
\qecho 'the bundle says.'
\qecho
select 'Legacy rows  ' || {{place}} || case when {{is_here}} then '' else ', which is another place and is not read: '
       || 'what is stored is compared with what the bundle says' end;
select 'Bundle       written by pad-migrate ' || {{version_literal}};
\qecho
\qecho 'Rows'
select format('%14s legacy rows were read', :'source_shown');
select format('%14s of them are migrated', :'migrated_shown');
select format('%14s of them were rejected, for reasons on record', :'rejected_shown');
select format('%14s of them were never tried', :'pending_shown');
select format('%s = %s + %s + %s: each row is accounted for', :'source_shown', :'migrated_shown', :'rejected_shown',
              :'pending_shown');
select format('%s more have no id of their own, and are outside of this proof', :outside) where :outside > 0;
select format('The bundle has other numbers: %s legacy rows, %s migrated, %s rejected, %s never tried, '
              || '%s without an id of their own', {{source}}, {{migrated}}, {{rejected}}, {{pending}}, {{outside}})
where not :'counts_are_claimed';
\qecho
\qecho 'Fingerprints: SHA-256 over all rows. Whatever changes in a row, its fingerprint is another.'
select format('%-34s %s  %s', what, hash, said) from (values
    (1, 'the legacy rows', case when {{is_here}} then :'source_root' else {{source_root}} end,
     case when not {{is_here}} then 'as the bundle says' when :'source_is_claimed' then 'the same as in the bundle'
          else 'NOT the same as in the bundle' end),
    (2, 'the same, from what is stored', :'target_root',
     case when :'target_is_claimed' then 'the same as in the bundle' else 'NOT the same as in the bundle' end),
    (3, 'ids and times of what is stored', :'keys_root',
     case when :'keys_are_claimed' then 'the same as in the bundle' else 'NOT the same as in the bundle' end))
    v (n, what, hash, said) order by n;
select case when :'sides_agree' then 'What is stored gives back the legacy rows, to the byte.'
            else 'What is stored does not give back the legacy rows.' end;
select format('Changed since the bundle was written, among the rows %s: %s', among, changed)
from (select first, case when last is null then format('from id %s on', first)
                         else format('with ids from %s to %s', first, last) end as among,
             concat_ws(', ', case when s and {{is_here}} then 'the legacy rows' end,
                       case when t then 'what is stored' end,
                       case when k then 'ids or times of what is stored' end) as changed
      from json_to_recordset(:'changed') c (first int8, last int8, s boolean, t boolean, k boolean)
      where s and {{is_here}} or t or k
      order by first limit 100) c;
\qecho
select case when :wrong_rows = 0 and :strays = 0 then 'Differences: none'
            else format('Differences: %s of the rows that are migrated, %s without a legacy row of their own; the first '
                        || '1,000 are:', :'wrong_shown', :strays) end;
\if {{is_here}}
\set place_of_change here
\else
\set place_of_change elsewhere
\endif
with difference as (
{{details}}
),
stray as (
    select source_id, target, field
    from json_to_recordset(:'stray_rows') s (source_id int8, target text, field text)),
named as (
    select source_id, target, field, true as is_of_row from difference
    union select source_id, target, field, false from stray
    union all
    -- Found by the first look, and not by the second: never silent.
    select id, 'pad_request', '(the whole row)', true from unnest(:'wrong'::int8[]) id
    where id not in (select source_id from difference))
select format('row %s: %s, %s%s', source_id, target, field,
              case when not is_of_row then ''
                   when s and t and :'place_of_change' = 'here' then ' (near it both sides have changed since)'
                   when t then ' (near it what is stored has changed since)'
                   when s then ' (near it legacy rows have changed since)'
                   else '' end)
from named
left join json_to_recordset(:'changed') c (first int8, last int8, s boolean, t boolean, k boolean)
    on source_id >= first and (last is null or source_id <= last)
order by source_id, target, field limit 1000;
select format('Runs: %s of those in the bundle are gone or have changed', :runs_changed) where :runs_changed > 0;
select 'Reasons on record: they have changed; the table is padealing.migration_reject' where :'reasons_changed';
select format('Runs: %s since the bundle was written', :runs_since) where :runs_since > 0;
\qecho
select array_to_string(array_remove(array[
           case when not :'source_is_right' then 'the legacy rows are not those of the bundle' end,
           case when not :'target_is_claimed' then 'what is stored is not what it was' end,
           case when not :'keys_are_claimed' then 'ids or times of what is stored are not what they were' end,
           case when not :'counts_are_claimed' then 'the numbers of rows are not those of the bundle' end,
           case when not :'sides_agree' then 'what is stored does not give back the legacy rows' end,
           case when :columns_since > 0 then 'the legacy table has columns that the bundle does not know' end,
           case when :wrong_rows > 0 then 'migrated rows that differ: ' || :'wrong_shown' end,
           case when :strays > 0 then 'rows without a legacy row of their own: ' || :strays end,
           case when :pending > 0 then 'rows that were never tried: ' || :'pending_shown' end,
           case when :'reasons_changed' then 'the reasons on record have changed' end,
           case when :runs_changed > 0 then 'the runs on record have changed' end], null), '; ') as reasons \gset
select :'reasons' = '' as is_proved \gset
select 'Which rows have changed since: psql -X -q -At -v rows=1 -f proof.sql | diff - rows.txt' where not :'is_proved';
select case when :'is_proved' then format('PROVED: each of %s migrated rows is stored as it must be, gives its '
                   || 'legacy row back to the byte, and has not changed since the bundle was written; '
                   || '%s rows were rejected%s.',
                   :'migrated_shown', :'rejected_shown',
                   case when :outside > 0 then format('; nothing is proved of %s more, which have no id of their own', :outside)
                        else '' end)
            else 'NOT PROVED: ' || :'reasons' || '.' end;
\if :is_proved
\else
do $$ begin raise exception 'not proved'; end $$;
\endif
\endif
rollback;
