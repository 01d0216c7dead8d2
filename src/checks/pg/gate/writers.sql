-- Who may write to the legacy table ($1, $2), and by which way. $3 is the kind of membership that allows SET ROLE.
with recursive tree(oid) as (
    -- The relations whose rows are the table's: itself, its partitions and children, and what a view reads.
    select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2
    union
    select below.oid from tree, lateral (
        select inhrelid as oid from pg_inherits where inhparent = tree.oid
        union all
        select d.refobjid from pg_rewrite r join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
            and d.refclassid = 'pg_class'::regclass
        where r.ev_class = tree.oid and r.ev_type = '1' and d.refobjid <> tree.oid
    ) below
),
-- What leads from a relation that is written to on to another: each begins with the relation and the event there, and
-- ends with the relation and the event by which it is caused.
edge(below, below_event, oid, event, way, name, columns) as materialized (
    select d.refobjid, e.event, v.oid, e.event, 'view', null::text, null::int2[]
    from pg_rewrite r
    join pg_class v on v.oid = r.ev_class and v.relkind = 'v'
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
        and d.refobjid <> v.oid
    cross join (values ('UPDATE', 4), ('INSERT', 8), ('DELETE', 16)) e (event, bit)
    where r.ev_type = '1' and pg_relation_is_updatable(v.oid, false) & e.bit <> 0
        -- Others are written to with the rights of who uses the view.
        and not coalesce(v.reloptions::text ~ 'security_invoker=(true|on|yes|1)', false)
        and (has_table_privilege(v.relowner, d.refobjid, e.event)
            or e.event <> 'DELETE' and has_any_column_privilege(v.relowner, d.refobjid, e.event))
    union
    select d.refobjid, b.event, c.oid, case r.ev_type when '2' then 'UPDATE' when '3' then 'INSERT' else 'DELETE' end,
        'rule', r.rulename::text, null
    from pg_rewrite r
    join pg_class c on c.oid = r.ev_class
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
        and d.refobjid <> c.oid
    join pg_class named on named.oid = d.refobjid
    cross join (values ('UPDATE', 'update'), ('INSERT', 'insert\s+into'), ('DELETE', 'delete\s+from')) b (event, verb)
    where r.ev_type in ('2', '3', '4') and r.ev_enabled <> 'D'
        and pg_get_ruledef(r.oid) ~* ('\m' || b.verb || '\s+(only\s+)?([^\s]+\.)?"?'
            || regexp_replace(named.relname, '(\W)', '\\\1', 'g') || '"?(?!\w)')
    union
    select k.conrelid, case k.confdeltype when 'c' then 'DELETE' else 'UPDATE' end, k.confrelid, 'DELETE',
        'foreign key', k.conname::text, null
    from pg_constraint k where k.contype = 'f' and k.confdeltype in ('c', 'n', 'd')
    union
    select k.conrelid, 'UPDATE', k.confrelid, 'UPDATE', 'foreign key', k.conname::text, k.confkey
    from pg_constraint k where k.contype = 'f' and k.confupdtype in ('c', 'n', 'd')
    union
    -- Who writes to a table writes to its partitions and children, whatever he may do there.
    select i.inhrelid, e.event, i.inhparent, e.event, 'parent', null, null
    from pg_inherits i join pg_class c on c.oid = i.inhrelid
    cross join unnest(array['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) e (event)
    where c.relkind in ('r', 'p', 'f') and (c.relispartition or e.event <> 'INSERT')
),
door(oid, event, way, name, columns) as (
    select tree.oid, e.event, null::text, null::text collate "C", null::int2[]
    from tree cross join unnest(array['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) e (event)
    union
    select edge.oid, edge.event, edge.way, edge.name, edge.columns
    from door join edge on edge.below = door.oid and edge.below_event = door.event
    where edge.oid not in (select oid from tree)
),
-- Functions that people have written, and what is to be seen in their bodies.
routine as materialized (
    select p.oid, lower(p.proname) as name, p.pronamespace, p.prosecdef, p.proowner, p.proacl, p.provolatile,
        p.prorettype = 'trigger'::regtype as is_trigger, l.lanname not in ('sql', 'plpgsql') as is_closed,
        -- Without comments; without literals, where none of them can be run.
        case when t.body ~ '\mexecute\M' then t.body else regexp_replace(t.body, '''[^'']*''', ' ', 'g') end as body
    from pg_proc p join pg_language l on l.oid = p.prolang
    cross join lateral (select regexp_replace(
        lower(case when p.prosrc = '' then pg_get_functiondef(p.oid) else p.prosrc end),
        '--[^\n]*|/\*([^*]|\*[^/])*\*/', ' ', 'g') as body) t
    where p.prokind in ('f', 'p') and l.lanname not in ('internal', 'c')
        and p.pronamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
        and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid
            and d.deptype = 'e')
),
target as materialized (
    select lower(c.relname) as name, regexp_replace(lower(c.relname), '(\W)', '\\\1', 'g') as pattern,
        regexp_replace(lower(n.nspname), '(\W)', '\\\1', 'g') as schema,
        bool_or(door.way is distinct from 'foreign key') as is_near
    from door join pg_class c on c.oid = door.oid join pg_namespace n on n.oid = c.relnamespace group by 1, 2, 3
),
-- Those that name the table or what leads to it, those that call them, and those that write to a table whose trigger
-- writes on; whether they are seen to write to it. To write to the other end of a foreign key needn't change a row at
-- this one.
naming(oid, name, writes) as (
    select f.oid, f.name, f.writes and t.is_near
    from target t cross join lateral (
        select r.oid, r.name, r.body ~ ('\m(insert\s+into|update|delete\s+from|truncate(\s+table)?|merge\s+into|copy)\s+(only\s+)?'
            || '("?' || t.schema || '"?\s*\.\s*)?"?' || t.pattern || '([^\w$]|$)') as writes
        -- A regular expression takes long, and most texts don't have the name at all.
        from routine r where case when position(t.name in r.body) > 0
            then r.body ~ ('(^|[^\w$])' || t.pattern || '([^\w$]|$)') else false end
        -- So that the one condition comes before the other.
        offset 0
    ) f
    where t.is_near or f.writes
    union
    select caller.oid, caller.name, called.writes
    from naming called
    cross join lateral (
        select true as is_call, called.name as word,
            '(^|[^\w$])' || regexp_replace(called.name, '(\W)', '\\\1', 'g') || '"?\s*\(' as pattern
        union all
        -- Who writes to a table whose trigger it is.
        select false, lower(c.relname), '\m(' || concat_ws('|', 'merge\s+into',
                case when t.tgtype & 4 <> 0 then 'insert\s+into|copy' end, case when t.tgtype & 8 <> 0 then 'delete\s+from' end,
                case when t.tgtype & 16 <> 0 then 'update' end, case when t.tgtype & 32 <> 0 then 'truncate(\s+table)?' end)
            || ')\s+(only\s+)?("?' || regexp_replace(lower(n.nspname), '(\W)', '\\\1', 'g') || '"?\s*\.\s*)?"?'
            || regexp_replace(lower(c.relname), '(\W)', '\\\1', 'g') || '([^\w$]|$)'
        from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
        where t.tgfoid = called.oid and called.writes and not t.tgisinternal and t.tgenabled <> 'D'
    ) way
    join routine caller on caller.oid <> called.oid and case
        when way.is_call and position(called.name || '(' in caller.body) = 0
            and position(called.name || ' (' in caller.body) = 0 and position(called.name || '"' in caller.body) = 0
            or position(way.word in caller.body) = 0 then false
        else caller.body ~ way.pattern end
),
-- They run with their owners' rights.
able(oid) as materialized (
    select r.oid from routine r where r.prosecdef and exists (
        select from door where has_table_privilege(r.proowner, door.oid, door.event)
            or door.event in ('INSERT', 'UPDATE') and has_any_column_privilege(r.proowner, door.oid, door.event))
),
definer as materialized (
    select r.oid, r.is_trigger, r.pronamespace, r.proowner, r.proacl, coalesce(bool_or(n.writes), false) as writes
    from routine r left join naming n on n.oid = r.oid
    -- What is stable only reads, unless it calls what isn't.
    where r.prosecdef and (n.writes or n.oid is not null and r.provolatile = 'v' or r.is_closed
            or case when position('execute' in r.body) > 0 then r.body ~ '\mexecute\M' else false end)
        and (r.oid in (select oid from able) or exists (
            -- The trigger that it sets off has rights of its own.
            select from able join naming w on w.oid = able.oid and w.writes
            join pg_trigger t on t.tgfoid = able.oid and not t.tgisinternal and t.tgenabled <> 'D'
            where has_table_privilege(r.proowner, t.tgrelid, 'insert, update, delete, truncate')
                or has_any_column_privilege(r.proowner, t.tgrelid, 'insert, update')))
    group by 1, 2, 3, 4, 5
),
fired(oid, event, way, name, columns, writes) as (
    select t.tgrelid, e.event, 'trigger', t.tgname::text, null::int2[], d.writes
    from pg_trigger t join definer d on d.oid = t.tgfoid
    cross join (values ('INSERT', 4), ('DELETE', 8), ('UPDATE', 16), ('TRUNCATE', 32)) e (event, bit)
    where not t.tgisinternal and t.tgenabled <> 'D' and t.tgtype & e.bit <> 0 and t.tgrelid not in (select oid from tree)
    union
    select edge.oid, edge.event, edge.way, edge.name, edge.columns, fired.writes
    from fired join edge on edge.below = fired.oid and edge.below_event = fired.event
    where edge.oid not in (select oid from tree)
),
-- What has been granted to whom: relations and functions.
held(grantee, event, namespace, object, way, name, writes) as materialized (
    select a.grantee, w.event, c.relnamespace, c.oid::regclass::text, w.way, w.name, w.writes
    from (select *, true from door union select * from fired) w (oid, event, way, name, columns, writes)
    join pg_class c on c.oid = w.oid and c.relkind in ('r', 'p', 'v', 'f')
    cross join lateral (
        select x.grantee, x.privilege_type from aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) x
        union
        select x.grantee, x.privilege_type from pg_attribute t cross join aclexplode(t.attacl) x
        where t.attrelid = c.oid and not t.attisdropped and (w.columns is null or t.attnum = any (w.columns))
        union
        select r.oid, w.event from pg_roles r where r.rolname = 'pg_write_all_data' and w.event <> 'TRUNCATE' and w.way is null
    ) a
    -- The owner of a view has no more rights through it than without.
    where a.privilege_type = w.event and not (w.way = 'view' and a.grantee = c.relowner)
    union
    select a.grantee, 'EXECUTE', d.pronamespace, d.oid::regprocedure::text, 'function', null, d.writes
    from definer d cross join aclexplode(coalesce(d.proacl, acldefault('f', d.proowner))) a where not d.is_trigger
),
-- Who is here or may come here.
login as materialized (
    select r.oid, r.rolname::text as name, exists (
            select from pg_stat_activity a where a.usesysid = r.oid and a.datname = current_database()
                and coalesce(a.application_name, '') not like 'pad-migrate %'
        ) as is_here,
        r.rolcanlogin and has_database_privilege(r.oid, current_database(), 'connect') as may_come, r.rolcreaterole
    from pg_roles r where not r.rolsuper
),
-- Most roles have no members, and most are members of none: only of the others has the server to be asked.
with_members(oid) as materialized (select distinct roleid from pg_auth_members),
members(oid) as materialized (select distinct member from pg_auth_members),
-- The roles as which what was granted can be used. What superusers can do is known.
acting(oid, grantee) as materialized (
    select r.oid, h.grantee from (select distinct grantee from held) h join pg_roles r on r.oid = h.grantee
    where not r.rolsuper
    union
    select r.oid, h.grantee
    from (select distinct grantee from held where grantee in (select oid from with_members)) h
    join pg_roles r on r.oid in (select oid from members) and pg_has_role(r.oid, h.grantee, 'usage')
    where not r.rolsuper
),
owner(oid) as materialized (
    select r.oid from pg_roles r where not r.rolsuper and exists (
        select from tree join pg_class c on c.oid = tree.oid where pg_has_role(r.oid, c.relowner, 'usage'))
),
root(oid) as (
    select c.relowner from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2
),
present as materialized (
    select l.*, exists (
            select from root where pg_has_role(l.oid, root.oid, 'usage') or pg_has_role(l.oid, root.oid, $3)) as is_root
    from login l where l.is_here or l.may_come
),
reach(login, acting) as materialized (
    select oid, oid from present
    union
    select l.oid, s.oid
    from (select oid from present where oid in (select oid from members)) l
    join (select distinct oid from acting where oid in (select oid from with_members)) s on pg_has_role(l.oid, s.oid, $3)
),
may as materialized (
    select l.oid, l.name as role, nullif(s.oid, l.oid) as acting, h.event, h.object, h.way, h.name, h.writes, h.grantee
    from held h join acting s on s.grantee = h.grantee
    join reach r on r.acting = s.oid
    join present l on l.oid = r.login and not l.is_root
    where has_schema_privilege(s.oid, h.namespace, 'usage')
    union all
    select 0, 'public', null, h.event, h.object, h.way, h.name, h.writes, 0
    from held h where h.grantee = 0 and h.namespace in (
        select n.namespace from (select distinct namespace from held where grantee = 0) n where exists (
            select from present l where not l.is_root and has_schema_privilege(l.oid, n.namespace, 'usage')))
),
owning as materialized (
    select l.oid, l.name, l.is_here from present l
    where exists (select from owner o where o.oid = l.oid or pg_has_role(l.oid, o.oid, $3))
)
select 'owner' as kind, name as role, null::text as acting, null::text as event, null::text as object, null::text as way,
    null::text as name, is_here as writes, null::text as grantee
from owning
union all
select distinct 'way', m.role, m.acting::regrole::text, lower(m.event), m.object, m.way, m.name, m.writes,
    case m.grantee when 0 then 'public' else m.grantee::regrole::text end
from may m
-- What a role can do as itself needs no other.
where m.acting is null or not exists (
    select from may o where o.oid = m.oid and o.acting is null and o.event = m.event and o.object = m.object)
union all
select 'grantor', l.name, null, null, null, null, null, true, null
from present l
where l.oid not in (select oid from owning) and l.oid not in (select oid from may where writes) and (
    l.oid in (select oid from members)
    and exists (select from pg_roles r where r.rolsuper and pg_has_role(l.oid, r.oid, $3))
    -- Before version 16 it may grant itself any role but superusers.
    or $3 = 'MEMBER' and l.rolcreaterole
    or exists (
        select from with_members r where l.oid in (select oid from members)
            and r.oid <> l.oid and pg_has_role(l.oid, r.oid, 'MEMBER WITH ADMIN OPTION') and exists (
            select from (select a.oid from acting a join held h on h.grantee = a.grantee where h.writes
                union select oid from owner union select oid from pg_roles where rolsuper) w
            where w.oid = r.oid or pg_has_role(r.oid, w.oid, $3))))
order by 1, 2, 3, 5, 4;
