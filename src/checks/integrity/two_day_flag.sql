-- executed_within_two_days of an executed request is set, and agrees with the dates of approval and execution
-- (business days; bank holidays are not known).
-- severity: warn
-- scenarios: 4
-- rows: application
-- reads: padealing.migration_mapping, padealing.pad_approval, padealing.pad_execution, padealing.pad_request
-- remedy: calculate the flag again, or correct the dates; if a bank holiday explains it, except the row
--   (docs/integrity.md)
with approved as (
    select request_id, max(decided_at) as at
    from padealing.pad_approval
    where approval_type = 'compliance' and decision = 'approved'
    group by request_id
), executed as (
    select request_id, min(executed_at) as at
    from padealing.pad_execution
    group by request_id
), odd as materialized (
    select r.id, r.executed_within_two_days, a.at as approved_at, e.at as executed_at
    from padealing.pad_request r
    join approved a on a.request_id = r.id
    join executed e on e.request_id = r.id
    where r.status = 'executed' and isfinite(a.at) and isfinite(e.at)
      and case r.executed_within_two_days
              -- Whatever the days between are, two days are no more than two business days.
              when false then e.at::date <= a.at::date + 2
              when true then e.at::date > a.at::date + case extract(isodow from a.at)
                  when 4 then 4 when 5 then 4 when 6 then 3 else 2 end
              else true
          end
)
select o.id, o.executed_within_two_days, o.approved_at, o.executed_at
from odd o
where not exists (
    select from padealing.pad_execution e
    join padealing.migration_mapping l
        on l.source_table = 'personal_account_dealing' and l.target_table = 'pad_execution' and l.target_id = e.id
    where e.request_id = o.id)
order by o.id;
