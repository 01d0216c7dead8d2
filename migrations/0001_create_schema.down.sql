drop table padealing.schema_revision;

-- What others keep in the schema stays, and the schema with it.
do $$
begin
    if not exists (select from pg_catalog.pg_class where relnamespace = 'padealing'::regnamespace) then
        drop schema padealing;
    end if;
end
$$;
