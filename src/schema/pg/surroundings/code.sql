with managed as (
    select c.oid, n.nspname, c.relname
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relname = any($1) and c.relkind in ('r', 'p')
),
fires as (
    select case current_setting('session_replication_role') when 'replica' then '{R,A}' else '{O,A}' end::text[] as states
),
called as (
    select 'event' as occasion, evtevent::text as event, coalesce(evttags, '{}') as tags, '' as nspname, '' as relname,
        format('event trigger %I', evtname) as caller, quote_ident(evtname) as name, evtfoid as function, evtowner as owner,
        false as is_conditional
    from pg_event_trigger, fires
    where evtenabled::text = any(states) and evtevent <> 'login'
        and coalesce(current_setting('event_triggers', true), 'on') = 'on'
    union all
    -- Before a row: what it returns is the row.
    select 'record', case when g.tgtype & 3 = 3 then 'before' else '' end, '{}', '', '', format('trigger %I on padealing.schema_revision', g.tgname), quote_ident(g.tgname),
        g.tgfoid, c.relowner, g.tgqual is not null
    from fires, pg_trigger g join pg_class c on c.oid = g.tgrelid
    where g.tgrelid = to_regclass('padealing.schema_revision') and not g.tgisinternal and g.tgenabled::text = any(states)
        -- INSERT.
        and g.tgtype & 4 > 0
    union all
    select distinct 'rewrite', '', '{}'::text[], m.nspname::text, m.relname::text, pg_describe_object(d.classid, d.objid, 0),
        '', d.refobjid, c.relowner, false
    from managed m join pg_class c on c.oid = m.oid
    join pg_depend d on d.refclassid = 'pg_proc'::regclass
        and (d.classid = 'pg_class'::regclass and d.objid in (select indexrelid from pg_index where indrelid = m.oid)
            or d.classid = 'pg_constraint'::regclass and d.objid in (select oid from pg_constraint
                where conrelid = m.oid and contype = 'c'))
)
select c.occasion, c.event, c.tags, c.nspname::text, c.relname::text, c.caller, c.name, p.oid::regprocedure::text, p.prosrc,
    coalesce(p.proconfig::text like '%search_path=%', false), pg_get_userbyid(c.owner)::text, c.is_conditional
from called c join pg_proc p on p.oid = c.function join pg_language l on l.oid = p.prolang
where l.lanname in ('plpgsql', 'sql') and not exists (select from pg_depend e where e.classid = 'pg_proc'::regclass
    and e.objid = p.oid and e.deptype = 'e')
order by 6
