-- A withdrawn request has deleted_at and deleted_by_id.
-- severity: fail
-- scenarios: 6
-- rows: application
-- reads: padealing.pad_request
-- remedy: set both, from the entry of the withdrawal in the audit log
select r.id, r.deleted_at, r.deleted_by_id
from padealing.pad_request r
where r.status = 'withdrawn' and (r.deleted_at is null or r.deleted_by_id is null)
order by r.id;
