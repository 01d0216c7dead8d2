-- What has happened did not happen in the future, nor before 1970.
-- severity: warn
-- scenarios: 7
-- rows: both
-- reads: padealing.audit_log, padealing.migration_mapping, padealing.pad_approval, padealing.pad_execution,
--   padealing.pad_request
-- legacy: the dates are as they are there
-- remedy: correct the date
with odd as materialized (
    select 'pad_request' as relation, id as row_id, 'created_at' as field, created_at as value
    from padealing.pad_request where created_at > (now() + interval '1 day')::timestamp or created_at < '1970-01-01'
    union all
    select 'pad_approval:' || approval_type, id, 'decided_at', decided_at
    from padealing.pad_approval where decided_at > (now() + interval '1 day')::timestamp or decided_at < '1970-01-01'
    union all
    select 'pad_execution', id, 'executed_at', executed_at
    from padealing.pad_execution where executed_at > (now() + interval '1 day')::timestamp or executed_at < '1970-01-01'
    union all
    select 'audit_log:' || action_type, id, 'timestamp', "timestamp"
    from padealing.audit_log where "timestamp" > (now() + interval '1 day')::timestamp or "timestamp" < '1970-01-01'
)
select split_part(o.relation, ':', 1) || ' ' || o.row_id as id, o.field, o.value, l.id is not null as as_in_source
from odd o
-- The few that are odd are known by their ids first, so that lineage is not hashed as a whole.
left join (
    select m.id, m.target_table, m.target_id
    from padealing.migration_mapping m
    where m.source_table = 'personal_account_dealing' and m.target_id in (select row_id from odd)
) l on l.target_table = o.relation and l.target_id = o.row_id
order by 1, o.field;
