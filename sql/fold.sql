{# A text without white space around it, and with one space for any inside: Unicode has more of them than trim() knows. #}
{% macro fold(text) %}trim(regexp_replace({{ text }}, r'[\s\x0b\x{85}\p{Z}]+', ' ')){% endmacro %}
