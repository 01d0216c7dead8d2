-- The lineage of a legacy row has more than its request: an earlier tool wrote no more.
-- severity: warn
-- rows: legacy
-- reads: padealing.migration_mapping
-- remedy: find out which tool wrote it; `pad-migrate verify` shows what the row lacks; remove the request and its
--   lineage and migrate the row again, or except it (docs/integrity.md)
select m.source_id as id, min(m.target_id) as request_id, min(m.migrated_at) as migrated_at
from padealing.migration_mapping m
where m.source_table = 'personal_account_dealing'
group by m.source_id
having count(*) = 1 and min(m.target_table) = 'pad_request'
order by 1;
