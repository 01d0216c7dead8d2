-- Nobody decides on their own request.
-- severity: fail
-- scenarios: 2, 3
-- rows: both
-- reads: padealing.migration_mapping, padealing.pad_approval, padealing.pad_breach, padealing.pad_request
-- legacy: a person can be their own approver there
-- remedy: have another person decide this stage too, which is a second decision; if the request has ended, record
--   the breach (pad_breach, a breach_type with approv in it)
with odd as materialized (
    select p.id, p.request_id, p.approval_type, p.approver_id, r.status
    from padealing.pad_approval p
    join padealing.pad_request r on r.id = p.request_id
    where p.approver_id = r.employee_id
)
select o.id, o.request_id, o.approval_type, o.approver_id, l.id is not null as as_in_source
from odd o
left join padealing.migration_mapping l
    on l.source_table = 'personal_account_dealing' and l.target_table like 'pad\_approval:%'
       and l.target_id = o.id
where not exists (
        select from padealing.pad_approval q
        where q.request_id = o.request_id and q.approval_type = o.approval_type and q.approver_id <> o.approver_id)
  and not (o.status in ('executed', 'declined', 'rejected', 'withdrawn') and exists (
        select from padealing.pad_breach b where b.request_id = o.request_id and b.breach_type ilike '%approv%'))
order by o.id;
