-- A trade is executed on or after the day on which compliance approved it.
-- severity: fail
-- scenarios: 4
-- rows: both
-- reads: padealing.migration_mapping, padealing.pad_approval, padealing.pad_breach, padealing.pad_execution
-- legacy: the day of an execution is taken from a date of the approvals
-- remedy: correct the date; if the trade came first, record the breach (pad_breach, a breach_type with execut, trad
--   or approv in it)
with approved as (
    select request_id, max(decided_at) as at
    from padealing.pad_approval
    where approval_type = 'compliance' and decision = 'approved'
    group by request_id
), odd as materialized (
    select e.id, e.request_id, e.executed_at, a.at as approved_at
    from padealing.pad_execution e
    join approved a on a.request_id = e.request_id
    where date_trunc('day', e.executed_at) < date_trunc('day', a.at)
)
select o.id, o.request_id, o.executed_at, o.approved_at, l.id is not null as as_in_source
from odd o
left join padealing.migration_mapping l
    on l.source_table = 'personal_account_dealing' and l.target_table = 'pad_execution' and l.target_id = o.id
where not exists (
    select from padealing.pad_breach b
    where b.request_id = o.request_id and b.breach_type ~* 'execut|trad|approv')
order by o.id;
