{# How many rows a window of periods has, and how many of them may belong to the feed. It reads few columns. #}
{% from "landed.sql" import day, may_belong, prunes, scanned with context %}
select
    count(*) as all_rows,
    countif(is_own) as own_rows
from (
{% for table in landing.tables %}
    select
        {% for compared in landing.compared %}{{ may_belong(compared) }}{{ " and " if not loop.last }}{% else %}true{% endfor %} as is_own

    from {{ scanned(table) }}
    where
        {{ day("period_start" if landing.leaves.period_start else "period_end") }} between @first_day and @last_day
{% if landing.pruned(table, 6) %}
        and {{ prunes(landing.pruned(table, 6), "@first_day", "@last_day") }}
{% endif %}
    {{ "union all" if not loop.last }}
{% endfor %}
)
