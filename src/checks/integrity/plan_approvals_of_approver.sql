-- The decisions of a person are found by an index.
-- severity: fail
-- scenarios: 10
-- rows: catalog
-- reads: padealing.pad_approval
-- index: padealing.pad_approval (approver_id)
-- remedy: `pad-migrate drift` names the index that is missing
explain
select * from padealing.pad_approval where approver_id = (select 0::bigint);
