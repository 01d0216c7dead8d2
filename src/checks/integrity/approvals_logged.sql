-- Every decision has an entry of its own in the audit log, with the same decision; an attempt that failed or was
-- blocked is none.
-- severity: fail
-- scenarios: 2, 3, 5
-- rows: both
-- reads: padealing.audit_log, padealing.pad_approval
-- remedy: find out why the entry is missing; write it from the decision
with repeated as materialized (
    select p.id, p.request_id, p.approval_type, p.decision, p.decided_at,
           row_number() over (partition by p.request_id, p.approval_type, p.decision order by p.decided_at, p.id) as nth
    from padealing.pad_approval p
    -- Mostly there is none, which sorting numbers shows faster than grouping.
    where (select count(*) > count(distinct request_id) filter (where approval_type = 'manager')
               + count(distinct request_id) filter (where approval_type is distinct from 'manager')
           from padealing.pad_approval)
      and (p.request_id, p.approval_type) in (
        select request_id, approval_type from padealing.pad_approval group by request_id, approval_type
        having count(*) > 1)
), counted as (
    select q.id, count(*) as entries
    from repeated q
    join padealing.audit_log a
        on a.request_id = q.request_id and a.action_type = 'approval_' || q.approval_type
           and (a.action_status = 'success' or a.action_status = 'blocked' and q.decision = 'declined')
           and coalesce(a.decision, q.decision) = q.decision
    group by q.id
)
select p.id, p.request_id, p.approval_type, p.decision, p.decided_at
from padealing.pad_approval p
where not exists (
    select from padealing.audit_log a
    where a.request_id = p.request_id and a.action_type like 'approval\_%'
      and a.action_type = 'approval_' || p.approval_type
      and (a.action_status = 'success' or a.action_status = 'blocked' and p.decision = 'declined')
      and coalesce(a.decision, p.decision) = p.decision)
union all
-- One entry is no evidence of two decisions.
select q.id, q.request_id, q.approval_type, q.decision, q.decided_at
from repeated q
join counted c on c.id = q.id and c.entries < q.nth
order by 1;
