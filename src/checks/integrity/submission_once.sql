-- A request is submitted once.
-- severity: warn
-- scenarios: 1, 7
-- rows: both
-- reads: padealing.audit_log
-- remedy: find out which entry is right, and remove the other: counts of submissions are too high
select a.request_id as id, count(*) as submissions
from padealing.audit_log a
where a.action_type = 'request_submitted' and a.action_status = 'success' and a.request_id is not null
group by a.request_id
having count(*) > 1
order by 1;
