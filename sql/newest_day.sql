{# The newest period the source has, for the message of an empty one; bounded, so that it prunes as well. #}
select max({{ columns.period_start or columns.period_end }}) as newest
from `{{ source }}` as landed_row
where
    {{ columns.period_start or columns.period_end }} >= date_sub(@first_day, interval 400 day)
{% if columns.marketplace %}
    and {{ columns.marketplace }} = @marketplace
{% endif %}
