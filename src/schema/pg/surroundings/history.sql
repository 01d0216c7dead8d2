with history as (select to_regclass('padealing.schema_revision') as oid)
select jsonb_build_object(
    'columns', coalesce((select jsonb_agg(jsonb_build_object(
            'name', a.attname, 'of_type', format_type(a.atttypid, a.atttypmod), 'is_not_null', a.attnotnull,
            'is_identity', a.attidentity <> '',
            'default', case when a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid) end,
            'generated', case when a.attgenerated <> '' then pg_get_expr(d.adbin, d.adrelid) end) order by a.attnum)
        from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attrelid = h.oid and a.attnum > 0 and not a.attisdropped), '[]'),
    'checks', coalesce((select jsonb_agg(jsonb_build_object(
            'name', k.conname, 'expression', pg_get_expr(k.conbin, k.conrelid)) order by k.conname)
        from pg_constraint k
        where k.conrelid = h.oid and k.contype = 'c' and coalesce(to_jsonb(k) ->> 'conenforced', 'true') = 'true'), '[]'),
    'foreign_keys', coalesce((select jsonb_agg(jsonb_build_object(
            'name', k.conname, 'target', format('%I.%I', n.nspname, t.relname),
            'columns', (select jsonb_agg(quote_ident(a.attname) order by p.at) from unnest(k.conkey) with ordinality p (num, at)
                join pg_attribute a on a.attrelid = k.conrelid and a.attnum = p.num),
            'keys', (select jsonb_agg(quote_ident(a.attname) order by p.at) from unnest(k.confkey) with ordinality p (num, at)
                join pg_attribute a on a.attrelid = k.confrelid and a.attnum = p.num)) order by k.conname)
        from pg_constraint k join pg_class t on t.oid = k.confrelid join pg_namespace n on n.oid = t.relnamespace
        where k.conrelid = h.oid and k.contype = 'f' and coalesce(to_jsonb(k) ->> 'conenforced', 'true') = 'true'), '[]'),
    'uniques', coalesce((select jsonb_agg(jsonb_build_object(
            'name', c.relname, 'condition', pg_get_expr(i.indpred, i.indrelid),
            'is_constraint', exists (select from pg_constraint where conindid = i.indexrelid and conrelid = h.oid),
            'takes_nulls', coalesce(to_jsonb(i) ->> 'indnullsnotdistinct', 'false') = 'false',
            'keys', (select jsonb_agg(pg_get_indexdef(i.indexrelid, at, true) order by at)
                from generate_series(1, i.indnkeyatts) at)) order by c.relname)
        from pg_index i join pg_class c on c.oid = i.indexrelid
        where i.indrelid = h.oid and i.indisunique and i.indisready), '[]'),
    'sequence', (select jsonb_build_object('name', format('%I.%I', n.nspname, c.relname), 'increment', s.seqincrement)
        from pg_sequence s join pg_class c on c.oid = s.seqrelid join pg_namespace n on n.oid = c.relnamespace
        where s.seqrelid = (select pg_get_serial_sequence('padealing.schema_revision', a.attname)::regclass
            from pg_attribute a where a.attrelid = h.oid and a.attname = 'id'))
)::text
from history h where h.oid is not null
