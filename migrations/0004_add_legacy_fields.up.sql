-- The legacy fields of 2026-01-20: what the legacy table knows and pad_request had no column for.
alter table padealing.pad_request
    add column if not exists conflict_comments text,
    add column if not exists other_comments text,
    add column if not exists broker_reporting boolean,
    add column if not exists is_derivative boolean,
    add column if not exists is_leveraged boolean,
    add column if not exists related_party_name varchar(200),
    add column if not exists signed_declaration boolean,
    add column if not exists updated_by_id bigint references bo_airflow.oracle_employee,
    add column if not exists deleted_at timestamp,
    add column if not exists deleted_by_id bigint references bo_airflow.oracle_employee,
    add column if not exists executed_within_two_days boolean;
create index if not exists pad_request_updated_by_id_idx on padealing.pad_request (updated_by_id);
create index if not exists pad_request_deleted_by_id_idx on padealing.pad_request (deleted_by_id);
