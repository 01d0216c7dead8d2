-- The audit log of a request is in time order: the submission, the manager, compliance, the execution.
-- severity: fail
-- scenarios: 1, 2, 3, 4
-- rows: both
-- reads: padealing.audit_log, padealing.migration_mapping
-- legacy: the dates of the stages are as they are there
-- remedy: find out which entry has a wrong time
with ranked as (
    select a.id, a.request_id, a.action_type, a."timestamp" as at,
           case when a.action_type = 'request_submitted' then 1
                when a.action_type = 'approval_manager' then 2
                when a.action_type = 'approval_compliance' then 3
                when a.action_type like '%execut%' then 4 end as step
    from padealing.audit_log a
    where a.request_id is not null and a.action_status <> 'failed'
), firsts as (
    select request_id,
           min(at) filter (where step = 1) as submitted,
           min(at) filter (where step = 2) as manager,
           min(at) filter (where step = 3) as compliance
    from ranked
    where step < 4
    group by request_id
), odd as materialized (
    select a.id, a.request_id, a.action_type, a.at,
           case a.step when 2 then f.submitted
                when 3 then greatest(f.submitted, f.manager)
                else greatest(f.submitted, f.manager, f.compliance) end as not_before
    from ranked a
    join firsts f on f.request_id = a.request_id
    where a.at < case a.step when 2 then f.submitted
                when 3 then greatest(f.submitted, f.manager)
                when 4 then greatest(f.submitted, f.manager, f.compliance) end
)
select o.id, o.request_id, o.action_type, o.at as "timestamp", o.not_before, l.id is not null as as_in_source
from odd o
left join padealing.migration_mapping l
    on l.source_table = 'personal_account_dealing' and l.target_table = 'audit_log:' || o.action_type
       and l.target_id = o.id
order by o.id;
