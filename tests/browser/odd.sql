-- Ordinary requests, for the pictures of docs/serve.md.
insert into padealing.pad_request (id, employee_id, security_id, status, direction, created_at, security_name, ticker, quantity,
                                   estimated_value, currency, justification)
select 700000 + n, 1001 + n % 6, s.id, (array['approved', 'executed', 'pending_compliance', 'declined', 'approved'])[1 + n % 5],
       (array['BUY', 'SELL'])[1 + n % 2], timestamp '2024-02-05 09:12' + n * interval '53 hours 17 minutes', s.description, s.ticker,
       (n * 37 % 90 + 1) * 25, (n * 37 % 90 + 1) * 25 * (n % 7 + 1.35), (array['GBP', 'USD', 'EUR'])[1 + n % 3],
       'Long-term investment.'
from generate_series(1, 24) n join bo_airflow.oracle_bloomberg s on s.id = 500 + n % 4;
insert into padealing.pad_approval (request_id, approval_type, approver_id, decision, decided_at, comments)
values (700006, 'manager', 1001, 'approved', '2024-02-19 11:20', 'Fine with me.'),
       (700006, 'compliance', 1002, 'approved', '2024-02-19 15:45', null);
insert into padealing.pad_execution (request_id, executed_at, execution_price, execution_quantity, broker_reference,
                                     contract_note_received, recorded_by_id)
values (700006, '2024-02-20 09:01', 7.35, 2000, 'NW-20240220-17', true, 1002);
-- Odd ones.
insert into padealing.pad_request (id, employee_id, security_id, status, direction, created_at, security_name,
                                   justification, quantity, estimated_value, currency, related_party_name)
values
    (900001, 1003, 500, 'approved', 'BUY', '2999-01-01 10:00', '<script>document.title = "run"</script>',
     e'first line\nsecond line <img src=x onerror="document.title = 1">', 9999999999999999.9999,
     1234567890123456.7891, 'GBP', 'Hidden Cousin'),
    (900002, 1004, null, 'declined', null, '2998-01-01', null, null, null, null, null, null),
    (900003, 1005, 501, 'executed', 'SELL', '2997-01-01', 'Größe 株式会社 🚀 ' || e'\u202e' || 'gnirts',
     repeat('A long text. ', 8000), -0.0001, 0, 'JPY', null);
insert into padealing.pad_approval (request_id, approval_type, approver_id, decision, decided_at, comments)
values (900001, 'manager', 1001, 'approved', '2999-01-02', 'Approved <b>at once</b>');
insert into padealing.pad_execution (request_id, executed_at, execution_price) values (900001, '2999-01-03', 0.00000001);
insert into padealing.pad_breach (request_id, employee_id, breach_type, severity, description)
values (900001, 1003, 'late_note', 'high', 'The note came late.');
insert into padealing.audit_log (request_id, action_type, action_status, actor_type, actor_id, "timestamp", details)
values (900001, 'request_submitted', 'success', 'user', 1003, '2999-01-01', '{"a": 1}'),
       (900001, 'approval_manager', 'blocked', 'user', 1001, '2999-01-02', null);
insert into padealing.pad_request (id, employee_id, status, created_at)
select 800000 + n, 1006, 'withdrawn', timestamp '2990-01-01' + (n / 20) * interval '1 day' from generate_series(1, 160) n;
