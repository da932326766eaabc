{% from "macros.sql" import first_of, fold, last_of %}
{% from "landed.sql" import day, may_belong, prunes, report, scanned, text, unclear, value_of, values_of, raw_text with context %}
{# What the source has near a period without a usable row, for the error of that period. One scan, which is bounded, so
   that BigQuery prunes. #}
{% macro compared_folded() -%}
{% for compared in landing.compared %}
{% if compared.leaf.type == "STRING" and compared.names %}ifnull(lower({{ fold(raw_text(compared.leaf)) }}) in ({% for name in compared.names %}lower({{ fold("@" ~ name) }}){{ ", " if not loop.last }}{% endfor %}), true)
{%- else %}{{ may_belong(compared) }}{% endif %}{{ " and " if not loop.last }}
{%- endfor %}
{%- endmacro %}
{% set step = reported.step | join(" ") %}
{% set has_start = landing.leaves.period_start | length > 0 %}
{% set has_end = landing.leaves.period_end | length > 0 %}
{% set placed = day("period_start") if has_start else day("period_end") %}
{% set from, to = "date_sub(@first_day, interval 400 day)", "date_add(@first_day, interval 3660 day)" %}
with landed as (
{% for table in landing.tables %}
    select
{% if has_start %}
        {{ placed }} as first_day,
{% elif reported == period %}
        {{ first_of(reported.unit, placed) }} as first_day,
{% else %}
        date_sub({{ placed }}, interval 6 day) as first_day,
{% endif %}
        {{ day("period_end") if has_end else "cast(null as date)" }} as last_day,
        {{ fold(text("asin")) }} as asin,
        {{ fold(text("search_query")) }} as search_query,
        {{ report() }} as report_period,
        {{ unclear() }} as unclear,
{% if landing.compared %}
        concat({% for compared in landing.compared %}if({{ may_belong(compared) }}, '', concat('{{ compared.leaf.label }} ', ifnull({{ raw_text(compared.leaf) }}, 'null'), '. ')){{ ", " if not loop.last }}{% endfor %}) as other,
        {{ compared_folded() }} as is_misspelled
{% else %}
        '' as other,
        false as is_misspelled
{% endif %}
    from {{ scanned(table) }}
    where
        {{ placed }} between {{ from }} and {{ to }}
{% set pruned = landing.pruned(table, 0) %}
{% if pruned %}
        and {{ prunes(pruned, from, to) }}
{% endif %}
{% if not loop.last %}
    union all
{% endif %}
{% endfor %}
),

compared as (
    select
        *,
        first_day between @first_day and @last_day as is_near,
        other != '' as is_elsewhere,
        if(first_day between @first_day and @last_day and other != '', regexp_replace(other, r'[. ]+$', ''), null) as near_by,
        ifnull(report_period, '') != @report_period as is_other_report,
        first_day = {{ first_of(reported.unit, "first_day") }}
            and ifnull(last_day = {{ last_of("first_day", step) }}, {{ "false" if has_end else "true" }})
            and regexp_contains(asin, r'^[A-Za-z0-9]{10}$')
            and search_query != '' as is_sound
    from landed
)

select
    max(if(
        is_sound and not is_near and not is_elsewhere and not is_other_report and unclear = '',
        first_day,
        null
    )) as newest_day,
    countif(is_near and is_elsewhere) as elsewhere,
    string_agg(distinct near_by, '; ' order by near_by limit 5) as other,
    min(if(is_near and is_elsewhere and is_misspelled, other, null)) as misspelled,
    countif(is_near and is_other_report and not is_elsewhere) as other_reports,
    min(if(is_near and is_other_report and not is_elsewhere, report_period, null)) as other_report
from compared
