-- A decision, an execution that the application recorded and a withdrawal have an entry in the audit log by the
-- person whom the row itself names.
-- severity: fail
-- scenarios: 2, 3, 4, 5, 6
-- rows: both
-- reads: bo_airflow.oracle_employee, padealing.audit_log, padealing.migration_mapping, padealing.pad_approval,
--   padealing.pad_execution, padealing.pad_request
-- remedy: find out who did it; correct the person that the row names, or the actor of the entry
with entries as not materialized (
    select a.id, a.request_id, a.action_type, a.action_status, a.decision, a.entity_type, a.entity_id, a.actor_id,
           a.google_uid
    from padealing.audit_log a
    where a.actor_type = 'user' and a.action_status in ('success', 'blocked')
), pairs as materialized (
    select 'pad_approval' as relation, p.id as row_id, p.request_id, p.decision, p.approver_id as person_id,
           p.approver_google_uid as person_uid, a.id as entry_id, a.action_type, a.actor_id, a.google_uid
    from padealing.pad_approval p
    join entries a
        on a.request_id = p.request_id and a.action_type like 'approval\_%'
           and a.action_type = 'approval_' || p.approval_type
           and (a.action_status = 'success' or p.decision = 'declined')
           and coalesce(a.decision, p.decision) = p.decision
           and (a.actor_id <> p.approver_id
               or (a.actor_id is null or p.approver_id is null) and a.google_uid <> p.approver_google_uid)
    union all
    select 'pad_execution', e.id, e.request_id, null, e.recorded_by_id, null, a.id, a.action_type, a.actor_id,
           a.google_uid
    from padealing.pad_execution e
    join entries a
        on a.request_id = e.request_id and a.action_status = 'success' and a.actor_id <> e.recorded_by_id
           and a.action_type like '%execut%' and a.action_type ~
               '^((pad|request|trade)_)*(executed|execution(_(recorded|created|confirmed))?|record_execution)$'
           and (a.entity_type is distinct from 'pad_execution' or a.entity_id = e.id)
    left join padealing.migration_mapping l
        on l.source_table = 'personal_account_dealing' and l.target_table = 'pad_execution' and l.target_id = e.id
    where l.id is null
    union all
    select 'pad_request', r.id, r.id, null, r.deleted_by_id, null, a.id, a.action_type, a.actor_id, a.google_uid
    from padealing.pad_request r
    join entries a
        on a.request_id = r.id and a.action_status = 'success' and a.actor_id <> r.deleted_by_id
           and a.action_type like '%withdr%' and a.action_type ~
               '^((pad|request)_)*(withdrawn|withdrawal(_recorded)?|withdraw(_request)?)$'
    where r.status = 'withdrawn'
)
-- Of several entries one must agree, or be by a program. Who isn't there has a check of its own.
select k.relation || ' ' || k.row_id as id, k.request_id, k.action_type, k.person_id, k.actor_id, k.entry_id
from pairs k
where not exists (
        select from padealing.audit_log a
        where a.request_id = k.request_id and a.action_type = k.action_type and a.action_status in ('success', 'blocked')
          and coalesce(a.decision, k.decision) is not distinct from k.decision
          and (a.actor_type <> 'user' or a.actor_id = k.person_id
              or (a.actor_id is null or k.person_id is null) and a.google_uid = k.person_uid))
  and (k.actor_id is null or exists (select from bo_airflow.oracle_employee e where e.id = k.actor_id))
order by k.relation, k.row_id, k.entry_id;
