    select source_id, target_id, concat(id, ' ', target_id, ' ', migrated_at) as entry
    from padealing.migration_mapping
    where source_table = 'personal_account_dealing' and target_table = '{{role}}'{{only}} offset int8 '0'
