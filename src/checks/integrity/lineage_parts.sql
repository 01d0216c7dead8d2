-- The lineage of a legacy row has its request and its submission, and for each decision both the decision and its
-- entry in the audit log.
-- severity: fail
-- rows: legacy
-- reads: padealing.migration_mapping
-- remedy: find out what removed or wrote rows of lineage; restore them from a backup
with parts as (
    select m.source_id,
           bool_or(m.target_table = 'pad_request') as request,
           bool_or(m.target_table = 'audit_log:request_submitted') as submission,
           bool_or(m.target_table = 'pad_approval:manager') as manager,
           bool_or(m.target_table = 'audit_log:approval_manager') as manager_entry,
           bool_or(m.target_table = 'pad_approval:compliance') as compliance,
           bool_or(m.target_table = 'audit_log:approval_compliance') as compliance_entry,
           count(*) as rows
    from padealing.migration_mapping m
    where m.source_table = 'personal_account_dealing'
    group by m.source_id
)
select p.source_id as id, p.request, p.submission, p.manager, p.manager_entry, p.compliance, p.compliance_entry
from parts p
where not (p.request and p.rows = 1)
  and (not p.request or not p.submission or p.manager <> p.manager_entry or p.compliance <> p.compliance_entry)
order by p.source_id;
