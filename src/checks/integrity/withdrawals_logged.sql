-- Every withdrawal has an entry in the audit log; an attempt that failed is none.
-- severity: warn
-- scenarios: 6
-- rows: application
-- reads: padealing.audit_log, padealing.pad_request
-- remedy: find out why the entry is missing; write it from deleted_at and deleted_by_id (action_type
--   request_withdrawn)
select r.id, r.deleted_at, r.deleted_by_id
from padealing.pad_request r
where r.status = 'withdrawn'
  and not exists (
      select from padealing.audit_log a
      where a.request_id = r.id and a.action_status = 'success' and a.action_type like '%withdr%'
        and a.action_type ~ '^((pad|request)_)*(withdrawn|withdrawal(_recorded)?|withdraw(_request)?)$')
order by r.id;
