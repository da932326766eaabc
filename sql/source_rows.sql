{# The clean rows of the source in the shape of the target, and the malformed rows with their reason, for each period
   of the window first_day to last_day. A sync has one period, a check for restatements several.
   Parameters: @first_day and @last_day of the window (both belong to it), @report_period, and those of the landing.
   Postgres computes row_hash again over its own rows (row_hash() of schema/1_figures.sql). Both texts must be equal, so
   the figures are written as Postgres writes a row: (1200,34,,0.028333). Extras follow on a line of their own, if the row
   has any. #}
{% from "macros.sql" import ascii_upper, decimal, first_of, fold, last_of %}
{% from "landed.sql" import amount, currency, day, feed, may_belong, moment, number, prunes, report, scanned, skips_blocks, text, unclear, unreadable with context %}
{% macro hash_of() %}cast(concat('0x', substr(to_hex(md5(concat({{ caller() }}))), 1, 15)) as int64){% endmacro %}
{% macro as_text(column) %}{% if column in price_columns %}{{ decimal(column, price_places) }}{% else %}cast({{ column }} as string){% endif %}{% endmacro %}
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
{# A sum that is too large to compute rates with is a reject of its own; the period's other rows are published. #}
{% macro bounded(rows, name, further, own) %}
{{ name }} as (
    select
        period_start,
        row_first,
        if(is_too_large, null, query) as query,
        if(is_too_large, null, asin) as asin,
        if(is_too_large, 'count_too_large', reject_reason) as reject_reason,
        if(is_too_large, to_json_string(struct(
            row_first as period_start, asin as asin, query as search_query{% for figure in figures %}, {{ figure.column }} as {{ figure.source.key }}{% endfor %}

        )), raw) as raw,
        reject_line,
{% for figure in figures %}
        if(is_too_large, null, {{ figure.column }}) as {{ figure.column }},
{% endfor %}
{% for metric in metrics %}
        if(is_too_large, 0, {{ metric.column }}_nulls) as {{ metric.column }}_nulls,
{% endfor %}
{% for column in further %}
        if(is_too_large, null, {{ column }}) as {{ column }},
{% endfor %}
{% for column in own %}
        {{ column }},
{% endfor %}
        merged_rows,
        differing_rows,
        source_rows,
        first_feed,
        last_feed
    from (
        select
            *,
            greatest({% for figure in figures %}ifnull({{ figure.column }}, 0){{ ", " if not loop.last }}{% endfor %}) > {{ max_sum }} as is_too_large
        from {{ rows }}
    )
),
{% endmacro %}
{% set from_weeks = reported != period %}
{% set step = period.step | join(" ") %}
{% set raw_key = "period_first, first_day, last_day, asin, search_query, report_period, unclear, feed" %}
{% set numbers = figures | map(attribute="source.key") | list %}
{% set prices = landing.prices | map(attribute="source.key") | list %}
{% set texts = landing.texts | map(attribute="source.key") | list %}
{% set carried = numbers + prices + texts %}
{# A sum of weeks has no prices, but a row without a readable one is a reject of the month as of its week. #}
{% set priced = [] if from_weeks else (landing.prices + landing.texts) | map(attribute="column") | list %}
{% macro read(key) %}{% if key in numbers %}{{ number(key) }}{% elif key in prices %}{{ amount(key) }}{% elif key in texts %}{{ currency(key) }}{% elif key == "ingested_at" %}{{ moment(key) }}{% else %}{{ day(key) }}{% endif %}{% endmacro %}
{% macro shown(key) %}{% if key in prices %}concat(if({{ key }} < 0, '-', ''), {{ decimal("abs(" ~ key ~ ")", price_places) }}){% else %}{{ {"period_start": "first_day", "period_end": "last_day"}.get(key, key) }}{% endif %}{% endmacro %}
{# What all rows that become one say; null where they differ or one does not say. #}
{% macro agreed(key) %}countif({{ key }} is null) = 0 and min({{ key }}) = max({{ key }}){% endmacro %}
{% macro one_currency() %}{% for key in texts %} and (countif({{ key }} is null) = count(*) or {{ agreed(key) }}){% endfor %}{% endmacro %}
{% set has_start = landing.leaves.period_start | length > 0 %}
{% set has_end = landing.leaves.period_end | length > 0 %}
{% set start, end = day("period_start") if has_start, day("period_end") if has_end %}
{# A week belongs to the month of its first day, also if only its last day is known. #}
{% set from_end = "date_sub(" ~ end ~ ", interval 6 day)" if from_weeks else end %}
{# Days are added to the parameters instead of subtracted from the column. Some landings write 0001-01-01 for a missing
   date. No day is before it, so one such row would fail the statement for every period. #}
{% set shift = 6 if from_weeks else 0 %}
{% set ends_within = end ~ " between date_add(@first_day, interval " ~ shift ~ " day) and date_add(@last_day, interval " ~ shift ~ " day)" %}
{# What is read as a number or a date and may be neither. #}
{% set unsure = landing.unsure %}
{% set unsure_dates = unsure and unsure[0] not in carried %}
{# No table or step may have the name of a column, because BigQuery would read the name as the whole row. #}
with mapped as (  -- one scan, pruned on the raw date; columns get their logical names here and keep them
{% for table in landing.tables %}
    select
        {{ start if has_start else "cast(null as date)" }} as first_day,
        {{ end if has_end else "cast(null as date)" }} as last_day,
        {{ "ifnull(" ~ start ~ ", " ~ from_end ~ ")" if has_start and has_end else start if has_start else from_end }} as placed_on,
        {{ text("asin") }} as asin,
        {{ text("search_query") }} as search_query,
{% for key in carried %}
        {{ read(key) }} as {{ key }},
{% endfor %}
{% if unsure %}
        concat(
{% for key in unsure %}
            {{ unreadable(key, read(key)) }}{{ "," if not loop.last }}
{% endfor %}
        ) as unreadable,
{% else %}
        '' as unreadable,
{% endif %}
        {{ report() }} as report_period,
        {{ unclear() }} as unclear,
        {{ feed() }} as feed,
        {{ moment("ingested_at") if landing.leaves.ingested_at else "cast(null as timestamp)" }} as ingested_at
    from {{ scanned(table) }}
    where
        -- a row without a date belongs to no period, so it is rejected in each of them
{% if has_start %}
        ({{ start }} between @first_day and @last_day or {{ start }} is null)
{% if has_end %}
        and ({{ start }} is not null or ifnull({{ ends_within }}, true))
{% endif %}
{% else %}
        ({{ ends_within }} or {{ end }} is null)
{% endif %}
{% set pruned = landing.pruned(table, shift) %}
{% if pruned %}
        and {{ prunes(pruned, "@first_day", "@last_day") }}
{% endif %}
{% if landing.says_report %}
        -- rows of the other report periods are left out; a row of an unknown one is rejected
        and ifnull({{ report() }} = @report_period or {{ report() }} not in ('week', 'month', 'quarter'), true)
{% endif %}
{% for compared in landing.compared %}
        and {{ may_belong(compared) }}
{% if compared.skips_blocks(table) %}
        and {{ skips_blocks(compared) }}
{% endif %}
{% endfor %}
{% if not loop.last %}
    union all
{% endif %}
{% endfor %}
)
{%- block rows %},

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
        report_period, unclear, feed, ingested_at,
        concat({% for key in carried %}ifnull(cast({{ key }} as string), ''), '|', {% endfor %}unreadable) as landed_figures,
        count(*) as copy_count
    from placed
    group by
        period_first, row_first, first_day, last_day, asin, search_query, {{ carried | join(", ") }}, unreadable,
        report_period, unclear, feed, ingested_at
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
{% if landing.says_report %}
            when ifnull(report_period != @report_period, true) then 'unknown_report_period'
{% endif %}
            when unclear != '' then 'unknown_feed'
{% if unsure_dates %}
            when regexp_contains(unreadable, r'^(period_start|period_end|ingested_at) ') then 'unreadable_date'
{% endif %}
{% if has_start %}
            when first_day is null then 'missing_period'
            when first_day != row_first then 'misaligned_period'
{% endif %}
{% if has_end %}
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
            when least({% for key in numbers + prices %}ifnull({{ key }}, 0){{ ", " if not loop.last }}{% endfor %}) < 0 then 'negative_count'
            when greatest({% for key in numbers %}ifnull({{ key }}, 0){{ ", " if not loop.last }}{% endfor %}) > {{ max_count }} then 'count_too_large'
{% if prices %}
            when greatest({% for key in prices %}ifnull({{ key }}, 0){{ ", " if not loop.last }}{% endfor %}) > {{ max_price }} then 'count_too_large'
{% endif %}
            when versions > 1 then 'conflicting_copies'
        end as reject_reason
    from normalised
),

keyed as (  -- a malformed row keeps its reason and what landed, the others their key and figures
    select
        period_first,
        row_first,
        reject_reason,
        if(reject_reason is null, clean_query, null) as kept_query,
        if(reject_reason is null, clean_asin, null) as kept_asin,
        if(reject_reason is null, 0, line) as reject_line,
        if(reject_reason is null, null, to_json_string(struct(
{% for key in landing.shown %}
            {{ shown(key) }} as {{ key }}{{ "," if not loop.last }}
{% endfor %}
        ))) as raw,
{% for key in carried %}
        if(reject_reason is null, {{ key }}, null) as {{ key }},
{% endfor %}
        feed,
        if(reject_reason is null, differing, 0) as differing,
        source_rows
    from checked
),

merged as (  -- rows that normalisation made equal: counts add, the best rank and the largest volume stay
    select
        period_first as period_start,
        row_first,
        kept_query as query,
        kept_asin as asin,
        reject_reason,
        raw,
        reject_line,
{% for figure in figures %}
{% if figure.merged != "sum" %}
        {{ figure.merged }}({{ figure.source.key }}) as {{ figure.column }},
{% elif not landing.leaves[figure.source.key] %}
        cast(null as int64) as {{ figure.column }},
        0 as {{ figure.column }}_nulls,
{% elif figure.stays_unknown %}
        if(countif({{ figure.source.key }} is null) > 0, null, cast(sum({{ figure.source.key }}) as int64)) as {{ figure.column }},
        if(reject_reason is null and countif({{ figure.source.key }} is null) > 0, 1, 0) as {{ figure.column }}_nulls,
{% else %}
        cast(sum(ifnull({{ figure.source.key }}, 0)) as int64) as {{ figure.column }},
        if(reject_reason is null, countif({{ figure.source.key }} is null), 0) as {{ figure.column }}_nulls,
{% endif %}
{% endfor %}
{% if priced %}
{% for price in landing.prices %}
        if({{ agreed(price.source.key) }}{{ one_currency() }}, min({{ price.source.key }}), null) as {{ price.column }},
{% endfor %}
{% for text_column in landing.texts %}
        if({{ agreed(text_column.source.key) }}, min({{ text_column.source.key }}), null) as {{ text_column.column }},
{% endfor %}
{% endif %}
        count(*) - 1 as merged_rows,
        cast(sum(differing) as int64) as differing_rows,
        cast(sum(source_rows) as int64) as source_rows,
        min(feed) as first_feed,
        max(feed) as last_feed
    from keyed
    group by period_first, row_first, kept_query, kept_asin, reject_reason, raw, reject_line
),

{% if from_weeks %}
{{ bounded("merged", "kept", [], []) }}

summed as (  -- the weeks of a month or quarter, as the trigger on weekly_summary adds them
    select
        period_start,
        min(row_first) as row_first,
        query,
        asin,
        reject_reason,
        raw,
        reject_line,
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
        count(*) as active_weeks,
        cast(count(*) + sum(merged_rows) as int64) - 1 as merged_rows,
        cast(sum(differing_rows) as int64) as differing_rows,
        cast(sum(source_rows) as int64) as source_rows,
        min(first_feed) as first_feed,
        max(last_feed) as last_feed
    from kept
    group by period_start, query, asin, reject_reason, raw, reject_line
),

{{ bounded("summed", "bounded", [], ["active_weeks"]) }}
{% else %}
{{ bounded("merged", "bounded", priced, []) }}
{% endif %}

rated as (
    select
        *,
{% if not from_weeks %}
        cast(null as int64) as active_weeks,
{% endif %}
{% for r in rates %}
        {{ rate(r.numerator, r.denominator) }} as {{ r.column }}{{ "," if not loop.last }}
{% endfor %}
    from bounded
)

select
    period_start,
    query,
    asin,
    {{ (measures + extras) | join(",\n    ") }},
{% for metric in metrics %}
    {{ metric.column }}_nulls,
{% endfor %}
    merged_rows,
    differing_rows,
    source_rows,
    first_feed,
    last_feed,
    reject_reason,
    raw,
    if(
        reject_reason is null,
        {% call hash_of() %}asin, '('
            {% for column in counts %}, ifnull(cast({{ column }} as string), ''), ','{% endfor %}

            {% for r in rates %}, ifnull({{ decimal(r.column, 6) }}, ''), '{{ ")" if loop.last else "," }}'{% endfor %}

            , query{% if extras %}, if(
                coalesce({% for column in extras %}{{ as_text(column) }}{{ ", " if not loop.last }}{% endfor %}) is null,
                '',
                concat('\n('{% for column in all_extras %}{% if column in extras %}, ifnull({{ as_text(column) }}, ''){% endif %}, '{{ ")" if loop.last else "," }}'{% endfor %})
            ){% endif %}{% endcall %},
        {% call hash_of() %}reject_reason, raw{% endcall %}

    ) as row_hash
from rated
{% endblock %}
