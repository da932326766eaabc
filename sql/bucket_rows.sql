{% from "macros.sql" import bucket %}
{# The clean rows of a snapshot that lie in some buckets. Parameter: @buckets, '12,7,345', in one text because a list of
   parameters is slow to send. #}
select
    asin,
    query,
    {{ (measures + extras) | join(",\n    ") }},
    row_hash
from `{{ snapshot }}`
where
    reject_reason is null
    and {{ bucket() }} in (select cast(asked as int64) from unnest(split(@buckets, ',')) as asked)
