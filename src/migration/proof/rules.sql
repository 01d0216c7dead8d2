    -- What each stored column must hold, by the rules of the migration; the numbers are those of its specification.
    select g.*,
           created as d_r_created_at,
           employee as d_r_employee_id,
           case when candidates = 1 then candidate
                -- D7: of several securities with the symbol, the one that agrees in a code.
                when candidates > 1 and least_agreeing = greatest_agreeing then least_agreeing
           end as d_r_security_id,
           candidates > 1 and (least_agreeing = greatest_agreeing and least_agreeing > 0) is not true
               as security_is_unclear,
           -- D8
           case when status not in ('request', 'approved', 'declined')
                     or status_manager not in ('approved', 'declined', 'pending')
                     or status_compliance not in ('approved', 'declined', 'pending') then null
                when 'declined' in (status, coalesce(status_manager, ''), coalesce(status_compliance, ''))
                     then 'declined'
                when status = 'request' then 'pending_manager'
                when status = 'approved' and status_compliance = 'approved' then 'approved'
                when status = 'approved' then 'pending_compliance'
           end as d_r_status,
           case buysell when 'b' then 'BUY' when 's' then 'SELL' else buysell end as d_r_direction,
           security_description as d_r_security_name,
           isin as d_r_isin,
           sedol as d_r_sedol,
           bloomberg as d_r_bloomberg_ticker,
           ticker as d_r_ticker,
           trade_size as d_r_quantity,
           value as d_r_estimated_value,
           currency as d_r_currency,
           justification as d_r_justification,
           related_yn as d_r_is_related_party,
           existing_pos_yn as d_r_existing_position,
           -- D2: the declaration is that there is no inside information.
           not inside_info_yn as d_r_insider_info_declaration,
           restricted_yn as d_r_is_restricted,
           conflicts_yn as d_r_has_conflict,
           relation as d_r_relation,
           last_modified_date as d_r_updated_at,
           conflict_comments as d_r_conflict_comments,
           other_comments as d_r_other_comments,
           broker_reporting_yn as d_r_broker_reporting,
           derivative_contract_yn as d_r_is_derivative,
           leveraged_yn as d_r_is_leveraged,
           null::text as d_r_related_party_name,
           signed_yn as d_r_signed_declaration,
           last_modified_by as d_r_updated_by_id,
           -- D10
           case when is_deleted_yn = 'y' then coalesce(last_modified_date, created) end as d_r_deleted_at,
           null::int8 as d_r_deleted_by_id,
           two_business_days_execution_yn as d_r_executed_within_two_days,
           -- D13
           holding_period_yn as d_holding,
           -- D14, D15, D16: an approval is due where a stage has a decision and an approver.
           case when due_m then r_id end as d_m_request_id,
           case when due_m then auth_manager end as d_m_approver_id,
           null::text as d_m_approver_google_uid,
           case when due_m then status_manager end as d_m_decision,
           case when due_m then comments_manager end as d_m_comments,
           case when due_m then coalesce(auth_manager_date, last_modified_date, created) end as d_m_decided_at,
           null::boolean as d_m_restricted_check,
           null::boolean as d_m_holding_period_check,
           null::boolean as d_m_conflict_check,
           case when due_k then r_id end as d_k_request_id,
           case when due_k then auth_compliance end as d_k_approver_id,
           null::text as d_k_approver_google_uid,
           case when due_k then status_compliance end as d_k_decision,
           case when due_k then comments_compliance end as d_k_comments,
           case when due_k then coalesce(auth_compliance_date, last_modified_date, created) end as d_k_decided_at,
           case when due_k then restricted_yn end as d_k_restricted_check,
           case when due_k then holding_period_yn end as d_k_holding_period_check,
           case when due_k then conflicts_yn end as d_k_conflict_check,
           case when due_x then r_id end as d_x_request_id,
           -- D17
           case when due_x then coalesce(auth_compliance_date, auth_manager_date, created) end as d_x_executed_at,
           -- D18: the exact quotient, rounded half away from zero.
           case when due_x and trade_size <> 0
                     and abs(round(value::numeric(60,40) / trade_size, 8)) < 10000000000000000
                then round(value::numeric(60,40) / trade_size, 8) end as d_x_execution_price,
           case when due_x then trade_size end as d_x_execution_quantity,
           null::text as d_x_broker_reference,
           null::text as d_x_contract_note_path,
           case when due_x then contract_notes_received_yn end as d_x_contract_note_received,
           case when due_x then false end as d_x_contract_note_verified,
           null::jsonb as d_x_verification_metadata,
           case when due_x then auth_compliance end as d_x_recorded_by_id,
           -- The audit log: one entry for the request, and one for each approval.
           created as d_s_timestamp,
           'success' as d_s_action_status,
           'user' as d_s_actor_type,
           employee as d_s_actor_id,
           null::text as d_s_google_uid,
           'pad_request' as d_s_entity_type,
           r_id as d_s_entity_id,
           r_id as d_s_request_id,
           null::text as d_s_decision,
           null::text as d_s_comments,
           details as d_s_details,
           case when due_m then coalesce(auth_manager_date, last_modified_date, created) end as d_am_timestamp,
           case when due_m then case status_manager when 'declined' then 'blocked' else 'success' end end
               as d_am_action_status,
           case when due_m then 'user' end as d_am_actor_type,
           case when due_m then auth_manager end as d_am_actor_id,
           null::text as d_am_google_uid,
           case when due_m then 'pad_request' end as d_am_entity_type,
           case when due_m then r_id end as d_am_entity_id,
           case when due_m then r_id end as d_am_request_id,
           case when due_m then status_manager end as d_am_decision,
           case when due_m then comments_manager end as d_am_comments,
           case when due_m then details end as d_am_details,
           case when due_k then coalesce(auth_compliance_date, last_modified_date, created) end as d_ak_timestamp,
           case when due_k then case status_compliance when 'declined' then 'blocked' else 'success' end end
               as d_ak_action_status,
           case when due_k then 'user' end as d_ak_actor_type,
           case when due_k then auth_compliance end as d_ak_actor_id,
           null::text as d_ak_google_uid,
           case when due_k then 'pad_request' end as d_ak_entity_type,
           case when due_k then r_id end as d_ak_entity_id,
           case when due_k then r_id end as d_ak_request_id,
           case when due_k then status_compliance end as d_ak_decision,
           case when due_k then comments_compliance end as d_ak_comments,
           case when due_k then details end as d_ak_details
    from (select l.*,
                 -- D9
                 coalesce(requested_date, last_modified_date) as created,
                 coalesce(status_manager in ('approved', 'declined') and auth_manager is not null, false) as due_m,
                 coalesce(status_compliance in ('approved', 'declined') and auth_compliance is not null, false)
                     as due_k,
                 coalesce({{two_days}} <> '' or {{notes}} <> '', false) as due_x,
                 y.candidates, y.candidate,
                 case when y.candidates > 1 then least({{agreeing}}) end as least_agreeing,
                 case when y.candidates > 1 then greatest({{agreeing}}) end as greatest_agreeing,
                 '{"source": "legacy_migration", "original_table": "personal_account_dealing"}'::jsonb as details
          from ({{legacy}}) l
          -- The securities of a symbol, and by code the one that has it; -1 where several have.
          left join (select symbol, sum(of_symbol)::int8 as candidates, min(id) as candidate,
                            jsonb_object_agg(code, case when count = 1 then id else -1 end)
                                filter (where code <> 'each') as by_code
                     from (select inst_symbol::text collate "C" as symbol, code, min(id)::int8 as id, count(*) as count,
                                  count(*) filter (where code = 'each') as of_symbol
                           from bo_airflow.oracle_bloomberg b, lateral (values
                               ('each'), ('isin ' || nullif(isin, '')), ('sedol ' || nullif(sedol, '')),
                               ('bloomberg ' || nullif(bloomberg, '')), ('ticker ' || nullif(ticker, '')))
                               codes (code)
                           where inst_symbol <> '' and code is not null
                           group by 1, 2) b
                     group by symbol) y
                 on y.symbol = {{symbol}} collate "C"
          offset int8 '0') g
    offset int8 '0'
