{# The rows of the source as the target wants them, and the rows it cannot take with the reason.
   Parameters: @first_day and @last_day of the period (both belong to it), @report_period, @marketplace. #}
{% macro fold(text) %}trim(regexp_replace({{ text }}, r'[\s\x0b\x{85}\p{Z}]+', ' ')){% endmacro %}
{# Only ASCII letters: an ASIN has no others, and upper() would make one of a dotless i. #}
{% macro ascii_upper(text) %}translate({{ text }}, 'abcdefghijklmnopqrstuvwxyz', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'){% endmacro %}
{% macro rate(numerator, denominator) -%}
case
            when {{ denominator }} is null then null
            when {{ denominator }} = 0 then 0
            else div((2 * {{ millionths }} * {{ numerator }} + {{ denominator }}), (2 * {{ denominator }}))
        end
{%- endmacro %}
{% set raw_key = "first_day, last_day, asin, search_query, report_period" %}
{% set numbers = ["query_score", "query_volume"] + metrics | map(attribute="source.key") | list %}
{% set day = columns.period_start or columns.period_end %}
{# No table or step may be called like a column: BigQuery would take the name for the whole row. #}
with mapped as (  -- one scan, pruned on the raw date; columns get their logical names here and keep them
    select
        {{ columns.period_start or "cast(null as date)" }} as first_day,
        {{ columns.period_end or "cast(null as date)" }} as last_day,
        {{ columns.asin }} as asin,
        {{ columns.search_query }} as search_query,
{% for key in numbers %}
        {{ columns[key] or "cast(null as int64)" }} as {{ key }},
{% endfor %}
        lower({{ fold(columns.report_period) if columns.report_period else "@report_period" }}) as report_period,
        {{ columns.ingested_at or "cast(null as timestamp)" }} as ingested_at
    from `{{ source }}` as landed_row
    where
        (
            {{ day }} between @first_day and @last_day
            -- a row without a date belongs to no period; it is reported with each instead of nowhere
            or ({{ day }} is null{% if columns.period_start and columns.period_end %} and ifnull({{ columns.period_end }} between @first_day and @last_day, true){% endif %})
        )
{% if columns.report_period %}
        -- rows of the other report periods are not ours; an unknown one is nobody's, so it is a reject
        and ifnull(lower({{ fold(columns.report_period) }}) = lower(@report_period)
            or lower({{ fold(columns.report_period) }}) not in ('week', 'month', 'quarter'), true)
{% endif %}
{% if columns.marketplace %}
        and {{ columns.marketplace }} = @marketplace
{% endif %}
),

collapsed as (  -- identical copies are one landing
    select
        first_day, last_day, asin, search_query, {{ numbers | join(", ") }}, report_period, ingested_at,
        count(*) as copy_count
    from mapped
    group by first_day, last_day, asin, search_query, {{ numbers | join(", ") }}, report_period, ingested_at
),

newest as (  -- the newest landing of a key wins; rows without a key are not copies of each other
    select
        *,
        sum(copy_count) over (partition by {{ raw_key }}) as landed_rows
    from collapsed
    qualify
        rank() over (partition by {{ raw_key }} order by ingested_at desc nulls last) = 1
        or asin is null
        or search_query is null
),

normalised as (
    select
        *,
        lower({{ fold("search_query") }}) as clean_query,
        {{ ascii_upper(fold("asin")) }} as clean_asin,
        count(*) over (partition by {{ raw_key }}) as versions
    from newest
),

checked as (
    select
        *,
        case
{% if columns.report_period %}
            when ifnull(report_period != lower(@report_period), true) then 'unknown_report_period'
{% endif %}
{% if columns.period_start %}
            when first_day is null then 'missing_period'
            when first_day != @first_day then 'misaligned_period'
{% endif %}
{% if columns.period_end %}
            when last_day is null then 'missing_period'
            when last_day != @last_day then 'misaligned_period'
{% endif %}
            when not ifnull(regexp_contains(clean_asin, r'^[A-Z0-9]{10}$'), false) then 'invalid_asin'
            when ifnull(clean_query, '') = '' then 'empty_query'
            when regexp_contains(clean_query, r'\x00') then 'nul_character'
            when byte_length(clean_query) > {{ max_query_bytes }} then 'query_too_long'
            when least({% for key in numbers %}ifnull({{ key }}, 0){{ ", " if not loop.last }}{% endfor %}) < 0 then 'negative_count'
            when greatest({% for key in numbers %}ifnull({{ key }}, 0){{ ", " if not loop.last }}{% endfor %}) > {{ max_count }} then 'count_too_large'
            when versions > 1 then 'conflicting_copies'
        end as reject_reason
    from normalised
),

merged as (  -- what normalisation merged: counts add, the best rank and the largest volume stay
    select
        clean_query as query,
        clean_asin as asin,
{% for metric in metrics %}
{% if columns[metric.source.key] %}
        cast(sum(ifnull({{ metric.source.key }}, 0)) as int64) as {{ metric.column }},
        countif({{ metric.source.key }} is null) as {{ metric.column }}_nulls,
{% else %}
        cast(null as int64) as {{ metric.column }},
        0 as {{ metric.column }}_nulls,
{% endif %}
{% endfor %}
        min(query_score) as query_score,
        max(query_volume) as query_volume,
        cast(sum(landed_rows) as int64) as source_rows
    from checked
    where reject_reason is null
    group by clean_query, clean_asin
),

rated as (  -- rates from counts, in whole millionths, rounded half away from zero as Postgres rounds numeric
    select
        *,
{% for r in rates %}
        {{ rate(r.numerator, r.denominator) }} as {{ r.column }}{{ "," if not loop.last }}
{% endfor %}
    from merged
),

ranged as (
    select
        *,
        greatest({% for r in rates %}ifnull({{ r.column }}, 0){{ ", " if not loop.last }}{% endfor %}) > {{ max_rate * millionths }} as rate_out_of_range
    from rated
)

select
    query,
    asin,
    {{ measures | join(",\n    ") }},
{% for metric in metrics %}
    {{ metric.column }}_nulls,
{% endfor %}
    source_rows,
    if(rate_out_of_range, 'rate_out_of_range', null) as reject_reason,
    if(
        rate_out_of_range,
        to_json_string(struct(
            query as search_query,
            asin as asin,
            {% for metric in metrics %}{{ metric.column }} as {{ metric.column }}{{ ", " if not loop.last }}{% endfor %}

        )),
        null
    ) as raw
from ranged
union all
select
    cast(null as string),
    cast(null as string),
{% for column in measures %}
    cast(null as int64),
{% endfor %}
{% for metric in metrics %}
    0,
{% endfor %}
    -- rows without a key are not copies of each other, nor are conflicting ones: each counts for itself
    cast(if(asin is null or search_query is null or versions > 1, copy_count, landed_rows) as int64),
    reject_reason,
    to_json_string(struct(
{% for key in columns if columns[key] and key != "marketplace" %}
        {{ {"period_start": "first_day", "period_end": "last_day"}.get(key, key) }} as {{ key }}{{ "," if not loop.last }}
{% endfor %}
    ))
from checked
where reject_reason is not null
