-- A request that waits for compliance has an approved decision of the manager, and no other.
-- severity: fail
-- scenarios: 2, 3
-- rows: both
-- reads: padealing.audit_log, padealing.migration_mapping, padealing.pad_approval, padealing.pad_request
-- legacy: a row can be approved there without a decision of the manager
-- remedy: set the status that the decisions lead to, or record the decision that is missing
with stages as (
    select request_id,
           bool_or(approval_type = 'manager' and decision = 'approved') as manager,
           bool_or(approval_type = 'compliance' or decision <> 'approved') as other
    from padealing.pad_approval
    group by request_id
), odd as materialized (
    select r.id, coalesce(s.manager, false) as manager_approved, coalesce(s.other, false) as decided_otherwise
    from padealing.pad_request r
    left join stages s on s.request_id = r.id
    where r.status = 'pending_compliance' and (s.manager and not s.other) is not true
)
-- Nothing that the application did to it is in the audit log.
select o.id, o.manager_approved, o.decided_otherwise,
       l.id is not null and m.id is null and not o.decided_otherwise and t.request_id is null as as_in_source
from odd o
left join padealing.migration_mapping l
    on l.source_table = 'personal_account_dealing' and l.target_table = 'pad_request' and l.target_id = o.id
left join padealing.migration_mapping m
    on m.source_table = l.source_table and m.source_id = l.source_id and m.target_table = 'pad_approval:manager'
left join (
    select distinct a.request_id
    from padealing.audit_log a
    where a.details ->> 'source' is distinct from 'legacy_migration' and a.action_status <> 'failed'
) t on t.request_id = o.id
order by o.id;
