-- Nothing is requested on a security while it is restricted.
-- severity: fail
-- scenarios: 8
-- rows: both
-- reads: bo_airflow.oracle_bloomberg, padealing.migration_mapping, padealing.pad_request,
--   padealing.restricted_security
-- legacy: the list of restricted securities was kept elsewhere
-- remedy: withdraw or decline the request, and record the breach; or correct the restriction
with restricted as materialized (
    select s.id, s.added_at, s.security_id, nullif(upper(s.ticker), '') as ticker, nullif(s.inst_symbol, '') as symbol
    from padealing.restricted_security s
    where s.is_active
), securities as materialized (
    select x.id, x.added_at, b.id as security_id, nullif(b.isin, '') as isin, nullif(b.sedol, '') as sedol,
           nullif(upper(b.ticker), '') as ticker
    from restricted x
    join bo_airflow.oracle_bloomberg b on b.id = x.security_id
    union
    select x.id, x.added_at, b.id, nullif(b.isin, ''), nullif(b.sedol, ''), nullif(upper(b.ticker), '')
    from restricted x
    join bo_airflow.oracle_bloomberg b on b.inst_symbol = x.symbol
    where x.security_id is null
    union
    select x.id, x.added_at, b.id, nullif(b.isin, ''), nullif(b.sedol, ''), nullif(upper(b.ticker), '')
    from restricted x
    join bo_airflow.oracle_bloomberg b on upper(b.ticker) = x.ticker
    where x.security_id is null and x.symbol is null
), hits as (
    select r.id, s.id as restriction_id, s.added_at
    from padealing.pad_request r
    join securities s on s.security_id = r.security_id
    union all
    -- A request without a link is for whatever it names.
    select r.id, s.id, s.added_at
    from padealing.pad_request r
    join securities s on s.isin = r.isin
    where r.security_id is null
    union all
    select r.id, s.id, s.added_at
    from padealing.pad_request r
    join securities s on s.sedol = r.sedol
    where r.security_id is null
    union all
    select r.id, x.id, x.added_at
    from padealing.pad_request r
    join (select id, added_at, ticker from securities union select id, added_at, ticker from restricted) x
        on x.ticker = upper(r.ticker)
    where r.security_id is null
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
order by o.id;
