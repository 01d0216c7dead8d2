-- Every decision has its entry in the audit log, with the same decision.
-- severity: fail
-- scenarios: 2, 3, 5
-- rows: both
-- reads: padealing.audit_log, padealing.pad_approval
-- remedy: find out why the entry is missing; write it from the decision
select p.id, p.request_id, p.approval_type, p.decision, p.decided_at
from padealing.pad_approval p
where not exists (
    select from padealing.audit_log a
    where a.request_id = p.request_id and a.action_type = 'approval_' || p.approval_type
      and coalesce(a.decision, p.decision) = p.decision)
order by p.id;
