select id::text as id,
       encode(sha256(convert_to(concat(
           E'run\n2:id=', octet_length(id::text), ':' || id,
           E'\n7:command=', octet_length(command), ':' || command,
           E'\n11:environment=', octet_length(environment), ':' || environment,
           E'\n10:started_at=', octet_length(started_at::text), ':' || started_at,
           E'\n11:finished_at=', octet_length(finished_at::text), ':' || finished_at,
           E'\n13:database_role=', octet_length(database_role), ':' || database_role,
           E'\n15:program_version=', octet_length(program_version), ':' || program_version,
           E'\n7:options=', octet_length(options::text), ':' || options::text,
           E'\n6:counts=', octet_length(counts::text), ':' || counts::text,
           E'\n7:outcome=', octet_length(outcome), ':' || outcome, E'\n'), 'UTF8')), 'hex') as sha256
from padealing.migration_run
order by started_at, id
