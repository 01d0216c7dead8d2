-- A request that waits for the manager has no decision yet.
-- severity: fail
-- scenarios: 1, 2
-- rows: both
-- reads: padealing.migration_mapping, padealing.pad_approval, padealing.pad_request
-- legacy: a row can still be a request there though a stage is decided
-- remedy: set the status that the decisions lead to
with odd as materialized (
    select r.id, p.id as approval_id, p.approval_type, p.decision
    from padealing.pad_request r
    join padealing.pad_approval p on p.request_id = r.id
    where r.status = 'pending_manager'
)
select o.id, string_agg(o.approval_type || ' ' || o.decision, ', ' order by o.approval_id) as decisions,
       bool_and(l.id is not null) as as_in_source
from odd o
left join padealing.migration_mapping l
    on l.source_table = 'personal_account_dealing' and l.target_table like 'pad\_approval:%'
       and l.target_id = o.approval_id
group by o.id
order by o.id;
