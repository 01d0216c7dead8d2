-- What depends on tables of padealing and columns of them that are to be dropped, and isn't dropped with them: PostgreSQL
-- refuses the drop because of it (documentation, pg_depend).
with recursive gone (class, object, part) as (
    select 'pg_class'::regclass::oid, c.oid, coalesce(a.attnum, 0)::int4
    from unnest($1::text[], $2::text[]) w (relation, attribute)
    join pg_class c on c.relname = w.relation and c.relnamespace = to_regnamespace('padealing')
    left join pg_attribute a on a.attrelid = c.oid and a.attname = w.attribute and not a.attisdropped
    where w.attribute = '' or a.attnum is not null
    union
    select d.classid, d.objid, d.objsubid
    from gone g join pg_depend d on d.refclassid = g.class and d.refobjid = g.object
        and (g.part = 0 or d.refobjsubid = g.part)
    where d.deptype not in ('n', 'e', 'x')
),
remaining as (
    select distinct d.classid, d.objid, d.objsubid
    from gone g join pg_depend d on d.refclassid = g.class and d.refobjid = g.object
        and (g.part = 0 or d.refobjsubid = g.part)
    where d.deptype = 'n' and not exists (select from gone o where o.class = d.classid and o.object = d.objid
        and o.part in (0, d.objsubid))
)
select distinct
    case when v.oid is not null then pg_describe_object('pg_class'::regclass, v.oid, 0)
        else pg_describe_object(r.classid, r.objid, r.objsubid) end
    || coalesce(format(' (owner %s)', pg_get_userbyid(coalesce(b.relowner, p.proowner, t.typowner))), '') as dependent
from remaining r
left join pg_rewrite w on r.classid = 'pg_rewrite'::regclass and w.oid = r.objid
left join pg_class v on v.oid = w.ev_class and v.relkind in ('v', 'm')
left join pg_constraint k on r.classid = 'pg_constraint'::regclass and k.oid = r.objid
left join pg_attrdef a on r.classid = 'pg_attrdef'::regclass and a.oid = r.objid
left join pg_trigger g on r.classid = 'pg_trigger'::regclass and g.oid = r.objid
left join pg_policy o on r.classid = 'pg_policy'::regclass and o.oid = r.objid
left join pg_class b on b.oid = coalesce(w.ev_class, k.conrelid, a.adrelid, g.tgrelid, o.polrelid,
    case when r.classid = 'pg_class'::regclass then r.objid end)
left join pg_proc p on r.classid = 'pg_proc'::regclass and p.oid = r.objid
left join pg_type t on r.classid = 'pg_type'::regclass and t.oid = r.objid
order by 1
