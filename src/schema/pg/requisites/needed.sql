-- What the objects that are backed up depend on and that isn't backed up with them (documentation, pg_depend): a trigger's
-- function in another schema, the type of a column, an operator class, a collation, an extension. $1: relations of
-- padealing that are left out. Foreign keys are not among them: their rows are looked at, too; nor are the roles of
-- policies, which the catalog has. What one of these depends on comes before it: a domain's enum, a function of its check.
with recursive left_out (oid) as (
    select oid from pg_class where relnamespace = to_regnamespace('padealing') and relname = any($1)
),
own (class, object) as (
    select it.class, it.object from (
        select 'pg_class'::regclass::oid, oid, relnamespace from pg_class
        where relkind in ('r', 'p', 'S', 'c') and oid not in (select oid from left_out)
        union all
        select 'pg_type'::regclass, t.oid, t.typnamespace from pg_type t left join pg_class c on c.oid = t.typrelid
        where t.typtype in ('d', 'e', 'r') or t.typtype = 'b' and t.typelem = 0 or c.relkind = 'c'
        union all select 'pg_proc'::regclass, oid, pronamespace from pg_proc
        union all select 'pg_operator'::regclass, oid, oprnamespace from pg_operator
        union all select 'pg_opclass'::regclass, oid, opcnamespace from pg_opclass
        union all select 'pg_opfamily'::regclass, oid, opfnamespace from pg_opfamily
        union all select 'pg_collation'::regclass, oid, collnamespace from pg_collation
        union all select 'pg_conversion'::regclass, oid, connamespace from pg_conversion
        union all select 'pg_ts_config'::regclass, oid, cfgnamespace from pg_ts_config
        union all select 'pg_ts_dict'::regclass, oid, dictnamespace from pg_ts_dict
        union all select 'pg_ts_parser'::regclass, oid, prsnamespace from pg_ts_parser
        union all select 'pg_ts_template'::regclass, oid, tmplnamespace from pg_ts_template
    ) it (class, object, namespace)
    where it.namespace = to_regnamespace('padealing')
      -- An extension's members come with it.
      and not exists (select from pg_depend e where e.classid = it.class and e.objid = it.object and e.deptype = 'e')
    union
    -- Columns' defaults, constraints, indexes, triggers, rules, policies, statistics.
    select d.classid, d.objid from own o
    join pg_depend d on d.refclassid = o.class and d.refobjid = o.object and d.deptype in ('a', 'i', 'P', 'S')
    where d.classid not in (select oid from pg_class where relname ~ '^pg_publication' and relnamespace = 'pg_catalog'::regnamespace)
),
direct (class, object, by) as (
    -- An array is there where its elements' type is.
    select d.refclassid, coalesce(t.typelem, d.refobjid),
           min((it).type || ' ' || (it).identity collate "C")
    from own o join pg_depend d on d.classid = o.class and d.objid = o.object and d.deptype <> 'e'
    left join pg_constraint k on d.classid = 'pg_constraint'::regclass and k.oid = d.objid
    left join pg_type t on d.refclassid = 'pg_type'::regclass and t.oid = d.refobjid and t.typcategory = 'A' and t.typelem <> 0
    cross join lateral (select pg_identify_object(d.classid, d.objid, d.objsubid) as it) described
    where d.refobjid <> 0 and d.refclassid <> 'pg_namespace'::regclass
      and (k.contype is distinct from 'f' or d.refclassid <> 'pg_class'::regclass)
      and (d.refclassid, coalesce(t.typelem, d.refobjid)) not in (select class, object from own)
    group by 1, 2
),
reached (class, object, by, depth) as (
    select class, object, by, 0 from direct
    union
    select d.refclassid, coalesce(t.typelem, d.refobjid), (i.it).type || ' ' || (i.it).identity, r.depth + 1
    from reached r
    -- A domain's constraints, a composite type's columns.
    cross join lateral (
        select r.class, r.object
        union all
        select p.classid, p.objid from pg_depend p
        where p.refclassid = r.class and p.refobjid = r.object and p.deptype in ('a', 'i')
          and r.class = 'pg_type'::regclass and p.classid in ('pg_constraint'::regclass, 'pg_class'::regclass)
    ) part (class, object)
    join pg_depend d on d.classid = part.class and d.objid = part.object and d.deptype = 'n'
    left join pg_type t on d.refclassid = 'pg_type'::regclass and t.oid = d.refobjid and t.typcategory = 'A' and t.typelem <> 0
    cross join lateral (select pg_identify_object(r.class, r.object, 0) as it) i
    -- Two may depend on each other.
    where r.depth < 8 and r.class <> 'pg_class'::regclass
      and d.refclassid not in ('pg_namespace'::regclass, 'pg_class'::regclass)
      and (d.refclassid, coalesce(t.typelem, d.refobjid)) <> (r.class, r.object)
      and (d.refclassid, coalesce(t.typelem, d.refobjid)) not in (select class, object from own)
      and not exists (select from pg_depend e where e.classid = r.class and e.objid = r.object and e.deptype = 'e')
),
needed (class, object, by, depth) as (
    select class, object, (array_agg(by order by depth, by collate "C"))[1], max(depth) from reached group by 1, 2
)
select (i.it).type::text, coalesce((parse_ident((i.it).schema))[1], '')::text, (i.it).identity::text, n.by::text,
       (a.it).type::text, (a.it).object_names, (a.it).object_args, x.extname::text, n.class, n.object,
       case
       when x.oid is not null then format('create extension if not exists %I with schema %I cascade', x.extname,
           (select nspname from pg_namespace where oid = x.extnamespace))
       when p.prokind in ('f', 'p') and (select l.lanname from pg_language l where l.oid = p.prolang) in ('sql', 'plpgsql')
           then pg_get_functiondef(p.oid)
       when t.typtype = 'e' then format('create type %s as enum (%s)', (i.it).identity,
           (select string_agg(quote_literal(enumlabel), ', ' order by enumsortorder) from pg_enum where enumtypid = t.oid))
       when t.typtype = 'd' then format('create domain %s as %s', (i.it).identity, format_type(t.typbasetype, t.typtypmod))
           || coalesce(' collate ' || (select quote_ident(n.nspname) || '.' || quote_ident(c.collname)
                from pg_collation c join pg_namespace n on n.oid = c.collnamespace where c.oid = t.typcollation
                and c.oid <> (select typcollation from pg_type where oid = t.typbasetype)), '')
           || coalesce(' default ' || pg_get_expr(t.typdefaultbin, 0), '') || case when t.typnotnull then ' not null' else '' end
           || coalesce((select string_agg(format(' constraint %I %s', conname, pg_get_constraintdef(oid)), '' order by conname)
                        from pg_constraint where contypid = t.oid and contype = 'c'), '')
       when t.typtype = 'c' and c.relkind = 'c' then format('create type %s as (%s)', (i.it).identity,
           (select string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)) || coalesce(' collate ' || (
                select quote_ident(n.nspname) || '.' || quote_ident(o.collname)
                from pg_collation o join pg_namespace n on n.oid = o.collnamespace where o.oid = attcollation
                and o.oid <> (select typcollation from pg_type where oid = atttypid)), ''), ', ' order by attnum)
            from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped))
       -- The names of a collation's columns depend on the version.
       when i.collation is not null and (i.it).schema <> 'pg_catalog' then format('create collation %s (provider = %s, %s%s)',
           (i.it).identity, case i.collation ->> 'collprovider' when 'i' then 'icu' when 'b' then 'builtin' else 'libc' end,
           case i.collation ->> 'collprovider'
           when 'c' then format('lc_collate = %L, lc_ctype = %L', i.collation ->> 'collcollate', i.collation ->> 'collctype')
           else format('locale = %L', coalesce(i.collation ->> 'colllocale', i.collation ->> 'colliculocale',
               i.collation ->> 'collcollate')) end,
           case i.collation ->> 'collisdeterministic' when 'false' then ', deterministic = false' else '' end)
       end
from needed n
cross join lateral (select pg_identify_object(n.class, n.object, 0) as it,
    (select to_jsonb(c) from pg_collation c where n.class = 'pg_collation'::regclass and c.oid = n.object) as collation) i
cross join lateral (select pg_identify_object_as_address(n.class, n.object, 0) as it) a
left join pg_depend e on e.classid = n.class and e.objid = n.object and e.deptype = 'e'
left join pg_extension x on x.oid = e.refobjid
left join pg_proc p on n.class = 'pg_proc'::regclass and p.oid = n.object
left join pg_type t on n.class = 'pg_type'::regclass and t.oid = n.object
left join pg_class c on c.oid = t.typrelid
-- What every database has.
where x.extname is distinct from 'plpgsql'
  and (coalesce((i.it).schema, '') not in ('pg_catalog', 'information_schema') or n.class = 'pg_collation'::regclass
       or x.oid is not null)
order by n.depth desc, n.class, 1, 3
