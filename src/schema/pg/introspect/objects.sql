-- The objects of some schemas, and those of the database that they depend on. From pg_catalog only, so that a role
-- without privileges can read all of it.
--
-- Each statement returns objects of one kind, a row each: the object's address in the catalogs (class, oid, sub), its
-- name (kind, schema, parent, name), and its properties, named as in `catalog::Property`. A property is null where it
-- has its default. Statements without a kind add properties to objects of the others.
--
-- `{schemas}` and `{members}` are oid arrays: the schemas, and the relations in them that belong to extensions. A line
-- that ends in `from N` is for servers of that major version and newer. A statement below `-- if …` is sent only if the
-- schemas have objects in one of these catalogs: a statement takes time even if it finds nothing.

-- Schemas
select n.tableoid as class, n.oid, 0 as sub, 'schema' as kind, n.nspname as schema, '' as parent, '' as name,
    pg_get_userbyid(n.nspowner)::text as owner
from pg_namespace n
where n.oid = any({schemas});

-- Tables, views, materialized views, foreign tables
select c.tableoid as class, c.oid, 0 as sub,
    case c.relkind when 'v' then 'view' when 'm' then 'materialized_view' when 'f' then 'foreign_table' else 'table' end as kind,
    n.nspname as schema, '' as parent, c.relname as name,
    pg_get_userbyid(c.relowner)::text as owner,
    case c.relpersistence when 'u' then 'unlogged' when 't' then 'temporary' end as persistence,
    (select amname::text from pg_am where oid = c.relam and amname <> 'heap') as access_method,
    (select spcname::text from pg_tablespace where oid = c.reltablespace) as tablespace,
    c.reloptions as options,
    (select t.reloptions from pg_class t where t.oid = c.reltoastrelid) as toast_options,
    case when c.relrowsecurity then 'on' end as row_security,
    case when c.relforcerowsecurity then 'on' end as row_security_forced,
    case when c.relkind in ('r', 'p') then case c.relreplident when 'n' then 'nothing' when 'f' then 'full' when 'i' then 'index' end end as replica_identity,
    case when c.relkind = 'p' then pg_get_partkeydef(c.oid) end as partition_key,
    case when c.relispartition then pg_get_expr(c.relpartbound, c.oid) end as partition_bound,
    case when c.relispartition or c.relkind in ('r', 'f') then
        (select array_agg(h.inhparent::regclass::text order by h.inhseqno) from pg_inherits h where h.inhrelid = c.oid)
    end as inherits,
    case when c.reloftype <> 0 then format_type(c.reloftype, null) end as of_type,
    case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end as definition,
    case when c.relkind = 'm' and not c.relispopulated then 'no' end as populated,
    f.srvname::text as server,
    f.ftoptions as server_options
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join (select ft.ftrelid, ft.ftoptions, s.srvname from pg_foreign_table ft join pg_foreign_server s on s.oid = ft.ftserver) f
    on f.ftrelid = c.oid
where c.relnamespace = any({schemas}) and c.relkind in ('r', 'p', 'v', 'm', 'f') and c.oid <> all({members});

-- Columns
select c.tableoid as class, c.oid, a.attnum as sub, 'column' as kind, n.nspname as schema, c.relname as parent, a.attname as name,
    a.attnum::text as position,
    format_type(a.atttypid, a.atttypmod) as type,
    case when a.attnotnull then 'yes' end as not_null,
    case when a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid) end as "default",
    case a.attgenerated when '' then null when 'v' then 'virtual ' else 'stored ' end || pg_get_expr(d.adbin, d.adrelid) as generated,
    case a.attidentity when 'a' then 'always' when 'd' then 'by default' end as identity,
    case when a.attcollation <> t.typcollation then a.attcollation::regcollation::text end as collation,
    case when a.attstorage <> t.typstorage then
        case a.attstorage when 'p' then 'plain' when 'e' then 'external' when 'm' then 'main' else 'extended' end end as storage,
    case a.attcompression when 'p' then 'pglz' when 'l' then 'lz4' end as compression, -- from 14
    nullif(a.attstattarget, -1)::text as statistics,
    -- From 17.12 on the server keeps a number of its own there.
    (select array_agg(o) from unnest(a.attoptions) o where o not like 'pg_attver=%') as options,
    a.attfdwoptions as server_options,
    case when a.attinhcount > 0 and not a.attislocal then 'yes' end as inherited
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type t on t.oid = a.atttypid
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where c.relnamespace = any({schemas}) and c.relkind in ('r', 'p', 'v', 'm', 'f') and c.oid <> all({members});

-- Constraints of tables and domains. Suffixes of the definition (NOT VALID and the like) are properties of their own.
select k.tableoid as class, k.oid, 0 as sub, 'constraint' as kind, n.nspname as schema,
    coalesce(c.relname, y.typname) as parent, k.conname as name,
    case k.contype when 'c' then 'check' when 'f' then 'foreign key' when 'p' then 'primary key' when 'u' then 'unique'
        when 'x' then 'exclusion' when 't' then 'trigger' else k.contype::text end as type,
    pg_get_constraintdef(k.oid) as definition,
    case when k.condeferred then 'initially deferred' when k.condeferrable then 'initially immediate' end as deferrable,
    case when not k.convalidated then 'no' end as validated,
    case when not k.conenforced then 'no' end as enforced, -- from 18
    case when k.coninhcount > 0 and not k.conislocal then 'yes' end as inherited
from pg_constraint k
join pg_namespace n on n.oid = k.connamespace
left join pg_class c on c.oid = k.conrelid
left join pg_type y on y.oid = k.contypid
-- Without the copies of a partitioned table's constraints on its partitions, and those of constraint triggers.
where k.connamespace = any({schemas}) and k.contype not in ('n', 't') and k.conparentid = 0 and k.conrelid <> all({members});

-- A foreign key works through triggers, also on partitions, which can be disabled one by one.
with recursive switched (constraint_oid, text) as (
    select g.tgconstraint, format('%s on %s is %s', p.proname, g.tgrelid::regclass,
        case g.tgenabled when 'D' then 'disabled' when 'R' then 'for replicas' else 'always on' end)
    from pg_trigger g join pg_proc p on p.oid = g.tgfoid
    where g.tgisinternal and g.tgconstraint <> 0 and g.tgenabled <> 'O'
    union all
    select k.conparentid, s.text from switched s join pg_constraint k on k.oid = s.constraint_oid where k.conparentid <> 0
)
select k.tableoid as class, k.oid, 0 as sub, array_agg(distinct s.text) as triggers
from switched s
join pg_constraint k on k.oid = s.constraint_oid and k.conparentid = 0 and k.contype = 'f'
group by 1, 2;

-- NOT NULL that holds for new rows only.
select 'pg_class'::regclass::oid as class, k.conrelid as oid, k.conkey[1]::int as sub, -- from 18
    case when not k.convalidated then 'no' end as validated, -- from 18
    case when k.connoinherit then 'yes' end as no_inherit -- from 18
from pg_constraint k -- from 18
where k.connamespace = any({schemas}) and k.contype = 'n' and (not k.convalidated or k.connoinherit); -- from 18

-- Indexes. The definition begins after USING: what comes before is in other properties. The index of a constraint has the
-- constraint's definition.
select c.tableoid as class, c.oid, 0 as sub, 'index' as kind, n.nspname as schema, t.relname as parent, c.relname as name,
    case when k.oid is null then substr(pg_get_indexdef(c.oid), 1 + length(format('CREATE %sINDEX %I ON %s%I.%I USING ',
        case when i.indisunique then 'UNIQUE ' end, c.relname, case when c.relkind = 'I' then 'ONLY ' end,
        m.nspname, t.relname))) end as definition,
    case when k.oid is null and i.indisunique then 'yes' end as "unique",
    case when not (i.indisvalid and i.indisready and i.indislive) then 'no' end as valid,
    case when i.indisclustered then 'yes' end as clustered,
    case when i.indisreplident then 'yes' end as replica_identity,
    c.reloptions as options,
    (select spcname::text from pg_tablespace where oid = c.reltablespace) as tablespace,
    case when c.relnatts > 0 and i.indexprs is not null then (
        select array_agg(format('%s: %s', a.attnum, a.attstattarget) order by a.attnum)
        from pg_attribute a where a.attrelid = c.oid and a.attstattarget >= 0)
    end as statistics,
    k.conname::text as "constraint",
    case when c.relispartition then 'yes' end as inherited
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_index i on i.indexrelid = c.oid
join pg_class t on t.oid = i.indrelid
join pg_namespace m on m.oid = t.relnamespace
left join pg_constraint k on k.conindid = c.oid and k.conrelid = t.oid and k.contype in ('p', 'u', 'x')
where c.relnamespace = any({schemas}) and c.relkind in ('i', 'I') and t.oid <> all({members});

-- Sequences
select c.tableoid as class, c.oid, 0 as sub, 'sequence' as kind, n.nspname as schema, '' as parent, c.relname as name,
    pg_get_userbyid(c.relowner)::text as owner,
    case c.relpersistence when 'u' then 'unlogged' when 't' then 'temporary' end as persistence,
    format_type(s.seqtypid, null) as type,
    s.seqstart::text as start, s.seqincrement::text as increment, s.seqmin::text as minimum, s.seqmax::text as maximum,
    s.seqcache::text as cache,
    case when s.seqcycle then 'yes' end as cycle,
    case when d.refobjid is not null then format('%s.%s', t.relname, a.attname) end as owned_by,
    case when d.deptype = 'i' then 'yes' end as identity
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_sequence s on s.seqrelid = c.oid
left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_class'::regclass
    and d.deptype in ('a', 'i') and d.refobjsubid > 0
left join pg_class t on t.oid = d.refobjid
left join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
where c.relnamespace = any({schemas}) and c.relkind = 'S' and c.oid <> all({members});

-- Enums, domains, ranges, composite types
-- if pg_type
select t.tableoid as class, t.oid, 0 as sub,
    case t.typtype when 'e' then 'enum' when 'd' then 'domain' when 'r' then 'range' when 'c' then 'composite'
        when 'b' then 'base_type' when 'p' then 'base_type' end as kind,
    n.nspname as schema, '' as parent, t.typname as name,
    pg_get_userbyid(t.typowner)::text as owner,
    (select array_agg(e.enumlabel::text order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid) as labels,
    case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end as type,
    case when t.typnotnull then 'yes' end as not_null,
    t.typdefault as "default",
    case when t.typtype = 'd' and t.typcollation <> b.typcollation then t.typcollation::regcollation::text end as collation,
    case t.typtype
        when 'r' then (
            select concat_ws(' ', format_type(g.rngsubtype, null),
                (select format('opclass %s', o.opcname) from pg_opclass o where o.oid = g.rngsubopc and not o.opcdefault),
                (select format('collation %s', l.oid::regcollation) from pg_collation l, pg_type y
                    where l.oid = g.rngcollation and y.oid = g.rngsubtype and y.typcollation <> l.oid),
                (select 'multirange ' || m.typname from pg_type m where m.oid = g.rngmultitypid and m.typname <> -- from 14
                    case when t.typname like '%range%' then regexp_replace(t.typname, 'range', 'multirange') -- from 14
                        else t.typname || '_multirange' end), -- from 14
                'canonical ' || nullif(g.rngcanonical::text, '-'), 'subtype_diff ' || nullif(g.rngsubdiff::text, '-'))
            from pg_range g where g.rngtypid = t.oid)
        when 'c' then null
        when 'b' then concat_ws(' ', t.typinput, t.typoutput, t.typreceive, t.typsend, t.typlen, t.typalign, t.typstorage)
    end as definition
from pg_type t
join pg_namespace n on n.oid = t.typnamespace
left join pg_type b on b.oid = t.typbasetype
where t.typnamespace = any({schemas}) and t.typtype <> 'm'
    and (t.typtype <> 'c' or (select relkind from pg_class where oid = t.typrelid) = 'c')
    and not (t.typtype = 'b' and t.typelem <> 0 and exists (select from pg_type e where e.oid = t.typelem and e.typarray = t.oid))
    and not exists (select from pg_depend d where d.classid = t.tableoid and d.objid = t.oid and d.deptype = 'e');

-- Attributes of composite types
-- if pg_type
select c.tableoid as class, a.attrelid as oid, a.attnum as sub, 'attribute' as kind, n.nspname as schema,
    c.relname as parent, a.attname as name,
    a.attnum::text as position,
    format_type(a.atttypid, a.atttypmod) as type,
    case when a.attcollation <> t.typcollation then a.attcollation::regcollation::text end as collation
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type t on t.oid = a.atttypid
where c.relnamespace = any({schemas}) and c.relkind = 'c'
    and not exists (select from pg_depend d where d.classid = 'pg_type'::regclass and d.objid = c.reltype and d.deptype = 'e');

-- Functions, procedures, aggregates
-- if pg_proc
select p.tableoid as class, p.oid, 0 as sub,
    case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end as kind,
    n.nspname as schema, '' as parent, p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' as name,
    pg_get_userbyid(p.proowner)::text as owner,
    pg_get_function_arguments(p.oid) as arguments,
    pg_get_function_result(p.oid) as returns,
    l.lanname::text as language,
    case when p.prokind = 'a' then (
        select concat_ws(' ', g.aggtransfn, format_type(g.aggtranstype, null), 'final ' || nullif(g.aggfinalfn::text, '-'),
            'final extra ' || nullif(g.aggfinalextra, false)::text, 'final modify ' || nullif(g.aggfinalmodify, 'r')::text,
            'combine ' || nullif(g.aggcombinefn::text, '-'), 'serial ' || nullif(g.aggserialfn::text, '-'),
            'deserial ' || nullif(g.aggdeserialfn::text, '-'), 'space ' || nullif(g.aggtransspace, 0)::text,
            'initial ' || quote_literal(g.agginitval), 'moving ' || nullif(g.aggmtransfn::text, '-'),
            'moving inverse ' || nullif(g.aggminvtransfn::text, '-'), 'moving final ' || nullif(g.aggmfinalfn::text, '-'),
            'moving initial ' || quote_literal(g.aggminitval),
            'sort operator ' || nullif(g.aggsortop, 0)::regoperator::text, 'kind ' || nullif(g.aggkind, 'n')::text)
        from pg_aggregate g where g.aggfnoid = p.oid)
    else
        coalesce(pg_get_function_sqlbody(p.oid), -- from 14
        case when l.lanname = 'c' then p.probin || ', ' || p.prosrc else p.prosrc end
        ) -- from 14
    end as body,
    case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end as volatility,
    case when p.proisstrict then 'yes' end as strict,
    case when p.prosecdef then 'definer' else 'invoker' end as security,
    case when p.proleakproof then 'yes' end as leakproof,
    case p.proparallel when 's' then 'safe' when 'r' then 'restricted' else 'unsafe' end as parallel,
    case when p.prokind = 'w' then 'yes' end as "window",
    p.proconfig as configuration,
    p.procost::text as cost,
    nullif(p.prorows, 0)::text as "rows",
    nullif(p.prosupport::text, '-') as support
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
join pg_language l on l.oid = p.prolang
where p.pronamespace = any({schemas})
    and not exists (select from pg_depend d where d.classid = p.tableoid and d.objid = p.oid and d.deptype in ('e', 'i'));

-- Triggers, also those that a partition has from its parent: each can be disabled separately.
select g.tableoid as class, g.oid, 0 as sub, 'trigger' as kind, n.nspname as schema, c.relname as parent, g.tgname as name,
    substr(pg_get_triggerdef(g.oid), 1 + length(format('CREATE %sTRIGGER %I ',
        case when g.tgconstraint <> 0 then 'CONSTRAINT ' end, g.tgname))) as definition,
    case g.tgenabled when 'D' then 'disabled' when 'R' then 'for replicas' when 'A' then 'always' else 'yes' end as enabled,
    case when g.tgparentid <> 0 then 'yes' end as inherited
from pg_trigger g
join pg_class c on c.oid = g.tgrelid
join pg_namespace n on n.oid = c.relnamespace
where c.relnamespace = any({schemas}) and c.oid <> all({members})
    and (not g.tgisinternal or g.tgparentid <> 0 and g.tgconstraint = 0);

-- Rules, without those of views
select w.tableoid as class, w.oid, 0 as sub, 'rule' as kind, n.nspname as schema, c.relname as parent, w.rulename as name,
    substr(pg_get_ruledef(w.oid), 1 + length(format('CREATE RULE %I AS', w.rulename))) as definition,
    case w.ev_enabled when 'D' then 'disabled' when 'R' then 'for replicas' when 'A' then 'always' else 'yes' end as enabled
from pg_rewrite w
join pg_class c on c.oid = w.ev_class
join pg_namespace n on n.oid = c.relnamespace
where c.relnamespace = any({schemas}) and w.rulename <> '_RETURN' and c.oid <> all({members});

-- Row security policies
select p.tableoid as class, p.oid, 0 as sub, 'policy' as kind, n.nspname as schema, c.relname as parent, p.polname as name,
    case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end as command,
    case when p.polpermissive then 'permissive' else 'restrictive' end as type,
    (select array_agg(case r when 0 then 'PUBLIC' else pg_get_userbyid(r)::text end order by 1) from unnest(p.polroles) r) as roles,
    pg_get_expr(p.polqual, p.polrelid) as "using",
    pg_get_expr(p.polwithcheck, p.polrelid) as with_check
from pg_policy p
join pg_class c on c.oid = p.polrelid
join pg_namespace n on n.oid = c.relnamespace
where c.relnamespace = any({schemas}) and c.oid <> all({members});

-- Extended statistics
-- if pg_statistic_ext
select s.tableoid as class, s.oid, 0 as sub, 'statistics' as kind, n.nspname as schema,
    (select relname from pg_class where oid = s.stxrelid) as parent, s.stxname as name,
    pg_get_userbyid(s.stxowner)::text as owner,
    substr(pg_get_statisticsobjdef(s.oid), 1 + length(format('CREATE STATISTICS %I.%I ', n.nspname, s.stxname))) as definition,
    nullif(s.stxstattarget, -1)::text as target
from pg_statistic_ext s
join pg_namespace n on n.oid = s.stxnamespace
where s.stxnamespace = any({schemas})
    and not exists (select from pg_depend d where d.classid = s.tableoid and d.objid = s.oid and d.deptype = 'e');

-- Collations, operators with their classes and families, text search
-- if pg_collation pg_operator pg_opclass pg_opfamily pg_ts_config pg_ts_dict
with object (class, oid, kind, schema, name, owner, definition) as (
    select o.tableoid, o.oid, 'collation', o.collnamespace, o.collname::text, o.collowner,
        concat_ws(' ', o.collprovider, o.collcollate, o.collctype, to_jsonb(o) ->> 'colliculocale', to_jsonb(o) ->> 'colllocale',
            'deterministic ' || o.collisdeterministic::text, to_jsonb(o) ->> 'collicurules')
    from pg_collation o
    union all
    select o.tableoid, o.oid, 'operator', o.oprnamespace,
        format('%s(%s, %s)', o.oprname, format_type(nullif(o.oprleft, 0), null), format_type(o.oprright, null)), o.oprowner,
        concat_ws(' ', o.oprcode, 'restrict ' || o.oprrest::text, 'join ' || o.oprjoin::text, 'commutator ' || nullif(o.oprcom, 0)::regoperator::text,
            'negator ' || nullif(o.oprnegate, 0)::regoperator::text, 'merges ' || o.oprcanmerge::text, 'hashes ' || o.oprcanhash::text)
    from pg_operator o
    -- Without those that are only named, as the commutator of another: no dump has them.
    where o.oprcode <> 0
    union all
    select o.tableoid, o.oid, 'operator_class', o.opcnamespace, format('%s using %s', o.opcname, m.amname), o.opcowner,
        concat_ws(' ', format_type(o.opcintype, null), case when o.opcdefault then 'default' end, 'storage ' || format_type(nullif(o.opckeytype, 0), null),
            'family ' || (select opfname from pg_opfamily where oid = o.opcfamily))
    from pg_opclass o join pg_am m on m.oid = o.opcmethod
    union all
    select o.tableoid, o.oid, 'operator_family', o.opfnamespace, format('%s using %s', o.opfname, m.amname), o.opfowner,
        concat_ws('; ',
            (select string_agg(format('%s %s %s', a.amopstrategy, a.amopopr::regoperator, a.amoppurpose), ', ' order by a.amopstrategy, a.amopopr::regoperator::text)
             from pg_amop a where a.amopfamily = o.oid),
            (select string_agg(format('%s %s', a.amprocnum, a.amproc::regprocedure), ', ' order by a.amprocnum, a.amproc::regprocedure::text)
             from pg_amproc a where a.amprocfamily = o.oid))
    from pg_opfamily o join pg_am m on m.oid = o.opfmethod
    union all
    select o.tableoid, o.oid, 'text_search_configuration', o.cfgnamespace, o.cfgname::text, o.cfgowner,
        concat_ws(': ', (select p.prsname from pg_ts_parser p where p.oid = o.cfgparser),
            (select string_agg(format('%s %s %s', m.maptokentype, m.mapseqno, m.mapdict::regdictionary), ', ' order by m.maptokentype, m.mapseqno)
             from pg_ts_config_map m where m.mapcfg = o.oid))
    from pg_ts_config o
    union all
    select o.tableoid, o.oid, 'text_search_dictionary', o.dictnamespace, o.dictname::text, o.dictowner,
        concat_ws(' ', (select t.tmplname from pg_ts_template t where t.oid = o.dicttemplate), o.dictinitoption)
    from pg_ts_dict o
)
select o.class, o.oid, 0 as sub, o.kind, n.nspname as schema, '' as parent, o.name, pg_get_userbyid(o.owner)::text as owner, o.definition
from object o
join pg_namespace n on n.oid = o.schema
where o.schema = any({schemas})
    and not exists (select from pg_depend d where d.classid = o.class and d.objid = o.oid and d.deptype = 'e');

-- Default privileges
select d.tableoid as class, d.oid, 0 as sub, 'default_privileges' as kind, coalesce(n.nspname, '') as schema, '' as parent,
    format('%s of %s', case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions'
        when 'T' then 'types' when 'n' then 'schemas' else d.defaclobjtype::text end, pg_get_userbyid(d.defaclrole)) as name
from pg_default_acl d
left join pg_namespace n on n.oid = d.defaclnamespace
where d.defaclnamespace = any({schemas}) or d.defaclnamespace = 0;

-- Extensions
select e.tableoid as class, e.oid, 0 as sub, 'extension' as kind, '' as schema, '' as parent, e.extname as name,
    e.extversion as version, n.nspname::text as in_schema
from pg_extension e
join pg_namespace n on n.oid = e.extnamespace;

-- Event triggers
select g.tableoid as class, g.oid, 0 as sub, 'event_trigger' as kind, '' as schema, '' as parent, g.evtname as name,
    pg_get_userbyid(g.evtowner)::text as owner,
    concat_ws(' ', g.evtevent, 'when tag in ' || (select string_agg(t, ', ' order by t) from unnest(g.evttags) t), 'execute', g.evtfoid::regprocedure) as definition,
    case g.evtenabled when 'D' then 'disabled' when 'R' then 'for replicas' when 'A' then 'always' else 'yes' end as enabled
from pg_event_trigger g
where not exists (select from pg_depend d where d.classid = g.tableoid and d.objid = g.oid and d.deptype = 'e');

-- Publications of tables in the schemas
select p.tableoid as class, p.oid, 0 as sub, 'publication' as kind, '' as schema, '' as parent, p.pubname as name,
    pg_get_userbyid(p.pubowner)::text as owner,
    array_remove(array[case when p.pubinsert then 'insert' end, case when p.pubupdate then 'update' end,
        case when p.pubdelete then 'delete' end, case when p.pubtruncate then 'truncate' end], null) as operations,
    nullif(concat_ws(', ', case when p.puballtables then 'yes' end
        , case when p.puballsequences then 'all sequences' end -- from 19
        ), '') as all_tables,
    case when p.pubviaroot then 'yes' end as via_root,
    (select array_agg(n.nspname::text order by n.nspname) from pg_publication_namespace s join pg_namespace n on n.oid = s.pnnspid -- from 15
        where s.pnpubid = p.oid) as schemas, -- from 15
    (select array_agg(format('%s', r.prrelid::regclass)
        || case when r.prexcept then ' left out' else '' end -- from 19
        || coalesce((select ' (' || string_agg(a.attname, ', ' order by a.attnum) || ')' -- from 15
            from pg_attribute a where a.attrelid = r.prrelid and a.attnum = any(r.prattrs)), '') -- from 15
        || coalesce(' where ' || pg_get_expr(r.prqual, r.prrelid), '') -- from 15
        order by r.prrelid::regclass::text)
     from pg_publication_rel r join pg_class c on c.oid = r.prrelid
     where r.prpubid = p.oid and c.relnamespace = any({schemas})) as tables
from pg_publication p
where p.puballtables
    or p.puballsequences -- from 19
    or exists (select from pg_publication_rel r join pg_class c on c.oid = r.prrelid
        where r.prpubid = p.oid and c.relnamespace = any({schemas}))
    or exists (select from pg_publication_namespace s where s.pnpubid = p.oid and s.pnnspid = any({schemas})) -- from 15
;

-- Subscriptions that write to what is in the schemas. Of pg_subscription everybody may read some columns, and before 14
-- not its oid, which the view of its workers has.
select 'pg_subscription'::regclass::oid as class, w.subid as oid, 0 as sub, 'subscription' as kind, '' as schema, '' as parent,
    w.subname as name,
    pg_get_userbyid(s.subowner)::text as owner,
    case when s.subenabled then 'yes' else 'no' end as enabled,
    s.subpublications as publications,
    w.tables
from (
    select w.subid, w.subname, array_agg(distinct r.srrelid::regclass::text) as tables
    from pg_stat_subscription w
    join pg_subscription_rel r on r.srsubid = w.subid
    join pg_class c on c.oid = r.srrelid and c.relnamespace = any({schemas})
    group by w.subid, w.subname
) w
join pg_subscription s on s.subname = w.subname and s.subdbid = (select oid from pg_database where datname = current_database());

-- Foreign servers, with their user mappings
select s.tableoid as class, s.oid, 0 as sub, 'foreign_server' as kind, '' as schema, '' as parent, s.srvname as name,
    pg_get_userbyid(s.srvowner)::text as owner,
    concat_ws(' ', w.fdwname, 'type ' || quote_literal(s.srvtype), 'version ' || quote_literal(s.srvversion)) as definition,
    s.srvoptions as server_options,
    (select array_agg(case m.umuser when 0 then 'PUBLIC' else m.usename::text end order by 1) from pg_user_mappings m where m.srvid = s.oid) as mappings
from pg_foreign_server s
join pg_foreign_data_wrapper w on w.oid = s.srvfdw
where not exists (select from pg_depend d where d.classid = s.tableoid and d.objid = s.oid and d.deptype = 'e');

-- Casts that use types or functions of the schemas, and those that somebody created between built-in types. The numbers
-- of PostgreSQL's own are below 16384.
select k.tableoid as class, k.oid, 0 as sub, 'cast' as kind, '' as schema, '' as parent,
    format('%s as %s', format_type(k.castsource, null), format_type(k.casttarget, null)) as name,
    concat_ws(' ', nullif(k.castfunc, 0)::regprocedure::text, k.castcontext, k.castmethod) as definition
from pg_cast k
where k.oid >= 16384
    and (exists (select from pg_type t where t.oid in (k.castsource, k.casttarget) and t.typnamespace = any({schemas}))
        or exists (select from pg_proc p where p.oid = k.castfunc and p.pronamespace = any({schemas}))
        or not exists (select from pg_type t where t.oid in (k.castsource, k.casttarget) and t.oid >= 16384))
    and not exists (select from pg_depend d where d.classid = k.tableoid and d.objid = k.oid and d.deptype in ('e', 'i'));

-- The database itself
select d.tableoid as class, d.oid, 0 as sub, 'database' as kind, '' as schema, '' as parent, '' as name,
    pg_get_userbyid(d.datdba)::text as owner
from pg_database d
where d.datname = current_database();

-- Settings of the database, of roles in it, and of roles everywhere that own or may use something in the schemas
select s.tableoid as class, 0 as oid, 0 as sub, 'setting' as kind, '' as schema,
    coalesce(r.rolname::text, '') || case when s.setdatabase = 0 then ' everywhere' else '' end as parent,
    split_part(c, '=', 1) as name, substr(c, strpos(c, '=') + 1) as value
from pg_db_role_setting s
cross join unnest(s.setconfig) c
left join pg_roles r on r.oid = s.setrole
where s.setdatabase = (select oid from pg_database where datname = current_database())
    or s.setdatabase = 0 and s.setrole in (
        select nspowner from pg_namespace where oid = any({schemas})
        union
        select a.grantee from pg_namespace n, aclexplode(n.nspacl) a where n.oid = any({schemas}));

-- Privileges, and the built-in defaults to compare them with. An asterisk is the grant option.
with object (class, oid, sub, owner, actual, builtin) as (
    select tableoid, oid, 0, nspowner, nspacl, acldefault('n', nspowner)
    from pg_namespace where oid = any({schemas}) and nspacl is not null
    union all
    select tableoid, oid, 0, relowner, relacl, acldefault(case relkind when 'S' then 's'::"char" else 'r' end, relowner)
    from pg_class where relnamespace = any({schemas}) and relacl is not null
    union all
    select c.tableoid, a.attrelid, a.attnum, c.relowner, a.attacl, null
    from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = any({schemas}) and a.attacl is not null
    union all
    select tableoid, oid, 0, proowner, proacl, acldefault('f', proowner)
    from pg_proc where pronamespace = any({schemas}) and proacl is not null
    union all
    select tableoid, oid, 0, typowner, typacl, acldefault('T', typowner)
    from pg_type where typnamespace = any({schemas}) and typacl is not null
    union all
    select tableoid, oid, 0, defaclrole, defaclacl,
        case when defaclnamespace = 0 then acldefault(case defaclobjtype when 'S' then 's' else defaclobjtype end, defaclrole) end
    from pg_default_acl where defaclnamespace = any({schemas}) or defaclnamespace = 0
    union all
    select tableoid, oid, 0, srvowner, srvacl, acldefault('S', srvowner) from pg_foreign_server where srvacl is not null
    union all
    select tableoid, oid, 0, datdba, datacl, acldefault('d', datdba) from pg_database where datname = current_database() and datacl is not null
),
privilege (class, oid, sub, is_actual, item) as (
    select o.class, o.oid, o.sub, it.is_actual,
        case a.grantee when 0 then 'PUBLIC' when o.owner then '{self}' else pg_get_userbyid(a.grantee) end
        || '=' || a.privilege_type || case when a.is_grantable then '*' else '' end
    from object o
    cross join lateral (values (true, o.actual), (false, o.builtin)) it (is_actual, items)
    cross join lateral aclexplode(it.items) a
    -- What default privileges of a schema give to the owner it has anyway.
    where not (o.class = 'pg_default_acl'::regclass and o.builtin is null and a.grantee = o.owner)
)
select class, oid, sub,
    array_agg(distinct item order by item) filter (where is_actual) as granted,
    array_agg(distinct item order by item) filter (where not is_actual) as builtin
from privilege
group by 1, 2, 3;

-- Comments
with description as (
    select classoid as class, objoid as oid, objsubid as sub, description as comment
    from pg_description
    where objoid >= 16384 or classoid = 'pg_namespace'::regclass
    union all
    select classoid, objoid, 0, description from pg_shdescription
    where classoid = 'pg_database'::regclass and objoid = (select oid from pg_database where datname = current_database())
)
select class, oid, sub, comment from description;

-- Security labels
select classoid as class, objoid as oid, objsubid as sub, array_agg(format('%s: %s', provider, label) order by provider) as security_labels
from pg_seclabel
group by 1, 2, 3;

-- Every object that depends on the schemas: those that no statement above has read are of an unknown kind.
select d.classid as class, d.objid as oid, 0 as sub
from pg_depend d
where d.refclassid = 'pg_namespace'::regclass and d.refobjid = any({schemas}) and d.deptype = 'n'
    and not exists (select from pg_depend o where o.classid = d.classid and o.objid = d.objid and o.deptype in ('e', 'i'))
    and not (d.classid = 'pg_operator'::regclass and d.objid in (select oid from pg_operator where oprcode = 0));
