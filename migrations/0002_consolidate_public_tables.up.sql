-- Tables of ours that sit in public move to padealing, with data, keys, indexes and sequences.
-- not for dev: dev has had both schemas from the beginning, and what sits in public there is not ours
-- moves tables
--
-- A name alone proves nothing: public.audit_log may be somebody else's. A table is taken for ours if it has the
-- columns in `marks`, and then it must have those in `needs`, or the later revisions would not fit it. A moved table
-- carries a note in its comment, so that the way down knows which tables to move back.
do $$
declare
    managed record;
    here regclass;
    missing text;
    loose record;
begin
    for managed in
        select * from (values
            ('pad_request', '{employee_id,security_id,status}'::text[],
             '{id,employee_id,security_id,status,direction,security_name,isin,sedol,bloomberg_ticker,ticker,quantity,estimated_value,currency,justification,is_related_party,existing_position,insider_info_declaration,is_restricted,has_conflict,relation,compliance_assessment,created_at,updated_at}'::text[]),
            ('pad_approval', '{request_id,approval_type}',
             '{id,request_id,approval_type,approver_id,approver_google_uid,decision,comments,decided_at,restricted_check,holding_period_check,conflict_check}'),
            ('pad_execution', '{request_id,executed_at}',
             '{id,request_id,executed_at,execution_price,execution_quantity,broker_reference,contract_note_path,contract_note_received,contract_note_verified,verification_metadata,recorded_by_id}'),
            ('pad_breach', '{employee_id,breach_type}',
             '{id,request_id,employee_id,breach_type,severity,description,detected_at,resolved_at,resolved_by_id,details}'),
            ('audit_log', '{action_type,actor_type,google_uid,request_id}',
             '{id,timestamp,action_type,action_status,actor_type,actor_id,google_uid,entity_type,entity_id,request_id,decision,comments,details}'),
            ('employee_role', '{employee_id,role,granted_by_id}',
             '{id,employee_id,role,granted_by_id,granted_at,revoked_at}'),
            ('restricted_security', '{security_id,inst_symbol,reason}',
             '{id,security_id,ticker,inst_symbol,reason,added_by_id,added_at,is_active}'),
            ('compliance_config', '{config_key,config_value}',
             '{id,config_key,config_value,description,updated_by_id,updated_at}'),
            ('compliance_decision_outcome', '{request_id,outcome}',
             '{id,request_id,outcome,rule,details,decided_at}'),
            ('chatbot_session', '{session_key,employee_id}',
             '{id,session_key,employee_id,state,created_at,updated_at}'),
            ('migration_mapping', '{source_table,source_id,target_table}',
             '{id,source_table,source_id,target_table,target_id,migrated_at}'),
            ('migration_run', '{command,environment,program_version,outcome}',
             '{id,command,environment,started_at,finished_at,database_role,program_version,options,counts,outcome}'),
            ('migration_reject', '{source_table,source_id,rule}',
             '{id,source_table,source_id,field,rule,value,message,first_run_id,last_run_id,resolved_run_id}')
        ) as tables(name, marks, needs)
    loop
        select c.oid into here
        from pg_catalog.pg_class c
        where c.relnamespace = to_regnamespace('public') and c.relname = managed.name and c.relkind in ('r', 'p')
          and not exists (
              select from unnest(managed.marks) as mark
              where not exists (
                  select from pg_catalog.pg_attribute a
                  where a.attrelid = c.oid and a.attname = mark and a.attnum > 0 and not a.attisdropped));
        continue when here is null;

        select string_agg(need, ', ') into missing
        from unnest(managed.needs) as need
        where not exists (
            select from pg_catalog.pg_attribute a
            where a.attrelid = here and a.attname = need and a.attnum > 0 and not a.attisdropped);
        if missing is not null then
            raise exception 'public.% can not move to padealing: it lacks the columns %', managed.name, missing
                using hint = 'add the columns, or rename the table if it is not ours';
        end if;
        if to_regclass('padealing.' || managed.name) is not null then
            raise exception 'public.% can not move to padealing: padealing.% exists too', managed.name, managed.name
                using hint = 'merge or rename one of the two';
        end if;

        -- Owned sequences move with their table; one that a default merely uses does not.
        for loose in
            select s.relname
            from pg_catalog.pg_attrdef d
            join pg_catalog.pg_depend uses on uses.classid = 'pg_catalog.pg_attrdef'::regclass and uses.objid = d.oid
                 and uses.refclassid = 'pg_catalog.pg_class'::regclass
            join pg_catalog.pg_class s on s.oid = uses.refobjid and s.relkind = 'S'
                 and s.relnamespace = to_regnamespace('public')
            where d.adrelid = here
              and not exists (
                  select from pg_catalog.pg_depend owned
                  where owned.classid = 'pg_catalog.pg_class'::regclass and owned.objid = s.oid
                    and owned.refclassid = 'pg_catalog.pg_class'::regclass and owned.deptype in ('a', 'i'))
        loop
            execute format('alter sequence public.%I set schema padealing', loose.relname);
        end loop;
        execute format('alter table public.%I set schema padealing', managed.name);
        execute format('comment on table padealing.%I is %L', managed.name,
            concat_ws(E'\n', 'Moved from public by revision 0002.', obj_description(here, 'pg_class')));
    end loop;
end
$$;
