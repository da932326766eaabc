{# How the statements read a landed row. `landing` says where each logical column is; a column can have several places, of
   which the first that says something counts. Imported with context. #}
{% from "macros.sql" import ascii_upper, fold %}
{% macro raw_text(leaf) %}{% if leaf.type == "STRING" %}{{ leaf.sql }}{% else %}cast({{ leaf.sql }} as string){% endif %}{% endmacro %}
{% macro text_of(leaf) %}{% if leaf.pattern %}regexp_extract({{ raw_text(leaf) }}, {{ leaf.pattern }}){% else %}{{ raw_text(leaf) }}{% endif %}{% endmacro %}
{% macro folded_or_null(leaf) %}nullif({{ fold(text_of(leaf)) }}, ''){% endmacro %}
{% macro says_something(leaf) %}{{ folded_or_null(leaf) if leaf.type == "STRING" or leaf.pattern else leaf.sql }} is not null{% endmacro %}
{# Not the first that can be read: what cannot be read is a reject, and no reason to take another column's value. #}
{% macro first_of_all(key, read) -%}
{% set leaves = landing.leaves[key] %}
{% if leaves | length > 1 %}case{% for leaf in leaves[:-1] %} when {{ says_something(leaf) }} then {{ read(leaf) }}{% endfor %} else {{ read(leaves[-1]) }} end{% else %}{{ read(leaves[0]) }}{% endif %}
{%- endmacro %}
{% macro text(key) %}{{ first_of_all(key, text_of) }}{% endmacro %}
{# Some landings write 0001-01-01 or 9999-12-31 for a missing date. In another time zone that is a day that BigQuery does
   not know, and one such row would fail the statement for every period. #}
{% macro within_all_zones(leaf) -%}
if({{ leaf.sql }} between cast('0001-01-02' as {{ leaf.type | lower }}) and cast('9999-12-30' as {{ leaf.type | lower }}), {{ leaf.sql }}, null)
{%- endmacro %}
{% macro day_of(leaf) -%}
{% if leaf.type == "DATE" %}{{ leaf.sql }}
{%- elif leaf.type == "DATETIME" %}date({{ leaf.sql }})
{%- elif leaf.type == "TIMESTAMP" %}date({{ within_all_zones(leaf) }}, '{{ leaf.time_zone }}')
{%- else %}safe.parse_date('{{ leaf.format }}', trim({{ text_of(leaf) }})){% endif %}
{%- endmacro %}
{% macro day(key) %}{{ first_of_all(key, day_of) }}{% endmacro %}
{% macro zone(leaf) %}{{ ", '" ~ leaf.time_zone ~ "'" if leaf.time_zone }}{% endmacro %}
{% macro counted(leaf, number) %}safe.timestamp_{{ {"seconds": "seconds", "milliseconds": "millis", "microseconds": "micros"}[leaf.unit] }}({{ number }}){% endmacro %}
{% macro moment_of(leaf) -%}
{% if leaf.type == "TIMESTAMP" %}{{ leaf.sql }}
{%- elif leaf.type in ("DATETIME", "DATE") %}timestamp({{ within_all_zones(leaf) if leaf.time_zone else leaf.sql }}{{ zone(leaf) }})
{%- elif leaf.type == "INTEGER" %}{{ counted(leaf, leaf.sql) }}
{%- elif leaf.unit %}{{ counted(leaf, "safe_cast(trim(" ~ text_of(leaf) ~ ") as int64)") }}
{%- elif leaf.format %}safe.parse_timestamp('{{ leaf.format }}', trim({{ text_of(leaf) }}){{ zone(leaf) }})
{%- else %}safe_cast(trim({{ text_of(leaf) }}) as timestamp){% endif %}
{%- endmacro %}
{% macro moment(key) %}{{ first_of_all(key, moment_of) }}{% endmacro %}
{# A number that landed as text or float; null if it is missing or not a whole number. Commas may separate thousands,
   and the fraction may be zero. A looser rule would read 12,5 as 125. #}
{% macro number_of(leaf) -%}
{% if leaf.type == "INTEGER" %}{{ leaf.sql }}
{%- elif leaf.type == "STRING" -%}
if(
            regexp_contains({{ fold(leaf.sql) }}, r'^[+-]?([0-9]+|[0-9]{1,3}(,[0-9]{3})+)([.]0{1,2})?$'),
            safe_cast(regexp_replace(replace({{ fold(leaf.sql) }}, ',', ''), r'[.]0+$', '') as int64),
            null
        )
{%- else %}if({{ leaf.sql }} = trunc({{ leaf.sql }}), safe_cast({{ leaf.sql }} as int64), null){% endif %}
{%- endmacro %}
{% macro number(key) %}{% if landing.leaves[key] %}{{ first_of_all(key, number_of) }}{% else %}cast(null as int64){% endif %}{% endmacro %}
{# A price in ten-thousandths, read from its text, because a number of two powers is not what it says. Commas may only
   separate thousands of an amount that also has a point: 1,234 is a thousand to some and one to others. #}
{% macro amount_text(leaf) %}{{ "cast(round(" ~ leaf.sql ~ ", 9) as string)" if leaf.type == "FLOAT" else fold(raw_text(leaf)) }}{% endmacro %}
{% macro amount_of(leaf) -%}
if(
            regexp_contains({{ amount_text(leaf) }}, r'^[+-]?([0-9]+([.][0-9]{1,{{ price_places }}}0*)?|[0-9]{1,3}(,[0-9]{3})+[.][0-9]{1,{{ price_places }}}0*)$'),
            safe_cast(concat(
                regexp_extract(replace({{ amount_text(leaf) }}, ',', ''), r'^[^.]+'),
                rpad(ifnull(regexp_extract({{ amount_text(leaf) }}, r'[.]([0-9]{1,{{ price_places }}})'), ''), {{ price_places }}, '0')
            ) as int64),
            null
        )
{%- endmacro %}
{% macro amount(key) %}{{ first_of_all(key, amount_of) }}{% endmacro %}
{% macro currency(key) %}if(regexp_contains({{ fold(text(key)) }}, r'^[A-Za-z]{3}$'), {{ ascii_upper(fold(text(key))) }}, null){% endmacro %}
{% macro shown_of(leaf) %}{{ folded_or_null(leaf) }}{% endmacro %}
{# What stands where a value should be that could not be read, such as "clicks 12,5. ". #}
{% macro unreadable(key, value) %}if({{ value }} is null, ifnull(concat('{{ key }} ', {{ first_of_all(key, shown_of) }}, '. '), ''), ''){% endmacro %}
{% macro report_of(leaf) %}lower({{ fold(text_of(leaf)) }}){% endmacro %}
{# Which report a row is of: week, month or quarter, else what it says. #}
{% macro report() -%}
{% if landing.fixed_report %}'{{ landing.fixed_report }}'
{%- elif not landing.leaves.report_period %}@report_period
{%- else %}case{% for word, names in landing.report_names.items() %}

            when {{ first_of_all("report_period", report_of) }} in ({% for name in names %}lower(@{{ name }}){{ ", " if not loop.last }}{% endfor %}) then '{{ word }}'{% endfor %}

            else {{ first_of_all("report_period", report_of) }}
        end
{%- endif %}
{%- endmacro %}
{% macro value_of(compared) -%}
{% if compared.leaf.type != "STRING" %}{{ compared.leaf.sql }}
{%- elif compared.condition.fold %}lower({{ fold(text_of(compared.leaf)) }})
{%- else %}{{ text_of(compared.leaf) }}{% endif %}
{%- endmacro %}
{% macro values_of(compared) -%}
{% for name in compared.names %}{{ "lower(@" ~ name ~ ")" if compared.condition.fold else "@" ~ name }}{{ ", " if not loop.last }}{% endfor %}
{%- endmacro %}
{# Whether a row may belong to the feed. One that does not say is kept, because it may not vanish: it is rejected. #}
{% macro may_belong(compared) -%}
{% set values = values_of(compared) %}
{% if compared.leaf.type == "STRING" %}ifnull({{ value_of(compared) ~ " in (" ~ values ~ ") or " if values }}{{ does_not_say(compared) }}, true)
{%- elif values %}ifnull({{ value_of(compared) }} in ({{ values }}), true)
{%- else %}{{ value_of(compared) }} is null{% endif %}
{%- endmacro %}
{% macro does_not_say(compared) %}{% if compared.leaf.type == "STRING" %}ifnull({{ fold(text_of(compared.leaf)) }}, '') = ''{% else %}{{ value_of(compared) }} is null{% endif %}{% endmacro %}
{# The same once more and a little wider, in comparisons of the column as it is: BigQuery skips blocks of a clustered
   table for no others. A text of white space alone begins below ! or beyond ~. #}
{% macro skips_blocks(compared) -%}
{% set column = compared.leaf.sql %}
({{ column ~ " in (" ~ values_of(compared) ~ ") or " if compared.names }}{{ column }} is null{{ " or " ~ column ~ " < '!' or " ~ column ~ " > '~'" if compared.leaf.type == "STRING" }})
{%- endmacro %}
{# The columns that source.where compares and that are empty in this row. #}
{% macro unclear() -%}
{% set asked = landing.compared | rejectattr("condition.takes_empty") | list %}
{% if asked %}concat({% for compared in asked %}if({{ does_not_say(compared) }}, '{{ compared.leaf.label }}. ', ''){{ ", " if not loop.last }}{% endfor %}){% else %}''{% endif %}
{%- endmacro %}
{# What may tell feeds apart, and nobody has said whether it does: "country US, account 7". #}
{% macro feed() -%}
{% if landing.undecided %}concat({% for leaf in landing.undecided %}@feed_{{ loop.index0 }}, ' ', ifnull({{ raw_text(leaf) }}, 'null'){{ ", ', ', " if not loop.last }}{% endfor %}){% else %}cast(null as string){% endif %}
{%- endmacro %}
{# One condition on the partitioning column alone: BigQuery prunes by no other, and may refuse a statement without. #}
{% macro prunes(pruned, first, last) -%}
{% set column = pruned.leaf.sql %}
{% set kind = pruned.leaf.type %}
{% if pruned.shift is none %}
{% if kind == "INTEGER" %}({{ column }} >= 0 or {{ column }} < 0 or {{ column }} is null)
{%- else %}({{ column }} >= cast('0001-01-01' as {{ kind | lower }}) or {{ column }} is null){% endif %}
{%- else %}
{% set from = "date_add(" ~ first ~ ", interval " ~ (pruned.shift - pruned.margin) ~ " day)" %}
{% set to = "date_add(" ~ last ~ ", interval " ~ (pruned.shift + pruned.margin) ~ " day)" %}
{% if kind == "DATE" %}({{ column }} between {{ from }} and {{ to }} or {{ column }} is null)
{%- elif kind == "DATETIME" %}({{ column }} >= datetime({{ from }}) and {{ column }} < datetime(date_add({{ to }}, interval 1 day)) or {{ column }} is null)
{%- else %}({{ column }} >= timestamp(date_sub({{ from }}, interval 1 day)) and {{ column }} < timestamp(date_add({{ to }}, interval 2 day)) or {{ column }} is null){% endif %}
{% endif %}
{%- endmacro %}
{% macro scanned(table) -%}
`{{ table.name }}` as landed_row{{ " cross join unnest(" ~ landing.entries ~ ") as entry" if landing.entries }}
{%- endmacro %}
