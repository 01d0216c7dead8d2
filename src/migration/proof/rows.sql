-- Hashes of legacy rows that can't be computed here.
constant (id, hash) as (
{{constants}}
),
-- The legacy rows as they are now.
source as (
{{source}}),
-- The legacy rows as what is stored gives them back, and whether it is stored as it must be.
stored as (
{{stored}}),
-- Why rows were not migrated.
rejected as (
    select source_id, string_agg({{rejection}}, '' order by field collate "C", rule collate "C") as rejections
    from padealing.migration_reject
    where source_table = 'personal_account_dealing' and resolved_run_id is null
    group by source_id),
leaf as materialized (
    select id, state, hash as source, target, is_missing,
           case state when 'migrated' then hash when 'rejected' then of_rejected else of_pending end as s,
           case state when 'migrated' then coalesce(target, sha256(E'missing\\012'::bytea))
                      when 'rejected' then of_rejected else of_pending end as t,
           case state when 'migrated' then keys when 'rejected' then of_rejected else of_pending end as k,
           state = 'migrated' and (not is_right or target is distinct from hash) as is_wrong
    from (select joined.*,
                 case when state = 'rejected' then {{sha256_of_rejected}} end as of_rejected,
                 case when state = 'pending' then
                      sha256(convert_to(concat(E'pending\n3:row=64:', encode(hash, 'hex'), E'\n'), 'UTF8')) end
                      as of_pending
          from (select {{id}} as id, {{hash}} as hash, stored.hash as target, stored.keys, stored.is_right,
                       stored.is_missing, rejections,
                       case when stored.source_id is not null then 'migrated'
                            when rejected.source_id is not null then 'rejected' else 'pending' end as state
                from source {{join}} join stored on stored.source_id = source.id
                left join rejected on rejected.source_id = source.id) joined) joined)
