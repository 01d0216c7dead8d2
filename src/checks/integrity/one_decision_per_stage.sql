-- A request has at most one decision of each stage.
-- severity: warn
-- scenarios: 2, 3, 5
-- rows: both
-- reads: padealing.pad_approval
-- remedy: find out which of them holds
select p.request_id as id, p.approval_type, count(*) as decisions
from padealing.pad_approval p
group by p.request_id, p.approval_type
having count(*) > 1
order by 1, 2;
