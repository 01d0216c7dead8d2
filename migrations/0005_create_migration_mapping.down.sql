do $$
begin
    if starts_with(obj_description('padealing.migration_mapping'::regclass, 'pg_class'),
                   'Moved from public by revision 0002.') is not true then
        drop table padealing.migration_mapping;
    end if;
end
$$;
