-- Every index of padealing is valid and ready.
-- severity: fail
-- scenarios: 10
-- rows: catalog
-- remedy: drop the index and build it again; `pad-migrate drift` has the SQL
select i.indexrelid::regclass::text as id, i.indrelid::regclass::text as relation, i.indisunique as is_unique,
       i.indisvalid as is_valid, i.indisready as is_ready
from pg_catalog.pg_index i
join pg_catalog.pg_class c on c.oid = i.indexrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace and n.nspname = 'padealing'
where not (i.indisvalid and i.indisready and i.indislive)
order by 1;
