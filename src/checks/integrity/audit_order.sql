-- The audit log of a request is in time order: the submission, the manager, compliance, the execution. An attempt
-- that failed or was blocked has no place in it.
-- severity: fail
-- scenarios: 1, 2, 3, 4
-- rows: both
-- reads: padealing.audit_log, padealing.migration_mapping, padealing.pad_breach
-- legacy: the dates of the stages are as they are there
-- remedy: find out which entry has a wrong time, and correct it; if a trade came before its approval, record the breach
--   (pad_breach, a breach_type with execut, trad or approv in it)
with entries as not materialized (
    select a.id, a.request_id, a.action_type, a."timestamp",
           case when a.action_type in ('request_submitted', 'approval_manager', 'approval_compliance')
               then a.action_type
               when a.action_type like '%execut%' and a.action_type ~
                   '^((pad|request|trade)_)*(executed|execution(_(recorded|created|confirmed))?|record_execution)$'
               then 'execution' end as stage
    from padealing.audit_log a
    where a.request_id is not null
      and (a.action_status = 'success'
          or a.action_status = 'blocked' and a.action_type like 'approval%' and a.decision is distinct from 'approved')
), firsts as (
    select a.request_id,
           min(a."timestamp") filter (where a.stage = 'request_submitted') as submitted,
           min(a."timestamp") filter (where a.stage = 'approval_manager') as manager,
           min(a."timestamp") filter (where a.stage = 'approval_compliance') as compliance,
           min(a."timestamp") filter (where a.stage = 'execution') as executed
    from entries a
    group by a.request_id
), requests as materialized (
    select f.request_id, f.submitted, greatest(f.submitted, f.manager) as decided_by_manager,
           greatest(f.submitted, f.manager, f.compliance) as decided
    from firsts f
    where f.manager < f.submitted or f.compliance < greatest(f.submitted, f.manager)
       or f.executed < greatest(f.submitted, f.manager, f.compliance)
), odd as materialized (
    select a.id, a.request_id, a.action_type, a."timestamp", a.stage,
           case a.stage when 'approval_manager' then q.submitted
                when 'approval_compliance' then q.decided_by_manager
                when 'execution' then q.decided end as not_before
    from requests q
    join entries a on a.request_id = q.request_id
)
select o.id, o.request_id, o.action_type, o."timestamp", o.not_before, l.id is not null as as_in_source
from odd o
left join padealing.migration_mapping l
    on l.source_table = 'personal_account_dealing' and l.target_table like 'audit\_log:%' and l.target_id = o.id
where o."timestamp" < o.not_before
  and not (o.stage = 'execution' and exists (
      select from padealing.pad_breach b
      where b.request_id = o.request_id and b.breach_type ~* 'execut|trad|approv'))
order by o.id;
