-- Every sequence is past the largest id of its table: else the next row of the application fails.
-- severity: fail
-- scenarios: 1
-- rows: both
-- remedy: `pad-migrate migrate` moves the sequences; by hand: setval(sequence, largest_id)
with owned as (
    select t.relname as relation, a.attname as field, t.oid::regclass as relation_name,
           s.oid::regclass as sequence_name, p.seqincrement as step
    from pg_catalog.pg_depend d
    join pg_catalog.pg_class s on s.oid = d.objid and s.relkind = 'S'
    join pg_catalog.pg_sequence p on p.seqrelid = s.oid
    join pg_catalog.pg_class t on t.oid = d.refobjid and t.relkind in ('r', 'p')
    join pg_catalog.pg_namespace n on n.oid = t.relnamespace and n.nspname = 'padealing'
    join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid
    where d.classid = 'pg_catalog.pg_class'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass
      and d.deptype in ('a', 'i')
      -- What is not managed may belong to a role that lets nobody read it.
      and t.relname in (
          'pad_request', 'pad_approval', 'pad_execution', 'pad_breach', 'audit_log', 'chatbot_session',
          'compliance_config', 'compliance_decision_outcome', 'employee_role', 'restricted_security',
          'migration_mapping', 'migration_run', 'migration_reject', 'schema_revision')
), reached as materialized (
    -- The names are in the catalog only, so the query is made there: its result comes as XML.
    select o.*, pg_catalog.query_to_xml(format(
               'select (select max(%I) from %s) as used, '
               '(select case when is_called then last_value else last_value - %s end from %s) as reached',
               o.field, o.relation_name, o.step, o.sequence_name), true, false, '') as answer
    from owned o
), read as (
    select r.relation, r.sequence_name::text as sequence,
           (xpath('//used/text()', r.answer))[1]::text::numeric as largest_id,
           (xpath('//reached/text()', r.answer))[1]::text::numeric as sequence_at
    from reached r
)
select r.relation as id, r.sequence, r.largest_id, r.sequence_at
from read r
where r.largest_id > r.sequence_at
order by r.relation;
