-- A decision comes after the request, and compliance decides after the manager.
-- severity: fail
-- scenarios: 2, 3
-- rows: both
-- reads: padealing.migration_mapping, padealing.pad_approval, padealing.pad_request
-- legacy: the dates of the stages are as they are there
-- remedy: correct the date that is wrong
with firsts as (
    select request_id,
           min(decided_at) as any_stage,
           min(decided_at) filter (where approval_type = 'manager') as manager,
           min(decided_at) filter (where approval_type = 'compliance') as compliance
    from padealing.pad_approval
    group by request_id
), requests as (
    select f.request_id, r.created_at, f.manager
    from firsts f
    join padealing.pad_request r on r.id = f.request_id
    where f.any_stage < r.created_at or f.compliance < f.manager
), odd as materialized (
    select p.id, p.request_id, p.approval_type, p.decided_at,
           case p.approval_type when 'manager' then q.created_at
               else greatest(q.created_at, q.manager) end as not_before
    from requests q
    join padealing.pad_approval p on p.request_id = q.request_id
)
select o.id, o.request_id, o.approval_type, o.decided_at, o.not_before, l.id is not null as as_in_source
from odd o
left join padealing.migration_mapping l
    on l.source_table = 'personal_account_dealing' and l.target_table like 'pad\_approval:%'
       and l.target_id = o.id
where o.decided_at < o.not_before
order by o.id;
