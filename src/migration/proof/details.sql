with lineage as (
{{lineage}}),
stored as materialized (
    {{stored}}),
legacy as materialized (
    {{legacy}}),
judged as materialized (
    select d.*, d_r_status is not null and d_r_created_at is not null and d_r_employee_id is not null as is_readable,
           {{rebuilt}}
    from (
{{rules}}) d)
select source_id, v.target, v.field
from judged, lateral (values
        {{judgements}}) v (target, field, is_wrong)
where v.is_wrong
union all
-- A key that is no column of the legacy table.
select source_id, 'personal_account_dealing',
       regexp_replace(left(key, 100), '[^ -~]', '?', 'g')
from judged, lateral jsonb_object_keys(residual) key
where key <> all ({{names}})
union all
select n.source_id, regexp_replace(m.target_table, '[^ -~]', '?', 'g'), 'lineage'
from lineage n join padealing.migration_mapping m on m.source_id = n.source_id
where m.source_table = 'personal_account_dealing' and m.target_table not in (
    'pad_request', 'pad_approval:manager', 'pad_approval:compliance', 'pad_execution', 'audit_log:request_submitted',
    'audit_log:approval_manager', 'audit_log:approval_compliance')
union all
select n.source_id, 'audit_log', 'action_type'
from lineage n join padealing.audit_log a on a.request_id = n.target_id
where a.{{marked}} and a.action_type not in ('request_submitted', 'approval_manager', 'approval_compliance')
