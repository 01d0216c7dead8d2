-- The requests on a security are found by an index: the search for conflicts.
-- severity: fail
-- scenarios: 9, 10
-- rows: catalog
-- reads: padealing.pad_request
-- index: padealing.pad_request (security_id)
-- remedy: `pad-migrate drift` names the index that is missing
explain
select * from padealing.pad_request where security_id = (select 0::bigint);
