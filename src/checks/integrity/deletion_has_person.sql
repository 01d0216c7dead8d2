-- A request has deleted_at and deleted_by_id, or neither; withdrawn ones have a check of their own, and a legacy
-- row does not say who deleted it.
-- severity: fail
-- scenarios: 6
-- rows: application
-- reads: padealing.migration_mapping, padealing.pad_request
-- remedy: set both, or neither if the request was not deleted
with odd as materialized (
    select r.id, r.status, r.deleted_at, r.deleted_by_id
    from padealing.pad_request r
    where r.status <> 'withdrawn' and (r.deleted_at is null) <> (r.deleted_by_id is null)
)
select o.id, o.status, o.deleted_at, o.deleted_by_id
from odd o
left join padealing.migration_mapping l
    on l.source_table = 'personal_account_dealing' and l.target_table = 'pad_request' and l.target_id = o.id
where l.id is null or o.deleted_at is null
order by o.id;
