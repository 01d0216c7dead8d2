-- What of an object matters to what depends on it, in words that are compared one by one: with an enum that lacks a label,
-- or a function that returns something else, a restore would fail late. $1, $2: its catalog and its number.
select coalesce(case
    when t.typtype = 'e' then
        array(select format('label %L', enumlabel) from pg_enum where enumtypid = t.oid order by enumsortorder)
    when t.typtype = 'd' then
        concat_ws(', ', 'base type ' || format_type(t.typbasetype, t.typtypmod), (
            select format('collation %I.%I', n.nspname, o.collname) from pg_collation o
            join pg_namespace n on n.oid = o.collnamespace
            where o.oid = t.typcollation and o.oid <> (select typcollation from pg_type where oid = t.typbasetype)
        ), 'default ' || pg_get_expr(t.typdefaultbin, 0), case when t.typnotnull then 'not null' end)
        || array(select pg_get_constraintdef(oid) from pg_constraint where contypid = t.oid and contype = 'c' order by 1)
    when t.typtype = 'c' then array(
        select 'columns ' || coalesce(string_agg(concat_ws(' ', quote_ident(attname), format_type(atttypid, atttypmod), (
            select format('collation %I.%I', n.nspname, o.collname) from pg_collation o
            join pg_namespace n on n.oid = o.collnamespace
            where o.oid = attcollation and o.oid <> (select typcollation from pg_type where oid = atttypid)
        )), ', ' order by attnum), '')
        from pg_attribute where attrelid = t.typrelid and attnum > 0 and not attisdropped)
    when t.typtype = 'r' then
        array(select concat_ws(', ', 'subtype ' || format_type(rngsubtype, null), (
            select format('collation %I.%I', n.nspname, o.collname) from pg_collation o
            join pg_namespace n on n.oid = o.collnamespace
            where o.oid = rngcollation and o.oid <> (select typcollation from pg_type where oid = rngsubtype)
        )) from pg_range where rngtypid = t.oid)
    when c.relkind in ('r', 'p', 'v', 'm', 'f') then array(
        select format('column %I %s', attname, format_type(atttypid, atttypmod))
        from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped order by attname)
    when p.oid is not null then array[concat_ws(', ',
        case p.prokind when 'a' then 'aggregate' when 'w' then 'window function' when 'p' then 'procedure' end,
        'result ' || pg_get_function_result(p.oid),
        case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
        case when p.proisstrict then 'strict' end,
        case when p.prosecdef then 'security definer' end,
        'set ' || (select string_agg(s, ' and ' order by s) from unnest(p.proconfig) s),
        case when p.provariadic <> 0 then 'variadic' end,
        case when p.pronargdefaults > 0 then 'defaults ' || p.pronargdefaults end)]
    when o.oid is not null then array['result ' || format_type(o.oprresult, null)]
    when k.oid is not null then array['input type ' || format_type(k.opcintype, null)]
        || array(select format('operator %s %s', amopstrategy, amopopr::regoperator) from pg_amop
            where amopfamily = k.opcfamily and amoplefttype = k.opcintype and amoprighttype = k.opcintype
            order by amopstrategy, 1)
        || array(select format('support function %s %s', amprocnum, amproc::regprocedure) from pg_amproc
            where amprocfamily = k.opcfamily and amproclefttype = k.opcintype and amprocrighttype = k.opcintype
            order by amprocnum, 1)
    -- Which columns a collation has depends on the version, and how its encoding is spelled on the system.
    when l.object ->> 'collnamespace' <> 'pg_catalog'::regnamespace::oid::text then array[concat_ws(', ',
        case l.object ->> 'collprovider' when 'i' then 'ICU' when 'b' then 'builtin' else 'libc' end,
        'locale ' || regexp_replace(coalesce(l.object ->> 'colllocale', l.object ->> 'colliculocale', l.object ->> 'collcollate'),
            'utf-?8$', 'utf8', 'i'),
        case when l.object ->> 'collprovider' = 'c' and l.object ->> 'collctype' <> l.object ->> 'collcollate'
            then 'ctype ' || regexp_replace(l.object ->> 'collctype', 'utf-?8$', 'utf8', 'i') end,
        case l.object ->> 'collisdeterministic' when 'false' then 'not deterministic' end)]
end, '{}')
from (select $1::oid as class, $2::oid as object) it
left join pg_type t on it.class = 'pg_type'::regclass and t.oid = it.object
left join pg_class c on it.class = 'pg_class'::regclass and c.oid = it.object
left join pg_proc p on it.class = 'pg_proc'::regclass and p.oid = it.object
left join pg_operator o on it.class = 'pg_operator'::regclass and o.oid = it.object
left join pg_opclass k on it.class = 'pg_opclass'::regclass and k.oid = it.object
left join lateral (select to_jsonb(c) as object from pg_collation c
                   where it.class = 'pg_collation'::regclass and c.oid = it.object) l on true
