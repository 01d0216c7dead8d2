-- Every constraint of padealing is validated and enforced, and the triggers of its foreign keys are enabled.
-- severity: fail
-- rows: catalog
-- remedy: correct the rows that violate it, then validate or enforce it; `pad-migrate drift` has the SQL
select coalesce(c.conrelid::regclass::text, t.typname) || '.' || c.conname as id,
       c.contype::text as kind, c.convalidated as validated,
       coalesce((to_jsonb(c) ->> 'conenforced')::boolean, true) as enforced,
       not exists (
           select from pg_catalog.pg_trigger g where g.tgconstraint = c.oid and g.tgenabled = 'D') as triggers_enabled
from pg_catalog.pg_constraint c
join pg_catalog.pg_namespace n on n.oid = c.connamespace and n.nspname = 'padealing'
left join pg_catalog.pg_type t on t.oid = c.contypid
where not c.convalidated or to_jsonb(c) ->> 'conenforced' = 'false'
   or exists (select from pg_catalog.pg_trigger g where g.tgconstraint = c.oid and g.tgenabled = 'D')
order by 1;
