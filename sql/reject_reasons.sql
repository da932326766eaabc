{# The commonest reasons of a snapshot's rejects, each with a row as an example. #}
select
    reject_reason as reason,
    count(*) as row_count,
    min(raw) as example
from `{{ snapshot }}`
where reject_reason is not null
group by reject_reason
order by row_count desc, reason
limit 3
