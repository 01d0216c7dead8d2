with held as (
    select 'relation' as space, c.relname as name, 'pg_class'::regclass as class, c.oid, c.relkind as form,
        coalesce((select relname from pg_class where oid = i.indrelid), '') as parent
    from pg_class c left join pg_index i on i.indexrelid = c.oid
    where c.relnamespace = to_regnamespace('padealing')
    union all
    select 'type', t.typname, 'pg_type'::regclass, t.oid, t.typtype, ''
    from pg_type t
    where t.typnamespace = to_regnamespace('padealing') and t.typtype <> 'c'
        -- An array type that is in the way is renamed by PostgreSQL.
        and not exists (select from pg_type e where e.typarray = t.oid)
)
select h.space, h.name::text,
    case when h.form = 'i' or h.form = 'I'
        then format('index %I.%I of table %I', 'padealing', h.name, h.parent)
        else format('%s %I.%I', w.words, 'padealing', h.name) end,
    w.words, w.kind, h.parent::text,
    (select e.extname::text from pg_depend d join pg_extension e on e.oid = d.refobjid
     where d.classid = h.class and d.objid = h.oid and d.refclassid = 'pg_extension'::regclass and d.deptype = 'e')
from held h
join (values ('relation', 'r', 'table', 'table'), ('relation', 'p', 'table', 'table'), ('relation', 'v', 'view', 'view'),
    ('relation', 'm', 'materialized view', 'materialized_view'), ('relation', 'f', 'foreign table', 'foreign_table'),
    ('relation', 'S', 'sequence', 'sequence'), ('relation', 'i', 'index', 'index'), ('relation', 'I', 'index', 'index'),
    ('relation', 'c', 'type', 'composite'), ('type', 'e', 'type', 'enum'), ('type', 'd', 'domain', 'domain'),
    ('type', 'r', 'type', 'range'), ('type', 'm', 'type', 'range'), ('type', 'b', 'type', 'base_type'),
    ('type', 'p', 'type', 'base_type')) as w (space, form, words, kind) on w.space = h.space and w.form = h.form
