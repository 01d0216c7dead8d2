with recursive tables as (
    select c.oid, n.nspname, c.relname, c.reltype
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relname = any($1) and c.relkind in ('r', 'p')
),
family as (
    select oid as root, oid from tables
    union
    select f.root, h.inhrelid from family f join pg_inherits h on h.inhparent = f.oid
),
uses as (
    select f.root, c.reltype as type from family f join pg_class c on c.oid = f.oid
    union
    select u.root, x.oid
    from uses u join pg_type x on x.typbasetype = u.type or x.typelem = u.type and x.typcategory = 'A'
        or x.oid in (select unnest(array[rngtypid, (to_jsonb(r) ->> 'rngmultitypid')::oid]) from pg_range r
            where r.rngsubtype = u.type)
        or x.typtype = 'c' and exists (select from pg_attribute a join pg_class k on k.oid = a.attrelid
            where k.reltype = x.oid and k.relkind in ('c', 'v', 'f') and a.atttypid = u.type and not a.attisdropped)
)
select distinct t.nspname::text, t.relname::text,
    format('column %s of %s', a.attname, a.attrelid::regclass)
from uses u join tables t on t.oid = u.root
join pg_attribute a on a.atttypid = u.type and a.attnum > 0 and not a.attisdropped
join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p', 'm')
order by 1, 2, 3
