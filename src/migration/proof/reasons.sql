select encode(sha256(convert_to(coalesce(string_agg(part, '' order by place), ''), 'UTF8')), 'hex') as sha256
from (
    select place, encode(sha256(string_agg(sha256(convert_to(concat(
               E'reason\n2:id=', octet_length(id::text), ':' || id,
               E'\n12:source_table=', octet_length(source_table), ':' || source_table,
               E'\n9:source_id=', octet_length(source_id::text), ':' || source_id,
               E'\n5:field=', octet_length(field), ':' || field,
               E'\n4:rule=', octet_length(rule), ':' || rule,
               E'\n5:value=', octet_length(value), ':' || value,
               E'\n7:message=', octet_length(message), ':' || message,
               E'\n12:first_run_id=', octet_length(first_run_id::text), ':' || first_run_id,
               E'\n11:last_run_id=', octet_length(last_run_id::text), ':' || last_run_id,
               E'\n15:resolved_run_id=', octet_length(resolved_run_id::text), ':' || resolved_run_id, E'\n'), 'UTF8')),
               ''::bytea order by id)), 'hex') as part
    from (select row_number() over (order by id) / 4096 as place, r.* from padealing.migration_reject r) r
    group by place) p
