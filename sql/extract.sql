{# The snapshot of one sync: a clean row for each key, and every malformed row with its reason.
   sqp_provider/sql_files.py renders it from the settings; values are sent as @parameters. #}
create or replace table `{{ snapshot }}`
options (
    expiration_timestamp = timestamp_add(current_timestamp(), interval {{ snapshot_hours }} hour),
    description = 'SQP snapshot of one {{ sync_type }} period'
) as
{% include "source_rows.sql" %}
