-- A contract note that was verified was received.
-- severity: warn
-- scenarios: 4
-- rows: application
-- reads: padealing.pad_execution
-- remedy: correct the one that is wrong
select e.id, e.request_id, e.contract_note_received, e.contract_note_verified
from padealing.pad_execution e
where e.contract_note_verified and e.contract_note_received is not true
order by e.id;
