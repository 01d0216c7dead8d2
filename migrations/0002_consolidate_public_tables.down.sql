-- Moves back to public what the way up moved from there, and takes its note off.
do $$
declare
    note constant text := 'Moved from public by revision 0002.';
    moved record;
    loose record;
begin
    for moved in
        select c.oid, c.relname, obj_description(c.oid, 'pg_class') as comment
        from pg_catalog.pg_class c
        where c.relnamespace = 'padealing'::regnamespace and c.relkind in ('r', 'p')
          and starts_with(obj_description(c.oid, 'pg_class'), note)
        order by c.relname
    loop
        for loose in
            select s.relname
            from pg_catalog.pg_attrdef d
            join pg_catalog.pg_depend uses on uses.classid = 'pg_catalog.pg_attrdef'::regclass and uses.objid = d.oid
                 and uses.refclassid = 'pg_catalog.pg_class'::regclass
            join pg_catalog.pg_class s on s.oid = uses.refobjid and s.relkind = 'S'
                 and s.relnamespace = 'padealing'::regnamespace
            where d.adrelid = moved.oid
              and not exists (
                  select from pg_catalog.pg_depend owned
                  where owned.classid = 'pg_catalog.pg_class'::regclass and owned.objid = s.oid
                    and owned.refclassid = 'pg_catalog.pg_class'::regclass and owned.deptype in ('a', 'i'))
        loop
            execute format('alter sequence padealing.%I set schema public', loose.relname);
        end loop;
        execute format('alter table padealing.%I set schema public', moved.relname);
        execute format('comment on table public.%I is %L', moved.relname,
            nullif(ltrim(substr(moved.comment, length(note) + 1), E'\n'), ''));
    end loop;
end
$$;
