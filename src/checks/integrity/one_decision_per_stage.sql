-- A request has at most one decision of each stage, apart from those of its own employee, which decide nothing.
-- severity: warn
-- scenarios: 2, 3, 5
-- rows: both
-- reads: padealing.pad_approval, padealing.pad_request
-- remedy: find out which of them holds, and remove the other; or except the request (docs/integrity.md)
with repeated as materialized (
    select p.request_id, p.approval_type, count(*) as decisions
    from padealing.pad_approval p
    group by p.request_id, p.approval_type
    having count(*) > 1
)
select q.request_id as id, q.approval_type, q.decisions
from repeated q
join padealing.pad_request r on r.id = q.request_id
join padealing.pad_approval p on p.request_id = q.request_id and p.approval_type = q.approval_type
where p.approver_id is distinct from r.employee_id
group by q.request_id, q.approval_type, q.decisions
having count(*) > 1
order by 1, 2;
