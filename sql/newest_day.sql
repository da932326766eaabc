{# The newest period the source has, for the message of an empty one. #}
select max({{ columns.period_start or columns.period_end }}) as newest
from `{{ source }}`
{% if columns.marketplace %}
where {{ columns.marketplace }} = @marketplace
{% endif %}
