-- Nothing is requested on a security while it is restricted, unless the request was declined, rejected or
-- withdrawn.
-- severity: fail
-- scenarios: 8
-- rows: both
-- reads: bo_airflow.oracle_bloomberg, padealing.migration_mapping, padealing.pad_breach, padealing.pad_request,
--   padealing.restricted_security
-- legacy: the list of restricted securities was kept elsewhere
-- remedy: decline or withdraw the request; if it is executed, record the breach (pad_breach, a breach_type with
--   restrict in it); or correct the restriction
with restricted as materialized (
    select s.id, s.added_at, s.security_id, nullif(upper(btrim(s.ticker)), '') as ticker,
           nullif(upper(btrim(s.inst_symbol)), '') as symbol
    from padealing.restricted_security s
    where s.is_active
), known as materialized (
    select b.id, nullif(upper(btrim(b.isin)), '') as isin, nullif(upper(btrim(b.sedol)), '') as sedol,
           nullif(upper(btrim(b.ticker)), '') as ticker, nullif(upper(btrim(b.bloomberg)), '') as bloomberg,
           nullif(upper(btrim(b.description)), '') as description, upper(btrim(b.inst_symbol)) as symbol
    from bo_airflow.oracle_bloomberg b
), securities as materialized (
    select x.id as restriction_id, x.added_at, k.*
    from restricted x
    join known k on k.id = x.security_id
    union
    select x.id, x.added_at, k.*
    from restricted x
    join known k on k.symbol = x.symbol
    where x.security_id is null
    union
    select x.id, x.added_at, k.*
    from restricted x
    join known k on k.ticker = x.ticker
    where x.security_id is null and x.symbol is null
    union
    select x.id, x.added_at, k.*
    from restricted x
    join known k on k.bloomberg = x.ticker
    where x.security_id is null and x.symbol is null
), names as materialized (
    -- A ticker is the short one or Bloomberg's, in each of the columns that hold one.
    select restriction_id, added_at, ticker as name from securities where ticker is not null
    union
    select restriction_id, added_at, bloomberg from securities where bloomberg is not null
    union
    select id, added_at, ticker from restricted where ticker is not null
), unlinked as materialized (
    -- A request without a link is for whatever it names.
    select r.id, upper(btrim(r.isin)) as isin, upper(btrim(r.sedol)) as sedol, upper(btrim(r.ticker)) as ticker,
           upper(btrim(r.bloomberg_ticker)) as bloomberg,
           case when coalesce(r.isin, r.sedol, r.ticker, r.bloomberg_ticker) is null
               then upper(btrim(r.security_name)) end as only_name
    from padealing.pad_request r
    where r.security_id is null and r.status not in ('declined', 'rejected', 'withdrawn')
      and exists (select from restricted)
), hits as (
    select r.id, s.restriction_id, s.added_at
    from padealing.pad_request r
    join (select distinct restriction_id, added_at, id from securities) s on s.id = r.security_id
    union all
    select u.id, s.restriction_id, s.added_at from unlinked u join securities s on s.isin = u.isin
    union all
    select u.id, s.restriction_id, s.added_at from unlinked u join securities s on s.sedol = u.sedol
    union all
    select u.id, n.restriction_id, n.added_at from unlinked u join names n on n.name = u.ticker
    union all
    select u.id, n.restriction_id, n.added_at from unlinked u join names n on n.name = u.bloomberg
    union all
    select u.id, s.restriction_id, s.added_at from unlinked u join securities s on s.description = u.only_name
), odd as materialized (
    select h.id, min(h.restriction_id) as restriction_id, min(h.added_at) as restricted_since
    from hits h
    group by h.id
)
select o.id, r.status, r.created_at as requested_at, o.restricted_since, o.restriction_id,
       l.id is not null as as_in_source
from odd o
join padealing.pad_request r on r.id = o.id and r.created_at >= o.restricted_since
left join padealing.migration_mapping l
    on l.source_table = 'personal_account_dealing' and l.target_table = 'pad_request' and l.target_id = o.id
where r.status not in ('declined', 'rejected', 'withdrawn')
  and not (r.status = 'executed' and exists (
        select from padealing.pad_breach b where b.request_id = o.id and b.breach_type ilike '%restrict%'))
order by o.id;
