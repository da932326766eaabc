{# What has landed of a period, or of a query or an ASIN of it: every landing, the superseded ones too, for a person to
   look at. Parameters: as of source_rows.sql, and @query and @asin where they are asked for. #}
{% extends "source_rows.sql" %}
{% block rows %}


select
    -- 1: the newest landing of these rows, which counts; 2 and more: superseded ones
    rank() over (
        partition by first_day, last_day, asin, search_query, report_period, unclear, feed
        order by ingested_at desc nulls last
    ) as place,
{% for key in landing.shown %}
    {{ shown(key) }} as {{ key }}{{ "," if not loop.last }}
{% endfor %}
from mapped
{% set key = (["lower(" ~ fold("search_query") ~ ") = @query"] if by_query else []) + ([ascii_upper(fold("asin")) ~ " = @asin"] if by_asin else []) %}
{% if key %}
where
    {{ key | join("\n    and ") }}
{% endif %}
order by asin, search_query, place
{% endblock %}
