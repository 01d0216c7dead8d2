-- Every withdrawal has an entry in the audit log.
-- severity: warn
-- scenarios: 6
-- rows: application
-- reads: padealing.audit_log, padealing.pad_request
-- remedy: find out why the entry is missing; write it from deleted_at and deleted_by_id
select r.id, r.deleted_at, r.deleted_by_id
from padealing.pad_request r
where r.status = 'withdrawn'
  and not exists (
      select from padealing.audit_log a where a.request_id = r.id and a.action_type like '%withdr%')
order by r.id;
