-- A breach is of the employee of its request.
-- severity: fail
-- scenarios: 7
-- rows: application
-- reads: padealing.pad_breach, padealing.pad_request
-- remedy: correct the employee or the request of the breach
select b.id, b.request_id, b.employee_id, r.employee_id as employee_of_request
from padealing.pad_breach b
join padealing.pad_request r on r.id = b.request_id
where b.employee_id <> r.employee_id
order by b.id;
