-- The audit log of a request is found by an index.
-- severity: fail
-- scenarios: 7, 10
-- rows: catalog
-- reads: padealing.audit_log
-- index: padealing.audit_log (request_id)
-- remedy: `pad-migrate drift` names the index that is missing
explain
select * from padealing.audit_log where request_id = (select 0::bigint) order by "timestamp";
