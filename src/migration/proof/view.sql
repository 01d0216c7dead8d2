create view {{view}} as
select {{columns}}
from padealing.migration_mapping n
join padealing.pad_request r on r.id = n.target_id
cross join lateral (
    select case when jsonb_typeof(r.compliance_assessment -> 'legacy') = 'object'
                then r.compliance_assessment -> 'legacy' end as residual,
           case r.compliance_assessment -> 'holding_period' when 'true' then true when 'false' then false end
               as holding) a
left join lateral (
    select * from padealing.pad_approval m
    where m.request_id = r.id and m.approval_type = 'manager' order by m.id limit 1) m on true
left join lateral (
    select * from padealing.pad_approval k
    where k.request_id = r.id and k.approval_type = 'compliance' order by k.id limit 1) k on true
left join lateral (
    select * from padealing.pad_execution x where x.request_id = r.id order by x.id limit 1) x on true
where n.source_table = 'personal_account_dealing' and n.target_table = 'pad_request';
comment on view {{view}} is {{comment}};
{{comments}}
