-- Every row of lineage has its target row.
-- severity: fail
-- rows: legacy
-- reads: padealing.audit_log, padealing.migration_mapping, padealing.pad_approval, padealing.pad_execution,
--   padealing.pad_request
-- remedy: `pad-migrate verify` shows which legacy rows it is about; restore what was removed from a backup
select m.id, m.source_id, m.target_table, m.target_id
from padealing.migration_mapping m
where m.source_table = 'personal_account_dealing'
  and not exists (
      select from (
          select r.id, 'pad_request' as name from padealing.pad_request r
          union all
          select p.id, 'pad_approval:' || p.approval_type from padealing.pad_approval p
          where p.approval_type in ('manager', 'compliance')
          union all
          select e.id, 'pad_execution' from padealing.pad_execution e
          union all
          select a.id, 'audit_log:' || a.action_type from padealing.audit_log a
          where a.action_type in ('request_submitted', 'approval_manager', 'approval_compliance')
      ) t
      where t.id = m.target_id and t.name = m.target_table)
order by m.id;
