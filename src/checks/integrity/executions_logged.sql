-- Every execution that the application recorded has an entry of its own in the audit log, which names it or its
-- request; an attempt that failed and a reminder are none.
-- severity: warn
-- scenarios: 4
-- rows: application
-- reads: padealing.audit_log, padealing.migration_mapping, padealing.pad_execution
-- remedy: find out why the entry is missing; write it from the execution (action_type execution_recorded)
with executions as materialized (
    select e.id, e.request_id, e.executed_at
    from padealing.pad_execution e
    left join padealing.migration_mapping l
        on l.source_table = 'personal_account_dealing' and l.target_table = 'pad_execution' and l.target_id = e.id
    where l.id is null
), entries as materialized (
    select a.request_id, case a.entity_type when 'pad_execution' then a.entity_id end as execution_id
    from padealing.audit_log a
    where a.action_status = 'success' and a.action_type like '%execut%'
      and a.action_type ~
          '^((pad|request|trade)_)*(executed|execution(_(recorded|created|confirmed))?|record_execution)$'
), unnamed as (
    select e.id, e.request_id, e.executed_at,
           row_number() over (partition by e.request_id order by e.executed_at, e.id) as nth
    from executions e
    where not exists (select from entries a where a.execution_id = e.id)
), counted as (
    select a.request_id, count(*) as entries from entries a where a.execution_id is null group by a.request_id
)
select u.id, u.request_id, u.executed_at
from unnamed u
left join counted c on c.request_id = u.request_id
where u.nth > coalesce(c.entries, 0)
order by u.id;
