-- Every row that carries the mark of the migration has lineage.
-- severity: fail
-- rows: legacy
-- reads: padealing.audit_log, padealing.migration_mapping, padealing.pad_request
-- remedy: find out what removed the lineage, or wrote the mark; restore the lineage from a backup
select 'pad_request ' || r.id as id
from padealing.pad_request r
where r.compliance_assessment -> 'legacy' is not null
  and not exists (
      select from padealing.migration_mapping m
      where m.source_table = 'personal_account_dealing' and m.target_table = 'pad_request' and m.target_id = r.id)
union all
select 'audit_log ' || a.id
from padealing.audit_log a
where a.details ->> 'source' = 'legacy_migration'
  and not exists (
      select from padealing.migration_mapping m
      where m.source_table = 'personal_account_dealing' and m.target_table like 'audit\_log:%'
        and m.target_id = a.id)
order by 1;
