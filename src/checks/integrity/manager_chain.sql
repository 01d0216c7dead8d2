-- The approver of a manager's decision is in the employee's chain of managers.
-- severity: warn
-- scenarios: 2
-- rows: both
-- reads: bo_airflow.oracle_employee, padealing.migration_mapping, padealing.pad_approval, padealing.pad_request
-- legacy: the chain is that of today, and the decision is of its day
-- remedy: find out whether the approver stood in for the manager; if so, except the decision (docs/integrity.md),
--   else correct the approver
with recursive pairs as materialized (
    select distinct r.employee_id, p.approver_id
    from padealing.pad_approval p
    join padealing.pad_request r on r.id = p.request_id
    where p.approval_type = 'manager' and p.approver_id <> r.employee_id
), chain (employee_id, manager_id) as (
    select p.employee_id::bigint, e.manager_id::bigint
    from pairs p
    join bo_airflow.oracle_employee e on e.id = p.employee_id
    where e.manager_id is not null
    union
    select c.employee_id, e.manager_id::bigint
    from chain c
    join bo_airflow.oracle_employee e on e.id = c.manager_id
    where e.manager_id is not null
), outside as materialized (
    select p.employee_id, p.approver_id
    from pairs p
    where not exists (select from chain c where c.employee_id = p.employee_id and c.manager_id = p.approver_id)
)
select p.id, p.request_id, o.employee_id, o.approver_id, l.id is not null as as_in_source
from outside o
join padealing.pad_request r on r.employee_id = o.employee_id
join padealing.pad_approval p
    on p.request_id = r.id and p.approver_id = o.approver_id and p.approval_type = 'manager'
left join padealing.migration_mapping l
    on l.source_table = 'personal_account_dealing' and l.target_table = 'pad_approval:manager' and l.target_id = p.id
order by p.id;
