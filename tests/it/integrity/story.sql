-- Five requests of Bruno Castell (1003) as the application leaves them: executed, waiting for the manager, withdrawn,
-- waiting for compliance, declined.
insert into padealing.pad_request
    (id, employee_id, security_id, status, direction, security_name, quantity, estimated_value, currency, created_at,
     deleted_at, deleted_by_id, executed_within_two_days) values
    (7001, 1003, 500, 'executed', 'BUY', 'Acme Industries plc', 10, 100, 'GBP', '2025-10-06 09:00', null, null, true),
    (7002, 1003, 500, 'pending_manager', 'BUY', 'Acme Industries plc', 10, 100, 'GBP', '2025-10-06 09:00', null, null, null),
    (7003, 1003, 500, 'withdrawn', 'SELL', 'Acme Industries plc', 10, 100, 'GBP', '2025-10-06 09:00', '2025-10-06 12:00', 1003, null),
    (7004, 1003, 500, 'pending_compliance', 'BUY', 'Acme Industries plc', 10, 100, 'GBP', '2025-10-06 09:00', null, null, null),
    (7005, 1003, 500, 'declined', 'BUY', 'Acme Industries plc', 10, 100, 'GBP', '2025-10-06 09:00', null, null, null);
insert into padealing.pad_approval (request_id, approval_type, approver_id, decision, decided_at) values
    (7001, 'manager', 1001, 'approved', '2025-10-06 10:00'), (7001, 'compliance', 1002, 'approved', '2025-10-06 11:00'),
    (7004, 'manager', 1001, 'approved', '2025-10-06 10:00'), (7005, 'manager', 1001, 'declined', '2025-10-06 10:00');
insert into padealing.pad_execution (request_id, executed_at, execution_price, execution_quantity, recorded_by_id) values
    (7001, '2025-10-07 10:00', 10, 10, 1003);
insert into padealing.pad_breach
    (request_id, employee_id, breach_type, severity, detected_at, resolved_at, resolved_by_id) values
    (7001, 1003, 'late_contract_note', 'low', '2025-10-20 09:00', '2025-10-21 09:00', 1002);
insert into padealing.audit_log
    ("timestamp", action_type, action_status, actor_type, actor_id, entity_type, entity_id, request_id, decision)
    select created_at, 'request_submitted', 'success', 'user', employee_id, 'pad_request', id, id, null
    from padealing.pad_request where id between 7001 and 7005
    union all
    select decided_at, 'approval_' || approval_type, case decision when 'approved' then 'success' else 'blocked' end,
           'user', approver_id, 'pad_request', request_id, request_id, decision
    from padealing.pad_approval where request_id between 7001 and 7005
    union all
    select executed_at, 'execution_recorded', 'success', 'user', recorded_by_id, 'pad_execution', id, request_id, null
    from padealing.pad_execution where request_id = 7001
    union all
    select deleted_at, 'request_withdrawn', 'success', 'user', deleted_by_id, 'pad_request', id, id, null
    from padealing.pad_request where id = 7003;
