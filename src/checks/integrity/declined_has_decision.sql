-- A declined or rejected request has a declined decision.
-- severity: fail
-- scenarios: 5
-- rows: both
-- reads: padealing.audit_log, padealing.migration_mapping, padealing.pad_approval, padealing.pad_request
-- legacy: a row can be declined there without an approver of the stage that declined it
-- remedy: find out who declined it, and record the decision
with odd as materialized (
    select r.id, r.status
    from padealing.pad_request r
    where r.status in ('declined', 'rejected')
      and not exists (select from padealing.pad_approval p where p.request_id = r.id and p.decision = 'declined')
)
-- Nothing that the application did to it is in the audit log.
select o.id, o.status,
       l.id is not null and o.status = 'declined' and t.request_id is null as as_in_source
from odd o
left join padealing.migration_mapping l
    on l.source_table = 'personal_account_dealing' and l.target_table = 'pad_request' and l.target_id = o.id
left join (
    select distinct a.request_id
    from padealing.audit_log a
    where a.details ->> 'source' is distinct from 'legacy_migration' and a.action_status <> 'failed'
) t on t.request_id = o.id
order by o.id;
