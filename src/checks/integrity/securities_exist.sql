-- Every security that a row refers to exists, where no foreign key stands too.
-- severity: fail
-- scenarios: 1, 8
-- rows: both
-- reads: bo_airflow.oracle_bloomberg, padealing.pad_request, padealing.restricted_security
-- remedy: ask the owners of the reference schema to load the security again, or correct the row
with links as (
    select 'pad_request' as relation, id as row_id, 'security_id' as field, security_id as value
    from padealing.pad_request where security_id is not null
    union all
    select 'restricted_security' as relation, id as row_id, 'security_id' as field, security_id as value
    from padealing.restricted_security where security_id is not null
)
select k.relation || ' ' || k.row_id as id, k.field, k.value
from links k
where not exists (select from bo_airflow.oracle_bloomberg x where x.id = k.value)
order by k.relation, k.row_id, k.field;
