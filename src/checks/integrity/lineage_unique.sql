-- A target row comes from one legacy row.
-- severity: fail
-- rows: legacy
-- reads: padealing.migration_mapping
-- remedy: find out what wrote the second row of lineage, and remove it
select min(m.id) as id, min(m.target_table) as target_table, m.target_id, count(*) as sources
from padealing.migration_mapping m
where m.source_table = 'personal_account_dealing' and m.target_table = 'pad_request'
group by m.target_id
having count(*) > 1
union all
select min(m.id) as id, min(m.target_table) as target_table, m.target_id, count(*) as sources
from padealing.migration_mapping m
where m.source_table = 'personal_account_dealing'
  and m.target_table in ('pad_approval:manager', 'pad_approval:compliance')
group by m.target_id
having count(*) > 1
union all
select min(m.id) as id, min(m.target_table) as target_table, m.target_id, count(*) as sources
from padealing.migration_mapping m
where m.source_table = 'personal_account_dealing' and m.target_table = 'pad_execution'
group by m.target_id
having count(*) > 1
union all
select min(m.id) as id, min(m.target_table) as target_table, m.target_id, count(*) as sources
from padealing.migration_mapping m
where m.source_table = 'personal_account_dealing'
  and m.target_table in ('audit_log:request_submitted', 'audit_log:approval_manager', 'audit_log:approval_compliance')
group by m.target_id
having count(*) > 1
order by 1;
