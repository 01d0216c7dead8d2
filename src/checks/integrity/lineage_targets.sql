-- Every row of lineage has its target row.
-- severity: fail
-- rows: legacy
-- reads: padealing.audit_log, padealing.migration_mapping, padealing.pad_approval, padealing.pad_execution,
--   padealing.pad_request
-- remedy: `pad-migrate verify` shows which legacy rows it is about; restore what was removed from a backup
select m.id, m.source_id, m.target_table, m.target_id
from padealing.migration_mapping m
where m.source_table = 'personal_account_dealing' and m.target_table = 'pad_request'
  and not exists (select from padealing.pad_request r where r.id = m.target_id)
union all
select m.id, m.source_id, m.target_table, m.target_id
from padealing.migration_mapping m
left join padealing.pad_approval p on p.id = m.target_id
where m.source_table = 'personal_account_dealing'
  and m.target_table in ('pad_approval:manager', 'pad_approval:compliance')
  and 'pad_approval:' || p.approval_type is distinct from m.target_table
union all
select m.id, m.source_id, m.target_table, m.target_id
from padealing.migration_mapping m
where m.source_table = 'personal_account_dealing' and m.target_table = 'pad_execution'
  and not exists (select from padealing.pad_execution e where e.id = m.target_id)
union all
select m.id, m.source_id, m.target_table, m.target_id
from padealing.migration_mapping m
left join padealing.audit_log a on a.id = m.target_id
where m.source_table = 'personal_account_dealing'
  and m.target_table in ('audit_log:request_submitted', 'audit_log:approval_manager', 'audit_log:approval_compliance')
  and 'audit_log:' || a.action_type is distinct from m.target_table
union all
select m.id, m.source_id, m.target_table, m.target_id
from padealing.migration_mapping m
where m.source_table = 'personal_account_dealing'
  and m.target_table not in ('pad_request', 'pad_approval:manager', 'pad_approval:compliance', 'pad_execution',
      'audit_log:request_submitted', 'audit_log:approval_manager', 'audit_log:approval_compliance')
order by 1;
