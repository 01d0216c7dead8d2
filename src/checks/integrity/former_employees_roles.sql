-- Nobody who has left holds a role.
-- severity: warn
-- scenarios: 3
-- rows: application
-- reads: bo_airflow.oracle_employee, padealing.employee_role
-- remedy: revoke the role
select x.id, x.employee_id, x.role, e.end_date
from padealing.employee_role x
join bo_airflow.oracle_employee e on e.id = x.employee_id
where x.revoked_at is null and e.end_date < current_date
order by x.id;
