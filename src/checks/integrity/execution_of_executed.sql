-- An execution belongs to a request that is executed, or that came approved from the legacy table.
-- severity: fail
-- scenarios: 4
-- rows: both
-- reads: padealing.migration_mapping, padealing.pad_execution, padealing.pad_request
-- legacy: a row can say there that it was executed, whatever its status is
-- remedy: set the status of the request to executed, or remove the execution if there was none
with odd as materialized (
    select e.id, e.request_id, r.status
    from padealing.pad_execution e
    join padealing.pad_request r on r.id = e.request_id
    where r.status <> 'executed'
)
-- The legacy table has no status for it: what was executed is approved there.
select o.id, o.request_id, o.status, l.id is not null as as_in_source
from odd o
left join padealing.migration_mapping l
    on l.source_table = 'personal_account_dealing' and l.target_table = 'pad_execution' and l.target_id = o.id
where l.id is null or o.status <> 'approved'
order by o.id;
