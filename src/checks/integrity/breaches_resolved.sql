-- A resolved breach has a time and a person, and is resolved after it was detected.
-- severity: fail
-- scenarios: 7
-- rows: application
-- reads: padealing.pad_breach
-- remedy: record who resolved it and when
select b.id, b.request_id, b.detected_at, b.resolved_at, b.resolved_by_id
from padealing.pad_breach b
where (b.resolved_at is null) <> (b.resolved_by_id is null) or b.resolved_at < b.detected_at
order by b.id;
