-- Every request that a row refers to exists, where no foreign key stands too.
-- severity: fail
-- scenarios: 7
-- rows: both
-- reads: padealing.audit_log, padealing.compliance_decision_outcome, padealing.pad_approval, padealing.pad_breach,
--   padealing.pad_execution, padealing.pad_request
-- remedy: find out what removed the request; restore it, or remove what refers to it
with links as (
    select 'pad_approval' as relation, id as row_id, 'request_id' as field, request_id as value
    from padealing.pad_approval where request_id is not null
    union all
    select 'pad_execution' as relation, id as row_id, 'request_id' as field, request_id as value
    from padealing.pad_execution where request_id is not null
    union all
    select 'pad_breach' as relation, id as row_id, 'request_id' as field, request_id as value
    from padealing.pad_breach where request_id is not null
    union all
    select 'audit_log' as relation, id as row_id, 'request_id' as field, request_id as value
    from padealing.audit_log where request_id is not null
    union all
    select 'compliance_decision_outcome' as relation, id as row_id, 'request_id' as field, request_id as value
    from padealing.compliance_decision_outcome where request_id is not null
)
select k.relation || ' ' || k.row_id as id, k.field, k.value
from links k
where not exists (select from padealing.pad_request x where x.id = k.value)
order by k.relation, k.row_id, k.field;
