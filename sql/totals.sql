{# The totals of a snapshot: the source side of every check, and the input of the fingerprint. Without a snapshot, the
   same totals of each period of a window, read from the source.
   Postgres computes row_hash again over the staged rows (row_hash() of schema/1_figures.sql). Both texts must be equal,
   so the figures are written as Postgres writes a row: (1200,34,,0.028333). Extras follow on a line of their own, if the
   row has any. #}
{% macro hash_of() %}cast(concat('0x', substr(to_hex(md5(concat({{ caller() }}))), 1, 15)) as int64){% endmacro %}
{% from "macros.sql" import decimal %}
{% macro as_text(column) %}{% if column in price_columns %}{{ decimal(column, price_places) }}{% else %}cast({{ column }} as string){% endif %}{% endmacro %}
select
{% if not snapshot %}
    period_start,
{% endif %}
    countif(reject_reason is null) as row_count,
    min(first_feed) as first_feed,
    max(last_feed) as last_feed,
    count(distinct if(reject_reason is null, concat(asin, '|', query), null)) as key_count,
    countif(reject_reason is not null) as reject_count,
    cast(ifnull(sum(source_rows), 0) as int64) as source_rows,
    cast(ifnull(sum(merged_rows), 0) as int64) as merged_rows,
    cast(ifnull(sum(differing_rows), 0) as int64) as differing_rows,
    ifnull(bit_xor(if(
        reject_reason is null,
        {% call hash_of() %}asin, '('
            {% for column in counts %}, ifnull(cast({{ column }} as string), ''), ','{% endfor %}

            {% for r in rates %}, ifnull({{ decimal(r.column, 6) }}, ''), '{{ ")" if loop.last else "," }}'{% endfor %}

            , query{% if extras %}, if(
                coalesce({% for column in extras %}{{ as_text(column) }}{{ ", " if not loop.last }}{% endfor %}) is null,
                '',
                concat('\n('{% for column in all_extras %}{% if column in extras %}, ifnull({{ as_text(column) }}, ''){% endif %}, '{{ ")" if loop.last else "," }}'{% endfor %})
            ){% endif %}{% endcall %},
        0
    )), 0) as row_hash,
    ifnull(bit_xor(if(
        reject_reason is not null,
        {% call hash_of() %}reject_reason, raw{% endcall %},
        0
    )), 0) as reject_hash,
{% for metric in metrics %}
    cast(ifnull(sum(if(reject_reason is null, {{ metric.column }}, 0)), 0) as int64) as {{ metric.column }},
    cast(ifnull(sum({{ metric.column }}_nulls), 0) as int64) as {{ metric.column }}_nulls{{ "," if not loop.last }}
{% endfor %}
{% if snapshot %}
from `{{ snapshot }}`
{% else %}
from (
{% include "source_rows.sql" %}
)
group by period_start
{% endif %}
