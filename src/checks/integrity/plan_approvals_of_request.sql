-- The decisions on a request are found by an index.
-- severity: fail
-- scenarios: 7, 10
-- rows: catalog
-- reads: padealing.pad_approval
-- index: padealing.pad_approval (request_id)
-- remedy: `pad-migrate drift` names the index that is missing
explain
select * from padealing.pad_approval where request_id = (select 0::bigint);
