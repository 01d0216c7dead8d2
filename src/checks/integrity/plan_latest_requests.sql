-- The latest requests are found by an index: the first page of the dashboard.
-- severity: fail
-- scenarios: 7, 10
-- rows: catalog
-- reads: padealing.pad_request
-- index: padealing.pad_request (created_at)
-- remedy: `pad-migrate drift` names the index that is missing
explain
select * from padealing.pad_request order by created_at desc limit 50;
