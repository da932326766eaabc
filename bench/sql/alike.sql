-- The table of ours without checks, keys of dlt: no key and no index, because dlt's upsert creates none. The report
-- shows what the catalogue says of both.


-- name: create_table
create table {table} (like sqp.weekly_summary including defaults);


-- name: set_constants
alter table {table}
    alter column period_start set default {first_day},
    alter column period_end set default {last_day},
    alter column bigquery_sync_id set default 'alike',
    alter column sync_log_id set default 1,
    alter column last_synced_at set default now();
