-- The requests of an employee are found by an index: the first page of the application.
-- severity: fail
-- scenarios: 10
-- rows: catalog
-- reads: padealing.pad_request
-- index: padealing.pad_request (employee_id)
-- remedy: `pad-migrate drift` names the index that is missing
explain
select * from padealing.pad_request where employee_id = (select 0::bigint);
