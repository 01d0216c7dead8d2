with recursive tables as (
    select c.oid, n.nspname, c.relname
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relname = any($1) and c.relkind in ('r', 'p')
),
below as (
    select t.oid as root, h.inhparent, h.inhrelid from tables t join pg_inherits h on h.inhparent = t.oid
    union
    select b.root, h.inhparent, h.inhrelid from below b join pg_inherits h on h.inhparent = b.inhrelid
)
select t.nspname::text, t.relname::text, b.inhrelid::regclass::text,
    case when c.relispartition then format('alter table %s detach partition %s', b.inhparent::regclass, b.inhrelid::regclass)
        else format('alter table %s no inherit %s', b.inhrelid::regclass, b.inhparent::regclass) end,
    c.relnamespace <> coalesce(to_regnamespace('padealing')::oid, 0),
    array(select a.attname::text from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        order by a.attnum),
    array(select format_type(a.atttypid, a.atttypmod) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0
        and not a.attisdropped order by a.attnum)
from below b join tables t on t.oid = b.root join pg_class c on c.oid = b.inhrelid
order by 1, 2, 3
