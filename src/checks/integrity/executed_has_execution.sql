-- An executed request has an execution.
-- severity: fail
-- scenarios: 4
-- rows: application
-- reads: padealing.pad_execution, padealing.pad_request
-- remedy: record the execution, or set the status back to approved
select r.id, r.status
from padealing.pad_request r
where r.status = 'executed'
  and not exists (select from padealing.pad_execution e where e.request_id = r.id)
order by r.id;
