{# The commonest reasons of a snapshot's rejects, each with a row as an example. Without a snapshot, those of a window of
   periods, read from the source. #}
select
    reject_reason as reason,
    count(*) as row_count,
    min(raw) as example
{% if snapshot %}
from `{{ snapshot }}`
{% else %}
from (
{% include "source_rows.sql" %}
)
{% endif %}
where reject_reason is not null
group by reject_reason
order by row_count desc, reason
limit {{ 3 if snapshot else 20 }}
