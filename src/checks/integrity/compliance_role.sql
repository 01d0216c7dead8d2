-- The approver of compliance's decision had a role of compliance on that day.
-- severity: warn
-- scenarios: 3
-- rows: both
-- reads: padealing.employee_role, padealing.migration_mapping, padealing.pad_approval
-- legacy: roles were not kept there
-- remedy: find out whether the approver was allowed to decide; if so, correct the dates of the role; if not, have
--   compliance look at the request again and except the decision (docs/integrity.md)
with odd as materialized (
    select p.id, p.request_id, p.approver_id, p.decided_at
    from padealing.pad_approval p
    where p.approval_type = 'compliance' and p.approver_id is not null
      and not exists (
          select from padealing.employee_role e
          where e.employee_id = p.approver_id and lower(e.role) like 'compliance%'
            and date_trunc('day', e.granted_at) <= p.decided_at
            and (e.revoked_at is null or p.decided_at <= e.revoked_at))
)
select o.id, o.request_id, o.approver_id, o.decided_at, l.id is not null as as_in_source
from odd o
left join padealing.migration_mapping l
    on l.source_table = 'personal_account_dealing' and l.target_table = 'pad_approval:compliance' and l.target_id = o.id
order by o.id;
