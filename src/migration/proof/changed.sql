claimed (no, first_id, s, t, k) as (
{{claimed}}
),
-- The leaves of now, by the nodes of the bundle that they belong to.
block as (
    select b, row_number() over (partition by b order by id) - 1 as n, s, t, k
    from (select greatest(width_bucket(id, {{first_ids}}), 1) as b, id, s, t, k from leaf) leaf),
block_1 as (
    select b, n / 16 as n,
           {{nodes}}
    from block group by b, n / 16),
block_2 as (
    select b, n / 16 as n,
           {{nodes}}
    from block_1 group by b, n / 16),
found as (
    select b, count(*) as nodes, max(encode(s, 'hex')) as s, max(encode(t, 'hex')) as t, max(encode(k, 'hex')) as k
    from block_2 group by b),
changed as (
    select first_id as first, lead(first_id) over (order by no) - 1 as last,
           (nodes > 1 or claimed.s is distinct from found.s) is true as s,
           (nodes > 1 or claimed.t is distinct from found.t) is true as t,
           (nodes > 1 or claimed.k is distinct from found.k) is true as k
    from claimed left join found on b = no)
