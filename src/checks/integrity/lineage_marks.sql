-- Every row that carries the mark of the migration has lineage.
-- severity: fail
-- rows: legacy
-- reads: padealing.audit_log, padealing.migration_mapping, padealing.pad_request
-- remedy: find out what removed the lineage, or wrote the mark; restore the lineage from a backup
with marked as (
    select 'pad_request' as relation, r.id as row_id, 'pad_request' as target_table
    from padealing.pad_request r
    where r.compliance_assessment ? 'legacy'
    union all
    select 'audit_log', a.id, 'audit_log:' || a.action_type
    from padealing.audit_log a
    where a.details ->> 'source' = 'legacy_migration'
)
select k.relation || ' ' || k.row_id as id
from marked k
where not exists (
    select from padealing.migration_mapping m
    where m.source_table = 'personal_account_dealing' and m.target_table = k.target_table and m.target_id = k.row_id)
order by k.relation, k.row_id;
