-- What depends on columns, constraints and indexes of tables with a managed name. What PostgreSQL carries along by
-- itself when a column gets another type (own keys, plain indexes, defaults) isn't listed.
with tables as (
    select c.oid, n.nspname, c.relname
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relname = any($1) and c.relkind in ('r', 'p')
),
upon as (
    select 'pg_class'::regclass::oid as class, t.oid as object, a.attnum::int4 as part, t.oid as of_table,
        'column' as kind, t.nspname, t.relname, a.attname as name
    from tables t join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
    union all
    select 'pg_constraint'::regclass, k.oid, 0, t.oid, 'constraint', t.nspname, t.relname, k.conname
    from tables t join pg_constraint k on k.conrelid = t.oid
    union all
    -- A key's foreign keys depend on its index.
    select 'pg_class'::regclass, k.conindid, 0, t.oid, 'constraint', t.nspname, t.relname, k.conname
    from tables t join pg_constraint k on k.conrelid = t.oid and k.contype in ('p', 'u', 'x')
    union all
    select 'pg_class'::regclass, i.indexrelid, 0, t.oid, 'index', t.nspname, t.relname, c.relname
    from tables t join pg_index i on i.indrelid = t.oid join pg_class c on c.oid = i.indexrelid
)
select u.kind, u.nspname::text, u.relname::text, u.name::text,
    case when i.indexrelid is not null or k.contype in ('c', 'x') or s.oid is not null then 'expression'
        else 'fixed' end,
    case when v.relkind in ('v', 'm')
            then format('%s %s', case v.relkind when 'm' then 'materialized view' else 'view' end, v.oid::regclass)
        when k.contype = 'f' then format('foreign key %s of %s', k.conname, k.conrelid::regclass)
        when p.oid is not null then format('function %s', p.oid::regprocedure)
        when c.attname is not null then format('generated column %s of %s', c.attname, c.attrelid::regclass)
        else pg_describe_object(d.classid, d.objid, 0) end,
    case when v.relkind = 'v' then 'view' when v.relkind = 'm' then 'materialized_view' when w.oid is not null then 'rule'
        when g.oid is not null then 'trigger' when o.oid is not null then 'policy'
        when k.oid is not null then 'constraint' when r.relkind in ('i', 'I') then 'index'
        when s.oid is not null then 'statistics' when c.attname is not null then 'column' end,
    n.nspname::text,
    case when v.relkind in ('v', 'm') then '' else b.relname::text end,
    coalesce(case when v.relkind in ('v', 'm') then v.relname end, w.rulename, g.tgname, o.polname, k.conname, c.attname,
        r.relname, s.stxname)::text,
    array_remove(array[pg_get_expr(i.indpred, i.indrelid), pg_get_expr(i.indexprs, i.indrelid),
        pg_get_expr(k.conbin, k.conrelid)], null)
from upon u
join pg_depend d on d.refclassid = u.class and d.refobjid = u.object and d.refobjsubid = u.part
    and d.deptype in ('n', 'a', 'i')
left join pg_rewrite w on d.classid = 'pg_rewrite'::regclass and w.oid = d.objid
left join pg_class v on v.oid = w.ev_class
left join pg_trigger g on d.classid = 'pg_trigger'::regclass and g.oid = d.objid
left join pg_policy o on d.classid = 'pg_policy'::regclass and o.oid = d.objid
left join pg_constraint k on d.classid = 'pg_constraint'::regclass and k.oid = d.objid
left join pg_class r on d.classid = 'pg_class'::regclass and r.oid = d.objid
left join pg_index i on i.indexrelid = r.oid
left join pg_statistic_ext s on d.classid = 'pg_statistic_ext'::regclass and s.oid = d.objid
left join pg_attrdef a on d.classid = 'pg_attrdef'::regclass and a.oid = d.objid
-- Before 15 it is the generated column itself that depends, and not its expression.
left join pg_attribute c on c.attgenerated <> '' and c.attrelid = coalesce(a.adrelid, r.oid)
    and c.attnum = coalesce(a.adnum, nullif(d.objsubid, 0))
left join pg_proc p on d.classid = 'pg_proc'::regclass and p.oid = d.objid
left join pg_class b on b.oid = coalesce(w.ev_class, g.tgrelid, o.polrelid, k.conrelid, i.indrelid, s.stxrelid, c.attrelid)
left join pg_namespace n on n.oid = b.relnamespace
where case
    when k.oid is not null and k.conrelid = u.of_table then u.kind = 'column' and (k.contype = 'c'
        or k.contype = 'x' and exists (select from pg_index where indexrelid = k.conindid
            and (indexprs is not null or indpred is not null)))
    when k.oid is not null and k.conrelid <> u.of_table then k.contype = 'f'
        -- PostgreSQL recreates the foreign keys to a column by itself; of tables of others, it would lock these.
        and (u.kind <> 'column' or k.conrelid not in (select oid from tables))
    when c.attname is not null then (c.attrelid, c.attnum) <> (u.object, u.part)
    when a.oid is not null then false
    when r.oid is not null then u.kind = 'column' and (i.indexprs is not null or i.indpred is not null)
        and not exists (select from pg_constraint where conindid = r.oid and contype = 'x')
    when s.oid is not null then u.kind = 'column' and to_jsonb(s) ->> 'stxexprs' is not null
    when g.oid is not null then not g.tgisinternal
    -- Its own array type, a TOAST table.
    when d.classid = 'pg_type'::regclass then false
    else true end
order by 1, 2, 3, 4, 6
