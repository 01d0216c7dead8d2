-- The entries of the audit log of one kind are found by an index.
-- severity: fail
-- scenarios: 7, 8, 10
-- rows: catalog
-- reads: padealing.audit_log
-- index: padealing.audit_log (action_type)
-- remedy: `pad-migrate drift` names the index that is missing
explain
select * from padealing.audit_log where action_type = 'request_blocked';
