with approval as (
    select request_id, approval_type, min(id) as first from padealing.pad_approval
    group by request_id, approval_type having count(*) > 1),
execution as (
    select request_id, min(id) as first from padealing.pad_execution group by request_id having count(*) > 1),
audit as (
    select request_id, action_type, min(id) as first from padealing.audit_log where {{marked}}
    group by request_id, action_type
    having count(*) > 1 or action_type not in ('request_submitted', 'approval_manager', 'approval_compliance')),
lineage as (
    select source_id, target_id from padealing.migration_mapping
    where source_table = 'personal_account_dealing' and target_table = 'pad_request')
select coalesce((select array_agg(id) from padealing.pad_request
                 where jsonb_typeof(compliance_assessment -> 'legacy') = 'object' and compliance_assessment
                       @? 'strict $.legacy.* ? (@.type() != "string" && @.type() != "null")'), '{}')::text as odd,
       coalesce((select array_agg(a.id) from padealing.pad_approval a join approval using (request_id, approval_type)
                 where a.id <> first and request_id in (select target_id from lineage)), '{}')::text
           as later_pad_approval,
       coalesce((select array_agg(x.id) from padealing.pad_execution x join execution using (request_id)
                 where x.id <> first and request_id in (select target_id from lineage)), '{}')::text
           as later_pad_execution,
       coalesce((select array_agg(a.id) from padealing.audit_log a join audit using (request_id, action_type)
                 where {{marked}} and a.id <> first and request_id in (select target_id from lineage)), '{}')::text
           as later_audit_log,
       coalesce((select array_agg(distinct source_id) from lineage
                 where target_id in (select request_id from approval union all select request_id from execution
                                     union all select request_id from audit)
                    or source_id in (
                           select source_id from padealing.migration_mapping
                           where source_table = 'personal_account_dealing' and target_table not in (
                               'pad_request', 'pad_approval:manager', 'pad_approval:compliance', 'pad_execution',
                               'audit_log:request_submitted', 'audit_log:approval_manager',
                               'audit_log:approval_compliance'))), '{}')::text as crowded
