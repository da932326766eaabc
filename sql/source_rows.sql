{# The clean rows of the source in the shape of the target, and the malformed rows with their reason, for each period
   of the window first_day to last_day. A sync has one period, a check for restatements several.
   Parameters: @first_day and @last_day of the window (both belong to it), @report_period, @marketplace. #}
{% from "macros.sql" import first_of, fold, last_of %}
{# Only ASCII letters, because an ASIN has no others, and upper() would turn a dotless i into one. #}
{% macro ascii_upper(text) %}translate({{ text }}, 'abcdefghijklmnopqrstuvwxyz', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'){% endmacro %}
{# Whole millionths, rounded half away from zero as Postgres rounds numeric; null if the column cannot hold the rate. #}
{% macro rate(numerator, denominator) -%}
case
            when {{ denominator }} is null then null
            when {{ denominator }} = 0 then 0
            else nullif(
                least(
                    div((2 * {{ millionths }} * {{ numerator }} + {{ denominator }}), (2 * {{ denominator }})),
                    {{ largest_rate + 1 }}
                ),
                {{ largest_rate + 1 }}
            )
        end
{%- endmacro %}
{# A number that landed as text or float; null if it is missing or not a whole number. Commas may separate thousands,
   and the fraction may be zero. A looser rule would read 12,5 as 125. #}
{% macro landed_text(key) %}{% if types[key] == "STRING" %}{{ fold(columns[key]) }}{% else %}cast({{ columns[key] }} as string){% endif %}{% endmacro %}
{% macro number(key) -%}
{% if not columns[key] %}cast(null as int64)
{%- elif key not in not_whole %}{{ columns[key] }}
{%- elif types[key] == "STRING" -%}
if(
            regexp_contains({{ landed_text(key) }}, r'^[+-]?([0-9]+|[0-9]{1,3}(,[0-9]{3})+)([.]0{1,2})?$'),
            safe_cast(regexp_replace(replace({{ landed_text(key) }}, ',', ''), r'[.]0+$', '') as int64),
            null
        )
{%- else %}if({{ columns[key] }} = trunc({{ columns[key] }}), safe_cast({{ columns[key] }} as int64), null){% endif %}
{%- endmacro %}
{% set from_weeks = reported != period %}
{% set step = period.step | join(" ") %}
{% set raw_key = "period_first, first_day, last_day, asin, search_query, report_period, marketplace" %}
{% set numbers = figures | map(attribute="source.key") | list %}
{% set carried = numbers + texts | map(attribute="source.key") | list %}
{% set unsure = numbers | select("in", not_whole) | list %}
{# A week belongs to the month of its first day, also if only its last day is known. #}
{% set from_end = "date_sub(" ~ columns.period_end ~ ", interval 6 day)" if from_weeks else columns.period_end %}
{% set day = columns.period_start or from_end %}
{# Days are added to the parameters instead of subtracted from the column. Some landings write 0001-01-01 for a missing
   date. No day is before it, so one such row would fail the statement for every period. #}
{% set shift = 6 if from_weeks else 0 %}
{% set ends_within = columns.period_end ~ " between date_add(@first_day, interval " ~ shift ~ " day) and date_add(@last_day, interval " ~ shift ~ " day)" %}
{# No table or step may have the name of a column, because BigQuery would read the name as the whole row. #}
with mapped as (  -- one scan, pruned on the raw date; columns get their logical names here and keep them
    select
        {{ columns.period_start or "cast(null as date)" }} as first_day,
        {{ columns.period_end or "cast(null as date)" }} as last_day,
        {{ "ifnull(" ~ columns.period_start ~ ", " ~ from_end ~ ")" if columns.period_start and columns.period_end else day }} as placed_on,
        {{ columns.asin }} as asin,
        {{ columns.search_query }} as search_query,
{% for key in numbers %}
        {{ number(key) }} as {{ key }},
{% endfor %}
{% for text in texts %}
        {{ columns[text.source.key] or "cast(null as string)" }} as {{ text.source.key }},
{% endfor %}
{% if unsure %}
        concat(
{% for key in unsure %}
            if({{ number(key) }} is null and {{ landed_text(key) }} != '', concat('{{ key }} ', {{ landed_text(key) }}, '. '), ''){{ "," if not loop.last }}
{% endfor %}
        ) as unreadable,
{% else %}
        '' as unreadable,
{% endif %}
        lower({{ fold(columns.report_period) if columns.report_period else "@report_period" }}) as report_period,
        {{ fold(columns.marketplace) if columns.marketplace else "''" }} as marketplace,
        {{ columns.ingested_at or "cast(null as timestamp)" }} as ingested_at
    from `{{ source }}` as landed_row
    where
        (
            {{ columns.period_start ~ " between @first_day and @last_day" if columns.period_start else ends_within }}
            -- a row without a date belongs to no period, so it is rejected in each of them
            or ({{ columns.period_start or columns.period_end }} is null{% if columns.period_start and columns.period_end %} and ifnull({{ ends_within }}, true){% endif %})
        )
{% if columns.report_period %}
        -- rows of the other report periods are left out; a row of an unknown one is rejected
        and ifnull(lower({{ fold(columns.report_period) }}) = lower(@report_period)
            or lower({{ fold(columns.report_period) }}) not in ('week', 'month', 'quarter'), true)
{% endif %}
{% if columns.marketplace %}
        -- rows of other marketplaces are left out; a row without a marketplace is rejected
        and ifnull({{ fold(columns.marketplace) }} in (@marketplace, ''), true)
{% endif %}
),

placed as (
    select
        mapped.*,
        period_first,
        ifnull({{ first_of(reported.unit, "placed_on") }}, period_first) as row_first
    from mapped
    cross join unnest(if(
        placed_on is null,
        generate_date_array(@first_day, @last_day, interval {{ step }}),
        [{{ first_of(period.unit, "placed_on") }}]
    )) as period_first
),

collapsed as (  -- identical copies are one landing
    select
        period_first, row_first, first_day, last_day, asin, search_query, {{ carried | join(", ") }}, unreadable,
        report_period, marketplace, ingested_at,
        concat({% for key in carried %}ifnull(cast({{ key }} as string), ''), '|', {% endfor %}unreadable) as landed_figures,
        count(*) as copy_count
    from placed
    group by
        period_first, row_first, first_day, last_day, asin, search_query, {{ carried | join(", ") }}, unreadable,
        report_period, marketplace, ingested_at
),

ranked as (
    select
        *,
        rank() over (partition by {{ raw_key }} order by ingested_at desc nulls last) as place,
        row_number() over (partition by {{ raw_key }} order by ingested_at desc nulls last) as line,
        first_value(landed_figures) over (partition by {{ raw_key }} order by ingested_at desc nulls last) as newest_figures,
        sum(copy_count) over (partition by {{ raw_key }}) as landed_rows
    from collapsed
),

newest as (  -- the newest landing of a key wins; rows without a key are not copies of each other
    select
        *,
        sum(if(landed_figures != newest_figures, copy_count, 0)) over (partition by {{ raw_key }}) as differing
    from ranked
    qualify place = 1 or asin is null or search_query is null
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
        if(line = 1, landed_rows - versions + 1, 1) as source_rows,  -- the row itself and the copies it supersedes
        case
{% if columns.report_period %}
            when ifnull(report_period != lower(@report_period), true) then 'unknown_report_period'
{% endif %}
{% if columns.marketplace %}
            when ifnull(marketplace, '') = '' then 'unknown_marketplace'
{% endif %}
{% if columns.period_start %}
            when first_day is null then 'missing_period'
            when first_day != row_first then 'misaligned_period'
{% endif %}
{% if columns.period_end %}
            when last_day is null then 'missing_period'
            when last_day != {{ last_of("row_first", reported.step | join(" ")) }} then 'misaligned_period'
{% endif %}
            when not ifnull(regexp_contains(clean_asin, r'^[A-Z0-9]{10}$'), false) then 'invalid_asin'
            when ifnull(clean_query, '') = '' then 'empty_query'
            when regexp_contains(clean_query, r'\x00') then 'nul_character'
            when byte_length(clean_query) > {{ max_query_bytes }} then 'query_too_long'
{% if unsure %}
            when unreadable != '' then 'not_a_number'
{% endif %}
            when least({% for key in numbers %}ifnull({{ key }}, 0){{ ", " if not loop.last }}{% endfor %}) < 0 then 'negative_count'
            when greatest({% for key in numbers %}ifnull({{ key }}, 0){{ ", " if not loop.last }}{% endfor %}) > {{ max_count }} then 'count_too_large'
            when versions > 1 then 'conflicting_copies'
        end as reject_reason
    from normalised
),

merged as (  -- rows that normalisation made equal: counts add, the best rank and the largest volume stay
    select
        period_first as period_start,
        row_first,
        clean_query as query,
        clean_asin as asin,
{% for figure in figures %}
{% if figure.merged != "sum" %}
        {{ figure.merged }}({{ figure.source.key }}) as {{ figure.column }},
{% elif columns[figure.source.key] and figure.stays_unknown %}
        if(countif({{ figure.source.key }} is null) > 0, null, cast(sum({{ figure.source.key }}) as int64)) as {{ figure.column }},
        if(countif({{ figure.source.key }} is null) > 0, 1, 0) as {{ figure.column }}_nulls,
{% elif columns[figure.source.key] %}
        cast(sum(ifnull({{ figure.source.key }}, 0)) as int64) as {{ figure.column }},
        countif({{ figure.source.key }} is null) as {{ figure.column }}_nulls,
{% else %}
        cast(null as int64) as {{ figure.column }},
        0 as {{ figure.column }}_nulls,
{% endif %}
{% endfor %}
{% for text in texts %}
        max({{ text.source.key }}) as {{ text.column }},
{% endfor %}
        count(*) - 1 as merged_rows,
        cast(sum(differing) as int64) as differing_rows,
        cast(sum(source_rows) as int64) as source_rows
    from checked
    where reject_reason is null
    group by period_first, row_first, clean_query, clean_asin
),

{% if from_weeks %}
summed as (  -- the weeks of a month or quarter, as the trigger on weekly_summary adds them
    select
        period_start,
        query,
        asin,
{% for figure in figures %}
{% if figure.over_weeks == "sum" %}
        cast(sum({{ figure.column }}) as int64) as {{ figure.column }},
{% elif figure.over_weeks == "known_sum" %}
        if(countif({{ figure.column }} is null) > 0, null, cast(sum({{ figure.column }}) as int64)) as {{ figure.column }},
{% else %}
        {{ figure.over_weeks }}({{ figure.column }}) as {{ figure.column }},
{% endif %}
{% endfor %}
{% for metric in metrics %}
        {{ "max" if metric.stays_unknown else "sum" }}({{ metric.column }}_nulls) as {{ metric.column }}_nulls,
{% endfor %}
{% for text in texts %}
        max({{ text.column }}) as {{ text.column }},
{% endfor %}
        count(*) as active_weeks,
        cast(count(*) + sum(merged_rows) as int64) - 1 as merged_rows,
        cast(sum(differing_rows) as int64) as differing_rows,
        cast(sum(source_rows) as int64) as source_rows
    from merged
    group by period_start, query, asin
),

{% endif %}
accepted as (
    select
        *,
{% if not from_weeks %}
        cast(null as int64) as active_weeks,
{% endif %}
{% for r in rates %}
        {{ rate(r.numerator, r.denominator) }} as {{ r.column }}{{ "," if not loop.last }}
{% endfor %}
    from {{ "summed" if from_weeks else "merged" }}
)

select
    period_start,
    query,
    asin,
{% for text in texts %}
    {{ text.column }},
{% endfor %}
    {{ measures | join(",\n    ") }},
{% for metric in metrics %}
    {{ metric.column }}_nulls,
{% endfor %}
    merged_rows,
    differing_rows,
    source_rows,
    cast(null as string) as reject_reason,
    cast(null as string) as raw
from accepted
union all
select
    period_first,
    cast(null as string),
    cast(null as string),
{% for text in texts %}
    cast(null as string),
{% endfor %}
{% for column in measures %}
    cast(null as int64),
{% endfor %}
{% for metric in metrics %}
    0,
{% endfor %}
    0,
    0,
    cast(source_rows as int64),
    reject_reason,
    to_json_string(struct(
{% for key in columns if columns[key] %}
        {{ {"period_start": "first_day", "period_end": "last_day"}.get(key, key) }} as {{ key }}{{ "," if not loop.last or unsure }}
{% endfor %}
{% if unsure %}
        unreadable as unreadable
{% endif %}
    ))
from checked
where reject_reason is not null
