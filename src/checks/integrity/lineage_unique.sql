-- A target row comes from one legacy row.
-- severity: fail
-- rows: legacy
-- reads: padealing.migration_mapping
-- remedy: find out what wrote the second row of lineage, and remove it
with targets as (
    select case when m.target_table = 'pad_request' then m.target_id end as request_id,
           case when m.target_table = 'pad_execution' then m.target_id end as execution_id,
           case when m.target_table like 'pad\_approval:%' then m.target_id end as approval_id,
           case when m.target_table like 'audit\_log:%' then m.target_id end as entry_id
    from padealing.migration_mapping m
    where m.source_table = 'personal_account_dealing'
), repeated as materialized (
    -- To sort is cheaper than to group, and mostly there is nothing to show.
    select count(t.request_id) > count(distinct t.request_id) as requests,
           count(t.execution_id) > count(distinct t.execution_id) as executions,
           count(t.approval_id) > count(distinct t.approval_id) as approvals,
           count(t.entry_id) > count(distinct t.entry_id) as entries
    from targets t
)
select min(m.id) as id, min(m.target_table) as target_table, m.target_id, count(*) as sources
from padealing.migration_mapping m
where (select requests from repeated)
  and m.source_table = 'personal_account_dealing' and m.target_table = 'pad_request'
group by m.target_id
having count(*) > 1
union all
select min(m.id) as id, min(m.target_table) as target_table, m.target_id, count(*) as sources
from padealing.migration_mapping m
where (select approvals from repeated)
  and m.source_table = 'personal_account_dealing' and m.target_table like 'pad\_approval:%'
group by m.target_id
having count(*) > 1
union all
select min(m.id) as id, min(m.target_table) as target_table, m.target_id, count(*) as sources
from padealing.migration_mapping m
where (select executions from repeated)
  and m.source_table = 'personal_account_dealing' and m.target_table = 'pad_execution'
group by m.target_id
having count(*) > 1
union all
select min(m.id) as id, min(m.target_table) as target_table, m.target_id, count(*) as sources
from padealing.migration_mapping m
where (select entries from repeated)
  and m.source_table = 'personal_account_dealing' and m.target_table like 'audit\_log:%'
group by m.target_id
having count(*) > 1
order by 1;
