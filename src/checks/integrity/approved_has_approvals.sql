-- An approved or executed request has an approved decision of the manager, one of compliance, and no declined one.
-- severity: fail
-- scenarios: 3, 4
-- rows: both
-- reads: padealing.migration_mapping, padealing.pad_approval, padealing.pad_request
-- legacy: a stage that has no approver there has no approval here
-- remedy: find out who decided; record the decision, or set the status that the decisions lead to
with stages as (
    select request_id,
           bool_or(approval_type = 'manager' and decision = 'approved') as manager,
           bool_or(approval_type = 'compliance' and decision = 'approved') as compliance,
           bool_or(decision <> 'approved') as declined
    from padealing.pad_approval
    group by request_id
), odd as materialized (
    select r.id, r.status,
           coalesce(s.manager, false) as manager_approved,
           coalesce(s.compliance, false) as compliance_approved,
           coalesce(s.declined, false) as declined,
           lower(btrim(r.compliance_assessment -> 'legacy' ->> 'status_compliance', E' \t')) as in_source
    from padealing.pad_request r
    left join stages s on s.request_id = r.id
    where r.status in ('approved', 'executed') and (s.manager and s.compliance and not s.declined) is not true
)
-- A stage that the migration wrote has lineage. What compliance decided without an approver is in the residual.
select o.id, o.status, o.manager_approved, o.compliance_approved, o.declined,
       l.id is not null and not o.declined
       and (o.compliance_approved or o.in_source = 'approved')
       and (o.manager_approved or m.id is null and (c.id is not null or not o.compliance_approved)) as as_in_source
from odd o
left join padealing.migration_mapping l
    on l.source_table = 'personal_account_dealing' and l.target_table = 'pad_request' and l.target_id = o.id
left join padealing.migration_mapping m
    on m.source_table = l.source_table and m.source_id = l.source_id and m.target_table = 'pad_approval:manager'
left join padealing.migration_mapping c
    on c.source_table = l.source_table and c.source_id = l.source_id and c.target_table = 'pad_approval:compliance'
order by o.id;
