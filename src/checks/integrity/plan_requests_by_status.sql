-- The requests in a state are found by an index: the lists of what waits for a decision.
-- severity: fail
-- scenarios: 7, 10
-- rows: catalog
-- reads: padealing.pad_request
-- index: padealing.pad_request (status)
-- remedy: `pad-migrate drift` names the index that is missing
explain
select * from padealing.pad_request where status = 'pending_manager';
