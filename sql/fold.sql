{# Trim a text and replace each white space inside it by one space. Unicode has more white space than trim() knows. #}
{% macro fold(text) %}trim(regexp_replace({{ text }}, r'[\s\x0b\x{85}\p{Z}]+', ' ')){% endmacro %}
