do $$
declare
    name text;
begin
    foreach name in array array['migration_reject', 'migration_run']
    loop
        if starts_with(obj_description(to_regclass('padealing.' || name), 'pg_class'),
                       'Moved from public by revision 0002.') is not true then
            execute format('drop table padealing.%I', name);
        end if;
    end loop;
end
$$;
