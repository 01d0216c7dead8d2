-- The roles of an employee are found by an index: every page of the application looks for them.
-- severity: fail
-- scenarios: 10
-- rows: catalog
-- reads: padealing.employee_role
-- index: padealing.employee_role (employee_id)
-- remedy: `pad-migrate drift` names the index that is missing
explain
select * from padealing.employee_role where employee_id = (select 0::bigint) and revoked_at is null;
