-- The managers and the contacts of the reference schema refer to employees that exist; no foreign key stands
-- there.
-- severity: warn
-- scenarios: 1, 2
-- rows: both
-- reads: bo_airflow.oracle_contact, bo_airflow.oracle_employee
-- remedy: ask the owners of the reference schema to load the employees again
select 'oracle_employee ' || e.id as id, 'manager_id' as field, e.manager_id as value
from bo_airflow.oracle_employee e
where e.manager_id is not null
  and not exists (select from bo_airflow.oracle_employee x where x.id = e.manager_id)
union all
select 'oracle_contact ' || c.id, 'employee_id', c.employee_id
from bo_airflow.oracle_contact c
where c.employee_id is not null
  and not exists (select from bo_airflow.oracle_employee x where x.id = c.employee_id)
order by 1;
