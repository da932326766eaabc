{% from "macros.sql" import first_of, fold, last_of %}
{# What the source has near a period without a usable row, for the error of that period. One scan, which is bounded, so
   that BigQuery prunes. #}
{% set step = reported.step | join(" ") %}
with landed as (
    select
{% if columns.period_start %}
        {{ columns.period_start }} as first_day,
{% elif reported == period %}
        {{ first_of(reported.unit, columns.period_end) }} as first_day,
{% else %}
        date_sub({{ columns.period_end }}, interval 6 day) as first_day,
{% endif %}
        {{ columns.period_end or "cast(null as date)" }} as last_day,
        {{ fold(columns.asin) }} as asin,
        {{ fold(columns.search_query) }} as search_query,
        {{ "lower(" ~ fold(columns.report_period) ~ ")" if columns.report_period else "lower(@report_period)" }} as report_period,
        {{ fold(columns.marketplace) if columns.marketplace else "cast(null as string)" }} as marketplace
    from `{{ source }}` as landed_row
    where
        {{ columns.period_start or columns.period_end }}
        between date_sub(@first_day, interval 400 day) and date_add(@first_day, interval 3660 day)
),

compared as (
    select
        *,
        first_day between @first_day and @last_day as is_near,
        {{ "ifnull(marketplace, '') not in (@marketplace, '')" if columns.marketplace else "false" }} as is_elsewhere,
        ifnull(report_period, '') != lower(@report_period) as is_other_report,
        first_day = {{ first_of(reported.unit, "first_day") }}
            and ifnull(last_day = {{ last_of("first_day", step) }}, {{ "false" if columns.period_end else "true" }})
            and regexp_contains(asin, r'^[A-Za-z0-9]{10}$')
            and search_query != '' as is_sound
    from landed
)

select
    max(if(
        is_sound and not is_near and not is_elsewhere and not is_other_report{{ " and marketplace != ''" if columns.marketplace }},
        first_day,
        null
    )) as newest_day,
    countif(is_near and is_elsewhere) as elsewhere,
{% if columns.marketplace %}
    min(if(is_near and is_elsewhere and lower(marketplace) = lower(@marketplace), marketplace, null)) as misspelled,
    min(if(is_near and is_elsewhere, marketplace, null)) as other_marketplace,
{% else %}
    cast(null as string) as misspelled,
    cast(null as string) as other_marketplace,
{% endif %}
    countif(is_near and is_other_report and not is_elsewhere) as other_reports,
    min(if(is_near and is_other_report and not is_elsewhere, upper(report_period), null)) as other_report
from compared
