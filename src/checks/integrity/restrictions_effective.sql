-- An active restriction names a security: by link, by ticker or by symbol.
-- severity: fail
-- scenarios: 8
-- rows: application
-- reads: padealing.restricted_security
-- remedy: name the security, or end the restriction: it restricts nothing
select s.id, s.reason, s.added_at
from padealing.restricted_security s
where s.is_active and s.security_id is null and coalesce(btrim(s.ticker), '') = ''
  and coalesce(btrim(s.inst_symbol), '') = ''
order by s.id;
