{# Which periods the rows of the source are of, and what some columns have that may tell feeds apart. It reads few columns,
   of all rows or of those of a window of weeks. #}
{% from "landed.sql" import day, prunes, raw_text, report, scanned with context %}
select
    first_day,
    last_day,
    report_period,
{% for leaf in feeds %}
    feed_{{ loop.index0 }},
{% endfor %}
    count(*) as row_count
from (
{% for table in landing.tables %}
    select
        {{ day("period_start") if landing.leaves.period_start else "cast(null as date)" }} as first_day,
        {{ day("period_end") if landing.leaves.period_end else "cast(null as date)" }} as last_day,
{% for leaf in feeds %}
        {{ raw_text(leaf) }} as feed_{{ loop.index0 }},
{% endfor %}
        {{ report() if landing.says_report else "cast(null as string)" }} as report_period
    from {{ scanned(table) }}
{% if recent %}
    where
        {{ day("period_start" if landing.leaves.period_start else "period_end") }} between @first_day and @last_day
{% if landing.pruned(table, 6) %}
        and {{ prunes(landing.pruned(table, 6), "@first_day", "@last_day") }}
{% endif %}
{% elif landing.required_filter(table) %}
    where {{ prunes(landing.required_filter(table), "@first_day", "@last_day") }}
{% endif %}
    {{ "union all" if not loop.last }}
{% endfor %}
)
group by first_day, last_day, report_period{% for leaf in feeds %}, feed_{{ loop.index0 }}{% endfor %}

order by first_day desc, last_day desc
limit 20000
