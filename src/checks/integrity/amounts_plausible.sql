-- Quantities and prices are numbers above zero; a value is not below zero.
-- severity: warn
-- scenarios: 1, 4
-- rows: both
-- reads: padealing.migration_mapping, padealing.pad_execution, padealing.pad_request
-- legacy: the numbers are as they are there
-- remedy: correct the number
with odd as materialized (
    select 'pad_request' as relation, id as row_id, 'quantity' as field, quantity::text as value
    from padealing.pad_request where quantity <= 0 or quantity = 'NaN'
    union all
    select 'pad_request', id, 'estimated_value', estimated_value::text
    from padealing.pad_request where estimated_value < 0 or estimated_value = 'NaN'
    union all
    select 'pad_execution', id, 'execution_quantity', execution_quantity::text
    from padealing.pad_execution where execution_quantity <= 0 or execution_quantity = 'NaN'
    union all
    select 'pad_execution', id, 'execution_price', execution_price::text
    from padealing.pad_execution where execution_price < 0 or execution_price = 'NaN'
)
select o.relation || ' ' || o.row_id as id, o.field, o.value, l.id is not null as as_in_source
from odd o
left join padealing.migration_mapping l
    on l.source_table = 'personal_account_dealing' and l.target_table in ('pad_request', 'pad_execution')
       and l.target_table = o.relation and l.target_id = o.row_id
order by o.relation, o.row_id, o.field;
