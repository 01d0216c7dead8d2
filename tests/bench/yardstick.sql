-- The set-based way, as an expert would write it for generated rows: what every statement needs of a row is computed
-- once into a narrow table, then one INSERT … SELECT per target table with its lineage, all in one transaction. It knows
-- the columns and the faults of its data and checks no more than that, and records no rejections. What it writes is
-- compared with what migrate writes, row by row.
begin;
set local work_mem = '256MB';
set local jit = off;
-- Our sessions have it otherwise; here it would have every foreign key planned anew for every row.
set local plan_cache_mode = auto;
set local timezone = 'UTC';
set local datestyle = 'ISO';

-- D7, for the rows whose symbol several securities have: the one that agrees, if it is one.
create temp table singled_out on commit drop as
with symbols as (select inst_symbol from bo_airflow.oracle_bloomberg group by inst_symbol having count(*) > 1)
select l.id, min(b.id) as security_id
from public.personal_account_dealing l
join symbols using (inst_symbol)
join bo_airflow.oracle_bloomberg b using (inst_symbol)
where nullif(l.isin, '') = b.isin or nullif(l.sedol, '') = b.sedol or nullif(l.bloomberg, '') = b.bloomberg
   or nullif(l.ticker, '') = b.ticker
group by l.id having count(*) = 1;
analyze singled_out;

-- The rows that are sound by themselves. A table of its own, because the planner takes so many conditions for almost
-- no rows, and would join what is left in nested loops.
create temp table sound on commit drop as
select id, employee, last_modified_by, auth_manager, auth_compliance, nullif(inst_symbol, '') as inst_symbol, created_at,
       executed, deleted_code = 'y' as deleted, case side when 'b' then 'BUY' when 's' then 'SELL' end as direction,
       case when status_code = 'declined' or manager = 'declined' or compliance = 'declined' then 'declined'
            when status_code = 'request' then 'pending_manager'
            when compliance = 'approved' then 'approved'
            else 'pending_compliance' end as status,
       case when auth_manager is not null and manager <> 'pending' then manager end as manager,
       case when auth_compliance is not null and compliance <> 'pending' then compliance end as compliance
from (
    select *, lower(btrim(status, E' \t') collate "C") as status_code,
           nullif(lower(btrim(status_manager, E' \t') collate "C"), '') as manager,
           nullif(lower(btrim(status_compliance, E' \t') collate "C"), '') as compliance,
           nullif(lower(btrim(buysell, E' \t') collate "C"), '') as side,
           coalesce(nullif(lower(btrim(is_deleted_yn, E' \t') collate "C"), ''), 'n') as deleted_code,
           coalesce(requested_date, last_modified_date) as created_at,
           coalesce(two_business_days_execution_yn <> '', false) or coalesce(contract_notes_received_yn <> '', false) as executed
    from public.personal_account_dealing
) l
where coalesce(related_yn, '') in ('1', '2', '') and coalesce(broker_reporting_yn, '') in ('1', '2', '')
  and coalesce(derivative_contract_yn, '') in ('1', '2', '') and coalesce(leveraged_yn, '') in ('1', '2', '')
  and coalesce(inside_info_yn, '') in ('1', '2', '') and coalesce(existing_pos_yn, '') in ('1', '2', '')
  and coalesce(signed_yn, '') in ('1', '2', '') and coalesce(restricted_yn, '') in ('1', '2', '')
  and coalesce(holding_period_yn, '') in ('1', '2', '') and coalesce(conflicts_yn, '') in ('1', '2', '')
  and coalesce(two_business_days_execution_yn, '') in ('1', '2', '')
  and coalesce(contract_notes_received_yn, '') in ('1', '2', '')
  and coalesce(length(relation) <= 100, true)
  and coalesce(trade_size <> 'NaN', true)
  and coalesce(value <> 'NaN' and abs(value) < 1e16 and value = round(value, 4), true)
  and created_at is not null
  and status_code in ('request', 'approved', 'declined')
  and (manager is null or manager in ('approved', 'declined', 'pending'))
  and (compliance is null or compliance in ('approved', 'declined', 'pending'))
  and (side is null or side in ('b', 's'))
  and deleted_code in ('y', 'n');
analyze sound;

-- Those whose people and security exist, and what is needed of each more than once.
create temp table moving on commit drop as
with single as (
    select inst_symbol, min(id) as security_id from bo_airflow.oracle_bloomberg group by inst_symbol having count(*) = 1
)
select c.id, coalesce(s.security_id, a.security_id) as security_id, c.status, c.direction, c.deleted, c.created_at,
       c.executed, c.manager, c.compliance
from sound c
join bo_airflow.oracle_employee e on e.id = c.employee
left join bo_airflow.oracle_employee m on m.id = c.last_modified_by
left join bo_airflow.oracle_employee am on am.id = c.auth_manager
left join bo_airflow.oracle_employee ac on ac.id = c.auth_compliance
left join single s on s.inst_symbol = c.inst_symbol
left join singled_out a on a.id = c.id
left join padealing.migration_mapping done
       on done.source_id = c.id and done.source_table = 'personal_account_dealing' and done.target_table = 'pad_request'
where done.source_id is null
  and (c.inst_symbol is null or s.security_id is not null or a.security_id is not null)
  and (c.last_modified_by is null or m.id is not null)
  and (c.manager is null or am.id is not null)
  and (c.auth_compliance is null or ac.id is not null or not c.executed and c.compliance is null);
-- Unique, so that it is the side to be hashed, and not the wide rows.
alter table moving add primary key (id);
analyze moving;

insert into padealing.pad_request
    (id, employee_id, security_id, status, direction, security_name, isin, sedol, bloomberg_ticker, ticker, quantity,
     estimated_value, currency, justification, is_related_party, existing_position, insider_info_declaration,
     is_restricted, has_conflict, relation, compliance_assessment, created_at, updated_at, conflict_comments,
     other_comments, broker_reporting, is_derivative, is_leveraged, signed_declaration, updated_by_id, deleted_at,
     executed_within_two_days)
select id, employee, security_id, new_status, direction, security_description, isin, sedol, bloomberg, ticker, trade_size,
       value, currency, justification,
       case related_yn when '1' then true when '2' then false end,
       case existing_pos_yn when '1' then true when '2' then false end,
       case inside_info_yn when '1' then false when '2' then true end,
       case restricted_yn when '1' then true when '2' then false end,
       case conflicts_yn when '1' then true when '2' then false end,
       relation,
       case
           when holding_period_yn in ('1', '2') and residual <> '{}'
               then jsonb_build_object('holding_period', holding_period_yn = '1', 'legacy', residual)
           when holding_period_yn in ('1', '2') then jsonb_build_object('holding_period', holding_period_yn = '1')
           when residual <> '{}' then jsonb_build_object('legacy', residual)
       end,
       created_at, last_modified_date, conflict_comments, other_comments,
       case broker_reporting_yn when '1' then true when '2' then false end,
       case derivative_contract_yn when '1' then true when '2' then false end,
       case leveraged_yn when '1' then true when '2' then false end,
       case signed_yn when '1' then true when '2' then false end,
       last_modified_by,
       case when deleted then coalesce(last_modified_date, created_at) end,
       case two_business_days_execution_yn when '1' then true when '2' then false end
from (
    -- D20: what the typed columns don't give back. First what is not null, then the nulls that they would give a value.
    select l.*, m.security_id, m.status as new_status, m.direction, m.created_at, m.deleted,
           jsonb_strip_nulls(jsonb_build_object(
               'name', l.name, 'inst_symbol', l.inst_symbol,
               'value', case when l.value::text <> l.value::numeric(20,4)::text then l.value::text end,
               'buysell', case when l.buysell is distinct from case m.direction when 'BUY' then 'B' when 'SELL' then 'S' end
                               then l.buysell end,
               'status', case when l.status <> case m.status when 'declined' then 'declined'
                              when 'pending_manager' then 'request' else 'approved' end then l.status end,
               'is_deleted_yn', case when l.is_deleted_yn <> case when m.deleted then 'Y' else 'N' end then l.is_deleted_yn end,
               'auth_manager', case when m.manager is null then l.auth_manager::text end,
               'auth_manager_date', case when m.manager is null then l.auth_manager_date::text end,
               'status_manager', case when m.manager is null or l.status_manager <> m.manager then l.status_manager end,
               'comments_manager', case when m.manager is null then l.comments_manager end,
               'auth_compliance', case when m.compliance is null then l.auth_compliance::text end,
               'auth_compliance_date', case when m.compliance is null then l.auth_compliance_date::text end,
               'status_compliance', case when m.compliance is null or l.status_compliance <> m.compliance then l.status_compliance end,
               'comments_compliance', case when m.compliance is null then l.comments_compliance end,
               'related_yn', case when l.related_yn = '' then '' end,
               'broker_reporting_yn', case when l.broker_reporting_yn = '' then '' end,
               'derivative_contract_yn', case when l.derivative_contract_yn = '' then '' end,
               'leveraged_yn', case when l.leveraged_yn = '' then '' end,
               'inside_info_yn', case when l.inside_info_yn = '' then '' end,
               'existing_pos_yn', case when l.existing_pos_yn = '' then '' end,
               'signed_yn', case when l.signed_yn = '' then '' end,
               'restricted_yn', case when l.restricted_yn = '' then '' end,
               'holding_period_yn', case when l.holding_period_yn = '' then '' end,
               'conflicts_yn', case when l.conflicts_yn = '' then '' end,
               'two_business_days_execution_yn', case when l.two_business_days_execution_yn = '' then '' end,
               'contract_notes_received_yn', case when l.contract_notes_received_yn = '' then '' end,
               -- Not a cast: that would drop the padding.
               'desk_code', l.desk_code,
               'imported_at', l.imported_at::text, 'reviewer_note', l.reviewer_note, 'Legacy "Ref"', l."Legacy ""Ref""",
               'tags', l.tags::text, 'payload', l.payload::text, 'scan', l.scan::text, 'fee', l.fee::text,
               'score', l.score::text, 'booked_on', l.booked_on::text, 'time_to_decide', l.time_to_decide::text,
               'archived_reason', l.archived_reason))
           || case
               when l.requested_date is null or l.is_deleted_yn is null
                    or m.manager is not null and l.auth_manager_date is null
                    or m.compliance is not null and l.auth_compliance_date is null
               then ('{' || concat_ws(',',
                    case when l.requested_date is null then '"requested_date":null' end,
                    case when l.is_deleted_yn is null then '"is_deleted_yn":null' end,
                    case when m.manager is not null and l.auth_manager_date is null then '"auth_manager_date":null' end,
                    case when m.compliance is not null and l.auth_compliance_date is null then '"auth_compliance_date":null' end)
                    || '}')::jsonb
               else '{}' end as residual
    from public.personal_account_dealing l
    join moving m using (id)
    -- Otherwise the residual would be computed wherever it is named.
    offset 0
) r;

insert into padealing.migration_mapping (source_table, source_id, target_table, target_id)
select 'personal_account_dealing', id, 'pad_request', id from moving;

with written as (
    insert into padealing.pad_approval
        (request_id, approval_type, approver_id, decision, comments, decided_at, restricted_check, holding_period_check, conflict_check)
    select m.id, 'manager', l.auth_manager, m.manager, l.comments_manager,
           coalesce(l.auth_manager_date, l.last_modified_date, m.created_at), null::boolean, null::boolean, null::boolean
    from public.personal_account_dealing l
    join moving m using (id)
    where m.manager is not null
    union all
    select m.id, 'compliance', l.auth_compliance, m.compliance, l.comments_compliance,
           coalesce(l.auth_compliance_date, l.last_modified_date, m.created_at),
           case l.restricted_yn when '1' then true when '2' then false end,
           case l.holding_period_yn when '1' then true when '2' then false end,
           case l.conflicts_yn when '1' then true when '2' then false end
    from public.personal_account_dealing l
    join moving m using (id)
    where m.compliance is not null
    returning id, request_id, approval_type
)
insert into padealing.migration_mapping (source_table, source_id, target_table, target_id)
select 'personal_account_dealing', request_id, 'pad_approval:' || approval_type, id from written;

with written as (
    insert into padealing.pad_execution
        (request_id, executed_at, execution_price, execution_quantity, contract_note_received, recorded_by_id)
    select id, executed_at, case when abs(price) < 1e16 then price end, trade_size,
           case contract_notes_received_yn when '1' then true when '2' then false end, auth_compliance
    from (
        select m.id, coalesce(l.auth_compliance_date, l.auth_manager_date, m.created_at) as executed_at,
               -- Plain numeric division may stop at fewer digits (D18).
               round(l.value::numeric(60,40) / nullif(l.trade_size, 0), 8) as price,
               l.trade_size, l.contract_notes_received_yn, l.auth_compliance
        from public.personal_account_dealing l
        join moving m using (id)
        where m.executed
        offset 0
    ) e
    returning id, request_id
)
insert into padealing.migration_mapping (source_table, source_id, target_table, target_id)
select 'personal_account_dealing', request_id, 'pad_execution', id from written;

with written as (
    insert into padealing.audit_log
        ("timestamp", action_type, action_status, actor_type, actor_id, entity_type, entity_id, request_id, decision, comments, details)
    select at, action, case when decision = 'declined' then 'blocked' else 'success' end, 'user', actor, 'pad_request',
           id, id, decision, comments,
           '{"source": "legacy_migration", "original_table": "personal_account_dealing"}'
    from (
        select m.created_at, 'request_submitted', l.employee, m.id, null, null
        from public.personal_account_dealing l
        join moving m using (id)
        union all
        select decided_at, 'approval_' || approval_type, approver_id, request_id, decision, comments
        from padealing.pad_approval
        join moving m on m.id = request_id
    ) e(at, action, actor, id, decision, comments)
    returning id, request_id, action_type
)
insert into padealing.migration_mapping (source_table, source_id, target_table, target_id)
select 'personal_account_dealing', request_id, 'audit_log:' || action_type, id from written;

select setval(pg_get_serial_sequence('padealing.pad_request', 'id'), (select max(id) from padealing.pad_request));
commit;
