-- A decision names its approver, by employee or by Google account.
-- severity: fail
-- scenarios: 2, 3, 5
-- rows: both
-- reads: padealing.pad_approval
-- remedy: find out who decided, and record it
select p.id, p.request_id, p.approval_type
from padealing.pad_approval p
where p.approver_id is null and nullif(p.approver_google_uid, '') is null
order by p.id;
