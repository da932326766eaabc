{# The snapshot of one sync: a clean row for each key, and every malformed row with its reason.
   Rendered by sqp_provider/sql_files.py from the settings; @parameters are values and travel as such. #}
create or replace table `{{ snapshot }}`
options (
    expiration_timestamp = timestamp_add(current_timestamp(), interval {{ snapshot_hours }} hour),
    description = 'SQP snapshot of one {{ sync_type }} period'
) as
{% include "source_rows.sql" %}
