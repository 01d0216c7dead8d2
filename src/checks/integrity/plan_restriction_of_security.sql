-- The restriction of a security is found by an index: every submission looks for it.
-- severity: fail
-- scenarios: 8, 10
-- rows: catalog
-- reads: padealing.restricted_security
-- index: padealing.restricted_security (security_id)
-- remedy: `pad-migrate drift` names the index that is missing
explain
select * from padealing.restricted_security where security_id = (select 0::bigint) and is_active;
