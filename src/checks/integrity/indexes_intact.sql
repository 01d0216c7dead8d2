-- The B-tree indexes of padealing are in order (amcheck reads each of them whole).
-- severity: fail
-- rows: catalog
-- extension: amcheck bt_index_check(regclass)
-- remedy: REINDEX the index; find out what damaged it (memory, disk, a new version of a collation)
with allowed as (
    select n.nspname
    from pg_catalog.pg_extension e
    join pg_catalog.pg_namespace n on n.oid = e.extnamespace
    where e.extname = 'amcheck'
)
-- The schema of the extension is in the catalog only, so the query is made there. What is wrong ends it with an error.
select c.oid::regclass::text as id
from pg_catalog.pg_index i
join pg_catalog.pg_class c on c.oid = i.indexrelid and c.relkind = 'i'
join pg_catalog.pg_am m on m.oid = c.relam and m.amname = 'btree'
join pg_catalog.pg_namespace n on n.oid = c.relnamespace and n.nspname = 'padealing'
cross join allowed a
where i.indisvalid and i.indisready and c.relpersistence <> 't'
  and pg_catalog.query_to_xml(format('select %I.bt_index_check(%s::regclass)', a.nspname, quote_literal(c.oid::text)),
      true, false, '') is null
order by 1;
