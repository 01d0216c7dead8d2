-- An entry of the audit log refers to a row that exists, or whose deletion is an entry too, and to the request of
-- that row.
-- severity: fail
-- scenarios: 7
-- rows: both
-- reads: padealing.audit_log, padealing.pad_approval, padealing.pad_breach, padealing.pad_execution,
--   padealing.pad_request
-- remedy: find out what removed the row, and write an entry that says so (action_type with deleted); or correct
--   what the entry refers to
with named as (
    select a.id, a.entity_type, a.entity_id, a.request_id
    from padealing.audit_log a
    where a.entity_id is not null
), found as (
    select a.id, a.entity_type, a.entity_id, a.request_id, r.id as found_id, r.id as found_request
    from named a left join padealing.pad_request r on r.id = a.entity_id
    where a.entity_type = 'pad_request'
    union all
    select a.id, a.entity_type, a.entity_id, a.request_id, p.id, p.request_id
    from named a left join padealing.pad_approval p on p.id = a.entity_id
    where a.entity_type = 'pad_approval'
    union all
    select a.id, a.entity_type, a.entity_id, a.request_id, e.id, e.request_id
    from named a left join padealing.pad_execution e on e.id = a.entity_id
    where a.entity_type = 'pad_execution'
    union all
    select a.id, a.entity_type, a.entity_id, a.request_id, b.id, b.request_id
    from named a left join padealing.pad_breach b on b.id = a.entity_id
    where a.entity_type = 'pad_breach'
)
select f.id, f.entity_type, f.entity_id, f.request_id, f.found_request as request_of_entity
from found f
where f.request_id <> f.found_request
   or f.found_id is null and not exists (
        select from padealing.audit_log d
        where d.entity_type = f.entity_type and d.entity_id = f.entity_id and d.action_status = 'success'
          and d.action_type ~ '(deleted|removed)')
order by f.id;
