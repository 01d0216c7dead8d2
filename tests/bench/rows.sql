-- Legacy rows and reference rows in realistic proportions; `{rows}` is the number of legacy rows. Deterministic.
insert into bo_airflow.oracle_employee (id, forename, surname, division, manager_id)
    select n, 'Forename' || n, 'Surname' || n, 'Division ' || n % 7, case when n > 10 then n % 10 + 1 end
    from generate_series(1, 2000) n;
insert into bo_airflow.oracle_bloomberg (id, ticker, bloomberg, description, inst_symbol, inst_type, isin, sedol, is_restricted)
    select n, 'T' || n, 'T' || n || ' LN Equity', 'Security number ' || n, 'SYM' || (case when n % 50 = 0 then n - 1 else n end),
           'EQ', 'XS' || lpad(n::text, 10, '0'), lpad(n::text, 7, '0'), n % 97 = 0
    from generate_series(1, 5000) n;
alter table public.personal_account_dealing
    add column desk_code char(6), add column imported_at timestamptz, add column reviewer_note text;
insert into public.personal_account_dealing
select
    n,
    1 + n % 2000 * 7919 % 2000,
    case when n % 400 <> 0 then timestamp '2012-01-01' + n % 4000 * interval '1 day' + n % 86400 * interval '1 second' end,
    'Forename' || (1 + n % 2000 * 7919 % 2000) || ' Surname',
    case n % 10 when 0 then '1' when 1 then null when 2 then '' else '2' end,
    case when n % 10 = 0 then 'Spouse' end,
    case n % 3 when 0 then '1' else '2' end,
    'Security number ' || (1 + n * 31 % 5000),
    'XS' || lpad((1 + n * 31 % 5000)::text, 10, '0'),
    lpad((1 + n * 31 % 5000)::text, 7, '0'),
    'T' || (1 + n * 31 % 5000) || ' LN Equity',
    'T' || (1 + n * 31 % 5000),
    (n % 1000 + 1)::numeric / 4,
    round((n % 997 + 1) * 13.37, 4),
    (array['GBP', 'USD', 'EUR'])[1 + n % 3],
    '2',
    repeat('A reason for request ' || n || ' that somebody typed. ', 1 + n % 5),
    '2',
    case when n % 2 = 0 then 'B' else 'S' end,
    '2',
    case when n % 4 = 0 then '1' else '2' end,
    '1',
    case when n % 10 < 7 then 'approved' when n % 10 < 9 then 'declined' else 'request' end,
    case when n % 97 = 0 then '1' else '2' end,
    case when n % 6 = 0 then null else '2' end,
    '2',
    case when n % 20 = 0 then 'Holds a position through a fund. ' || n end,
    case when n % 15 = 0 then 'Grüße, ' || n end,
    case when n % 9 <> 0 then 'SYM' || (case when (1 + n * 31 % 5000) % 50 = 0 then n * 31 % 5000 else 1 + n * 31 % 5000 end) end,
    case when n % 10 < 6 then case when n % 2 = 0 then '1' else '2' end end,
    case when n % 10 < 5 then '1' end,
    1 + n * 13 % 2000,
    timestamp '2012-01-05' + n % 4000 * interval '1 day' + n % 1000000 * interval '1 microsecond',
    case when n % 50 = 0 then 'Y' else 'N' end,
    case when n % 10 < 9 then 1 + n % 10 end,
    case when n % 10 < 9 and n % 333 <> 0 then timestamp '2012-01-02' + n % 4000 * interval '1 day' + interval '10 hours' end,
    case when n % 10 < 8 then 'approved' when n % 10 = 8 then 'declined' else 'pending' end,
    case when n % 10 < 9 then 'Manager''s remark on request ' || n end,
    case when n % 10 < 8 then 11 + n % 5 end,
    case when n % 10 < 8 then timestamp '2012-01-03' + n % 4000 * interval '1 day' + interval '15 hours' end,
    case when n % 10 < 7 then 'approved' when n % 10 = 7 then 'declined' end,
    case when n % 10 < 8 then 'Compliance''s remark on request ' || n end,
    case when n % 2 = 0 then 'DESK' || n % 10 end,
    case when n % 3 = 0 then timestamptz '2020-01-01 00:00:00+00' + n * interval '1 second' end,
    case when n % 25 = 0 then 'note ' || n end
from generate_series(1, {rows}) n;
-- One row in a hundred can't be migrated.
update public.personal_account_dealing set employee = 999999 where id % 300 = 7;
update public.personal_account_dealing set related_yn = '3' where id % 300 = 107;
update public.personal_account_dealing set inst_symbol = 'NOSUCH' where id % 300 = 207;
vacuum analyze;
