{% from "fold.sql" import fold %}
{# The newest period that the source has, for the error of an empty period. It is bounded, so that BigQuery prunes. #}
select max({{ columns.period_start or columns.period_end }}) as newest
from `{{ source }}` as landed_row
where
    {{ columns.period_start or columns.period_end }} >= date_sub(@first_day, interval 400 day)
{% if columns.report_period %}
    and lower({{ fold(columns.report_period) }}) = lower(@report_period)
{% endif %}
{% if columns.marketplace %}
    and {{ fold(columns.marketplace) }} = @marketplace
{% endif %}
