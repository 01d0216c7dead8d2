-- An email address belongs to one employee; the application finds the employee by it.
-- severity: fail
-- scenarios: 1
-- rows: both
-- reads: bo_airflow.oracle_contact
-- remedy: ask the owners of the reference schema to correct the contacts
select lower(btrim(c.email)) as id, count(distinct c.employee_id) as employees,
       min(c.employee_id) as first_employee_id, max(c.employee_id) as last_employee_id
from bo_airflow.oracle_contact c
where c.employee_id is not null and btrim(c.email) <> ''
group by lower(btrim(c.email))
having count(distinct c.employee_id) > 1
order by 1;
