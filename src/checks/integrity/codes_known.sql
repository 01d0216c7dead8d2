-- Every code is one that the application knows, where no check constraint stands too: else the numbers of the
-- dashboard do not add up.
-- severity: fail
-- scenarios: 7
-- rows: both
-- reads: padealing.audit_log, padealing.pad_approval, padealing.pad_breach, padealing.pad_request
-- remedy: correct the code; `pad-migrate drift` shows the check constraint that is missing
with odd as (
    select 'pad_request' as relation, id as row_id, 'status' as field, status::text as value
    from padealing.pad_request
    where status::text not in ('pending_manager', 'pending_compliance', 'approved', 'declined', 'executed',
        'rejected', 'withdrawn')
    union all
    select 'pad_request' as relation, id as row_id, 'direction' as field, direction::text as value
    from padealing.pad_request
    where direction::text not in ('BUY', 'SELL')
    union all
    select 'pad_approval' as relation, id as row_id, 'approval_type' as field, approval_type::text as value
    from padealing.pad_approval
    where approval_type::text not in ('manager', 'compliance')
    union all
    select 'pad_approval' as relation, id as row_id, 'decision' as field, decision::text as value
    from padealing.pad_approval
    where decision::text not in ('approved', 'declined')
    union all
    select 'pad_breach' as relation, id as row_id, 'severity' as field, severity::text as value
    from padealing.pad_breach
    where severity::text not in ('low', 'medium', 'high', 'critical')
    union all
    select 'audit_log' as relation, id as row_id, 'action_status' as field, action_status::text as value
    from padealing.audit_log
    where action_status::text not in ('success', 'blocked', 'failed')
    union all
    select 'audit_log' as relation, id as row_id, 'actor_type' as field, actor_type::text as value
    from padealing.audit_log
    where actor_type::text not in ('user', 'system', 'bot')
)
select o.relation || ' ' || o.row_id as id, o.field, o.value
from odd o
order by o.relation, o.row_id, o.field;
