select n.nspname::text, c.relname::text,
    case c.relkind when 'r' then null when 'p' then null when 'v' then 'view' when 'm' then 'materialized view'
        when 'f' then 'foreign table' else 'relation of another kind' end,
    coalesce((select array_agg(a.attname::text order by a.attname) from pg_index i join pg_attribute a
        on a.attrelid = c.oid and a.attnum = any((i.indkey::int2[])[0:i.indnkeyatts - 1])
        where i.indrelid = c.oid and i.indisprimary and i.indisvalid and i.indimmediate), '{}'),
    coalesce((select array_agg((select string_agg(a.attname::text, e'\x01') from pg_attribute a
            where a.attrelid = c.oid and a.attnum = any((i.indkey::int2[])[0:i.indnkeyatts - 1])))
        from pg_index i where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indimmediate
            and i.indpred is null and i.indexprs is null), '{}'),
    array(select a.attname::text from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        order by a.attnum),
    array(select format_type(a.atttypid, a.atttypmod) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0
        and not a.attisdropped order by a.attnum),
    array(select t.typcategory::text from pg_attribute a join pg_type t on t.oid = a.atttypid
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum),
    c.relpersistence = 'u'
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'bo_airflow' and c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relname = any($1)
