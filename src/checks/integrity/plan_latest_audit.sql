-- The latest entries of the audit log are found by an index.
-- severity: fail
-- scenarios: 7, 10
-- rows: catalog
-- reads: padealing.audit_log
-- index: padealing.audit_log ("timestamp")
-- remedy: `pad-migrate drift` names the index that is missing
explain
select * from padealing.audit_log order by "timestamp" desc limit 100;
