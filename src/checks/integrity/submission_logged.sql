-- Every request has its submission in the audit log; an attempt that failed or was blocked is none.
-- severity: fail
-- scenarios: 1, 7
-- rows: both
-- reads: padealing.audit_log, padealing.pad_request
-- remedy: find out why the entry is missing; write it from created_at and employee_id
select r.id, r.status, r.created_at
from padealing.pad_request r
where not exists (
    select from padealing.audit_log a
    where a.request_id = r.id and a.action_type = 'request_submitted' and a.action_status = 'success')
order by r.id;
