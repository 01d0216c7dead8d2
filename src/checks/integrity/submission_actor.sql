-- A request was submitted by its employee, as the audit log names the person who did it.
-- severity: warn
-- scenarios: 1, 7
-- rows: both
-- reads: bo_airflow.oracle_employee, padealing.audit_log, padealing.pad_request
-- remedy: find out who submitted it; correct the employee of the request or the actor of the entry, or, if the
--   person acted for the employee, except the request (docs/integrity.md)
select r.id, r.employee_id, a.actor_id, a.id as entry_id
from padealing.pad_request r
join padealing.audit_log a
    on a.request_id = r.id and a.action_type = 'request_submitted' and a.action_status = 'success'
       and a.actor_type = 'user' and a.actor_id <> r.employee_id
-- Who isn't there has a check of its own.
where exists (select from bo_airflow.oracle_employee e where e.id = a.actor_id)
order by r.id, a.id;
