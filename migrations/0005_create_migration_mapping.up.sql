-- Lineage: which target row came from which legacy row. The DDL is the one that was agreed for it, to the letter.
create table if not exists padealing.migration_mapping (
    id serial primary key,
    source_table varchar(100) not null,
    source_id bigint not null,
    target_table varchar(100) not null,
    target_id bigint not null,
    migrated_at timestamp default now(),
    unique (source_table, source_id, target_table)
);
