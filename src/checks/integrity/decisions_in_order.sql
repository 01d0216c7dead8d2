-- A decision comes after the request, and compliance decides after the manager.
-- severity: fail
-- scenarios: 2, 3
-- rows: both
-- reads: padealing.migration_mapping, padealing.pad_approval, padealing.pad_request
-- legacy: the dates of the stages are as they are there
-- remedy: correct the date that is wrong
with odd as materialized (
    select p.id, p.request_id, p.approval_type, p.decided_at, r.created_at as not_before
    from padealing.pad_approval p
    join padealing.pad_request r on r.id = p.request_id
    where p.decided_at < r.created_at
    union
    select p.id, p.request_id, p.approval_type, p.decided_at, m.decided_at
    from padealing.pad_approval p
    join (select request_id, min(decided_at) as decided_at from padealing.pad_approval
          where approval_type = 'manager' group by request_id) m on m.request_id = p.request_id
    where p.approval_type = 'compliance' and p.decided_at < m.decided_at
)
select o.id, o.request_id, o.approval_type, o.decided_at, max(o.not_before) as not_before,
       bool_and(l.id is not null) as as_in_source
from odd o
left join padealing.migration_mapping l
    on l.source_table = 'personal_account_dealing' and l.target_table = 'pad_approval:' || o.approval_type
       and l.target_id = o.id
group by o.id, o.request_id, o.approval_type, o.decided_at
order by o.id;
