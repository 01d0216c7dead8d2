-- An approval of compliance says that it considered what the request declares: a restricted security, a conflict.
-- severity: warn
-- scenarios: 8, 9
-- rows: both
-- reads: padealing.pad_approval, padealing.pad_request
-- remedy: have compliance look at the request again, and set restricted_check or conflict_check of the approval
select p.id, p.request_id, r.is_restricted, p.restricted_check, r.has_conflict, p.conflict_check
from padealing.pad_approval p
join padealing.pad_request r on r.id = p.request_id
where p.approval_type = 'compliance' and p.decision = 'approved'
  and (r.is_restricted and p.restricted_check is not true or r.has_conflict and p.conflict_check is not true)
order by p.id;
