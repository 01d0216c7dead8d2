-- The lineage of a legacy row has its request and its submission.
-- severity: warn
-- rows: legacy
-- reads: padealing.migration_mapping
-- remedy: find out which tool wrote it; `pad-migrate verify` shows what the row lacks
select m.source_id as id, string_agg(m.target_table, ', ' order by m.target_table) as lineage_of
from padealing.migration_mapping m
where m.source_table = 'personal_account_dealing'
group by m.source_id
having count(*) filter (where m.target_table in ('pad_request', 'audit_log:request_submitted')) < 2
order by 1;
