{# The totals of a snapshot: the source side of every check, and the input of the fingerprint. Without a snapshot, the
   same totals of each period of a window, read from the source. #}
select
{% if not snapshot %}
    period_start,
{% endif %}
    countif(reject_reason is null) as row_count,
    min(first_feed) as first_feed,
    max(last_feed) as last_feed,
    count(distinct if(reject_reason is null, concat(asin, '|', query), null)) as key_count,
    countif(reject_reason is not null) as reject_count,
    cast(ifnull(sum(source_rows), 0) as int64) as source_rows,
    cast(ifnull(sum(merged_rows), 0) as int64) as merged_rows,
    cast(ifnull(sum(differing_rows), 0) as int64) as differing_rows,
    ifnull(bit_xor(if(reject_reason is null, row_hash, 0)), 0) as row_hash,
    ifnull(bit_xor(if(reject_reason is not null, row_hash, 0)), 0) as reject_hash,
{% for metric in metrics %}
    cast(ifnull(sum(if(reject_reason is null, {{ metric.column }}, 0)), 0) as int64) as {{ metric.column }},
    cast(ifnull(sum({{ metric.column }}_nulls), 0) as int64) as {{ metric.column }}_nulls{{ "," if not loop.last }}
{% endfor %}
{% if snapshot %}
from `{{ snapshot }}`
{% else %}
from (
{% include "source_rows.sql" %}
)
group by period_start
{% endif %}
