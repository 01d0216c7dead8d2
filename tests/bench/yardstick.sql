-- The obvious set-based way, written as an expert would for these very columns: one INSERT … SELECT per target table,
-- with its lineage, in one transaction. It knows what its data looks like and checks no more than that; what it writes
-- is compared with what migrate writes, row by row.
begin;
with legacy as (
    select l.*, s.id as security_id,
           case
               when l.status = 'declined' or l.status_manager = 'declined' or l.status_compliance = 'declined' then 'declined'
               when l.status = 'request' then 'pending_manager'
               when l.status_compliance = 'approved' then 'approved'
               else 'pending_compliance'
           end as new_status
    from public.personal_account_dealing l
    left join lateral (
        select min(b.id) filter (where same.n = 1 or b.isin = l.isin or b.sedol = l.sedol or b.bloomberg = l.bloomberg
                                 or b.ticker = l.ticker) as id,
               count(*) as candidates
        from bo_airflow.oracle_bloomberg b,
             (select count(*) as n from bo_airflow.oracle_bloomberg c where c.inst_symbol = l.inst_symbol) same
        where b.inst_symbol = l.inst_symbol
    ) s on true
    where exists (select from bo_airflow.oracle_employee e where e.id = l.employee)
      and l.related_yn is distinct from '3' and (l.inst_symbol is null or s.id is not null)
      and not exists (select from padealing.migration_mapping m where m.source_table = 'personal_account_dealing'
                      and m.source_id = l.id and m.target_table = 'pad_request')
), written as (
    insert into padealing.pad_request
        (id, employee_id, security_id, status, direction, security_name, isin, sedol, bloomberg_ticker, ticker, quantity,
         estimated_value, currency, justification, is_related_party, existing_position, insider_info_declaration,
         is_restricted, has_conflict, relation, compliance_assessment, created_at, updated_at, conflict_comments,
         other_comments, broker_reporting, is_derivative, is_leveraged, signed_declaration, updated_by_id, deleted_at,
         executed_within_two_days)
    select id, employee, security_id, new_status, case buysell when 'B' then 'BUY' when 'S' then 'SELL' end,
           security_description, isin, sedol, bloomberg, ticker, trade_size, value, currency, justification,
           case related_yn when '1' then true when '2' then false end,
           case existing_pos_yn when '1' then true when '2' then false end,
           case inside_info_yn when '1' then false when '2' then true end,
           case restricted_yn when '1' then true when '2' then false end,
           case conflicts_yn when '1' then true when '2' then false end,
           relation,
           nullif(jsonb_strip_nulls(jsonb_build_object('holding_period', case holding_period_yn when '1' then true when '2' then false end))
               || jsonb_build_object('legacy', jsonb_strip_nulls(jsonb_build_object(
                   'name', name, 'inst_symbol', inst_symbol, 'desk_code', case when desk_code is not null then format('%s', desk_code) end,
                   'imported_at', imported_at::text, 'reviewer_note', reviewer_note,
                   'related_yn', case when related_yn = '' then '' end,
                   'status', case when status <> case new_status when 'declined' then 'declined'
                                  when 'pending_manager' then 'request' else 'approved' end then status end,
                   'status_manager', case when auth_manager is null or status_manager = 'pending' then status_manager end))
               || case when requested_date is null then '{"requested_date": null}' else '{}'::jsonb end
               || case when auth_manager is not null and auth_manager_date is null then '{"auth_manager_date": null}' else '{}'::jsonb end),
               '{"legacy": {}}'),
           coalesce(requested_date, last_modified_date), last_modified_date, conflict_comments, other_comments,
           case broker_reporting_yn when '1' then true when '2' then false end,
           case derivative_contract_yn when '1' then true when '2' then false end,
           case leveraged_yn when '1' then true when '2' then false end,
           case signed_yn when '1' then true when '2' then false end,
           last_modified_by, case when is_deleted_yn = 'Y' then last_modified_date end,
           case two_business_days_execution_yn when '1' then true when '2' then false end
    from legacy
    returning id
)
insert into padealing.migration_mapping (source_table, source_id, target_table, target_id)
select 'personal_account_dealing', id, 'pad_request', id from written;

with written as (
    insert into padealing.pad_approval
        (request_id, approval_type, approver_id, decision, comments, decided_at, restricted_check, holding_period_check, conflict_check)
    select r.id, s.stage, s.approver, s.decision, s.comments, coalesce(s.decided_at, l.last_modified_date, r.created_at),
           case when s.stage = 'compliance' then r.is_restricted end,
           case when s.stage = 'compliance' then case l.holding_period_yn when '1' then true when '2' then false end end,
           case when s.stage = 'compliance' then r.has_conflict end
    from public.personal_account_dealing l
    join padealing.pad_request r on r.id = l.id
    cross join lateral (values
        ('manager', l.auth_manager, l.status_manager, l.comments_manager, l.auth_manager_date),
        ('compliance', l.auth_compliance, l.status_compliance, l.comments_compliance, l.auth_compliance_date)
    ) s(stage, approver, decision, comments, decided_at)
    where s.approver is not null and s.decision in ('approved', 'declined')
    returning id, request_id, approval_type
)
insert into padealing.migration_mapping (source_table, source_id, target_table, target_id)
select 'personal_account_dealing', request_id, 'pad_approval:' || approval_type, id from written;

with written as (
    insert into padealing.pad_execution
        (request_id, executed_at, execution_price, execution_quantity, contract_note_received, recorded_by_id)
    select r.id, coalesce(l.auth_compliance_date, l.auth_manager_date, r.created_at),
           round(l.value::numeric(60,40) / nullif(l.trade_size, 0), 8), l.trade_size,
           case l.contract_notes_received_yn when '1' then true when '2' then false end, l.auth_compliance
    from public.personal_account_dealing l
    join padealing.pad_request r on r.id = l.id
    where l.two_business_days_execution_yn <> '' or l.contract_notes_received_yn <> ''
    returning id, request_id
)
insert into padealing.migration_mapping (source_table, source_id, target_table, target_id)
select 'personal_account_dealing', request_id, 'pad_execution', id from written;

with written as (
    insert into padealing.audit_log
        ("timestamp", action_type, action_status, actor_type, actor_id, entity_type, entity_id, request_id, decision, comments, details)
    select e.at, e.action, case when e.decision = 'declined' then 'blocked' else 'success' end, 'user', e.actor,
           'pad_request', r.id, r.id, e.decision, e.comments,
           '{"source": "legacy_migration", "original_table": "personal_account_dealing"}'
    from public.personal_account_dealing l
    join padealing.pad_request r on r.id = l.id
    cross join lateral (values
        ('request_submitted', r.created_at, l.employee, null, null, true),
        ('approval_manager', coalesce(l.auth_manager_date, l.last_modified_date, r.created_at), l.auth_manager,
         l.status_manager, l.comments_manager, l.auth_manager is not null and l.status_manager in ('approved', 'declined')),
        ('approval_compliance', coalesce(l.auth_compliance_date, l.last_modified_date, r.created_at), l.auth_compliance,
         l.status_compliance, l.comments_compliance,
         l.auth_compliance is not null and l.status_compliance in ('approved', 'declined'))
    ) e(action, at, actor, decision, comments, due)
    where e.due
    returning id, request_id, action_type
)
insert into padealing.migration_mapping (source_table, source_id, target_table, target_id)
select 'personal_account_dealing', request_id, 'audit_log:' || action_type, id from written;

select setval(pg_get_serial_sequence('padealing.pad_request', 'id'), (select max(id) from padealing.pad_request));
commit;
