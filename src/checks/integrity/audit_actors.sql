-- A person who acts in the audit log is an employee that exists; no foreign key stands there.
-- severity: fail
-- scenarios: 7
-- rows: both
-- reads: bo_airflow.oracle_employee, padealing.audit_log
-- remedy: find out who acted; if the person left the reference schema, ask its owners to load the row again
select a.id, a.action_type, a.actor_id, a.request_id
from padealing.audit_log a
where a.actor_type = 'user'
  and case when a.actor_id is null then nullif(a.google_uid, '') is null
      else not exists (select from bo_airflow.oracle_employee e where e.id = a.actor_id) end
order by a.id;
