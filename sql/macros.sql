{# What several statements say of a landed row. #}
{# Trim a text and replace each white space inside it by one space. Unicode has more white space than trim() knows. #}
{% macro fold(text) %}trim(regexp_replace({{ text }}, r'[\s\x0b\x{85}\p{Z}]+', ' ')){% endmacro %}
{# Only ASCII letters, because an ASIN or a currency has no others, and upper() would turn a dotless i into one. #}
{% macro ascii_upper(text) %}translate({{ text }}, 'abcdefghijklmnopqrstuvwxyz', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'){% endmacro %}
{# 65359 millionths as Postgres writes numeric(10,6): 0.065359. #}
{% macro decimal(number, places) -%}
concat(cast(div({{ number }}, {{ 10 ** places }}) as string), '.', lpad(cast(mod({{ number }}, {{ 10 ** places }}) as string), {{ places }}, '0'))
{%- endmacro %}
{% macro last_of(first_day, step) %}date_sub(date_add({{ first_day }}, interval {{ step }}), interval 1 day){% endmacro %}
{% macro first_of(unit, day) -%}
{% if unit == "week" %}date_sub({{ day }}, interval (extract(dayofweek from {{ day }}) - 1) day)
{%- else %}cast(date_trunc({{ day }}, {{ unit }}) as date){% endif %}
{%- endmacro %}
{# One of 4,096 buckets, by the key of a row; sql/queries/proof.sql has the same for Postgres. #}
{% macro bucket() %}cast(concat('0x', substr(to_hex(md5(concat(asin, query))), 1, 3)) as int64){% endmacro %}
