-- A rejection is closed once its legacy row is migrated.
-- severity: warn
-- rows: legacy
-- reads: padealing.migration_mapping, padealing.migration_reject
-- remedy: find out what wrote the lineage, since `pad-migrate migrate` closes the rejections of the rows it
--   migrates; then set resolved_run_id, to last_run_id if no run migrated the row
select j.id, j.source_id, j.field, j.rule
from padealing.migration_reject j
join padealing.migration_mapping m
    on m.source_table = j.source_table and m.source_id = j.source_id and m.target_table = 'pad_request'
where j.resolved_run_id is null
order by j.id;
