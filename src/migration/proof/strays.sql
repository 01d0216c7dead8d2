-- One request, claimed for several legacy rows.
select min(source_id) as source_id, 'pad_request' as target, 'id' as field
from padealing.migration_mapping
where source_table = 'personal_account_dealing' and target_table = 'pad_request'
group by target_id having count(*) > 1
union all
-- Lineage of a row that has no request.
select m.source_id, m.target_table, 'lineage'
from padealing.migration_mapping m
where m.source_table = 'personal_account_dealing' and m.target_table <> 'pad_request'
  and not exists (select from padealing.migration_mapping q where q.source_table = 'personal_account_dealing'
                  and q.source_id = m.source_id and q.target_table = 'pad_request')
union all
-- An entry of the migration, and no migrated row.
select a.entity_id, 'audit_log:' || a.action_type, 'id'
from padealing.audit_log a
where {{marked}}
  and not exists (select from padealing.migration_mapping q where q.source_table = 'personal_account_dealing'
                  and q.target_table = 'pad_request' and q.target_id = a.request_id)
union all
-- A request of the migration, and no lineage.
select r.id, 'pad_request', 'id'
from padealing.pad_request r
where r.compliance_assessment -> 'legacy' is not null
  and not exists (select from padealing.migration_mapping q where q.source_table = 'personal_account_dealing'
                  and q.target_table = 'pad_request' and q.target_id = r.id){{missing}}
