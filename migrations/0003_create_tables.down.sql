-- Drops the tables that the way up created; those that revision 0002 moved here are left to its way down.
-- No CASCADE: what others built on a table stops the way down.
do $$
declare
    name text;
begin
    foreach name in array array[
        'chatbot_session', 'compliance_decision_outcome', 'compliance_config', 'restricted_security', 'employee_role',
        'audit_log', 'pad_breach', 'pad_execution', 'pad_approval', 'pad_request']
    loop
        if starts_with(obj_description(to_regclass('padealing.' || name), 'pg_class'),
                       'Moved from public by revision 0002.') is not true then
            execute format('drop table padealing.%I', name);
        end if;
    end loop;
end
$$;
