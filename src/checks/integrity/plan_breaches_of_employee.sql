-- The breaches of an employee are found by an index.
-- severity: fail
-- scenarios: 7, 10
-- rows: catalog
-- reads: padealing.pad_breach
-- index: padealing.pad_breach (employee_id)
-- remedy: `pad-migrate drift` names the index that is missing
explain
select * from padealing.pad_breach where employee_id = (select 0::bigint);
