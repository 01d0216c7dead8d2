-- Every employee that a row refers to exists, where no foreign key stands too.
-- severity: fail
-- scenarios: 1
-- rows: both
-- reads: bo_airflow.oracle_employee, padealing.chatbot_session, padealing.compliance_config,
--   padealing.employee_role, padealing.pad_approval, padealing.pad_breach, padealing.pad_execution,
--   padealing.pad_request, padealing.restricted_security
-- remedy: ask the owners of the reference schema to load the employee again, or correct the row
with links as (
    select 'pad_request' as relation, id as row_id, 'employee_id' as field, employee_id as value
    from padealing.pad_request where employee_id is not null
    union all
    select 'pad_request' as relation, id as row_id, 'updated_by_id' as field, updated_by_id as value
    from padealing.pad_request where updated_by_id is not null
    union all
    select 'pad_request' as relation, id as row_id, 'deleted_by_id' as field, deleted_by_id as value
    from padealing.pad_request where deleted_by_id is not null
    union all
    select 'pad_approval' as relation, id as row_id, 'approver_id' as field, approver_id as value
    from padealing.pad_approval where approver_id is not null
    union all
    select 'pad_execution' as relation, id as row_id, 'recorded_by_id' as field, recorded_by_id as value
    from padealing.pad_execution where recorded_by_id is not null
    union all
    select 'pad_breach' as relation, id as row_id, 'employee_id' as field, employee_id as value
    from padealing.pad_breach where employee_id is not null
    union all
    select 'pad_breach' as relation, id as row_id, 'resolved_by_id' as field, resolved_by_id as value
    from padealing.pad_breach where resolved_by_id is not null
    union all
    select 'employee_role' as relation, id as row_id, 'employee_id' as field, employee_id as value
    from padealing.employee_role where employee_id is not null
    union all
    select 'employee_role' as relation, id as row_id, 'granted_by_id' as field, granted_by_id as value
    from padealing.employee_role where granted_by_id is not null
    union all
    select 'restricted_security' as relation, id as row_id, 'added_by_id' as field, added_by_id as value
    from padealing.restricted_security where added_by_id is not null
    union all
    select 'compliance_config' as relation, id as row_id, 'updated_by_id' as field, updated_by_id as value
    from padealing.compliance_config where updated_by_id is not null
    union all
    select 'chatbot_session' as relation, id as row_id, 'employee_id' as field, employee_id as value
    from padealing.chatbot_session where employee_id is not null
)
select k.relation || ' ' || k.row_id as id, k.field, k.value
from links k
where not exists (select from bo_airflow.oracle_employee x where x.id = k.value)
order by k.relation, k.row_id, k.field;
