-- A target row comes from one legacy row.
-- severity: fail
-- rows: legacy
-- reads: padealing.migration_mapping
-- remedy: find out what wrote the second row of lineage, and remove it
select min(m.id) as id, m.target_table, m.target_id, count(*) as sources
from padealing.migration_mapping m
where m.source_table = 'personal_account_dealing'
group by m.target_table, m.target_id
having count(*) > 1
order by 1;
