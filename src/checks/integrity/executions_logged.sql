-- Every execution that the application recorded has an entry in the audit log.
-- severity: warn
-- scenarios: 4
-- rows: application
-- reads: padealing.audit_log, padealing.migration_mapping, padealing.pad_execution
-- remedy: find out why the entry is missing; write it from the execution
with odd as materialized (
    select e.id, e.request_id, e.executed_at
    from padealing.pad_execution e
    left join padealing.migration_mapping l
        on l.source_table = 'personal_account_dealing' and l.target_table = 'pad_execution' and l.target_id = e.id
    where l.id is null
)
select o.id, o.request_id, o.executed_at
from odd o
where not exists (
    select from padealing.audit_log a where a.request_id = o.request_id and a.action_type like '%execut%')
order by o.id;
