-- The least that is needed to copy a week's rows into a table with the target's key and indexes.


-- name: create_schema
create schema if not exists bench_limit;


-- name: drop_table
drop table if exists bench_limit.week;


-- name: create_table
create table bench_limit.week (like sqp.weekly_summary including defaults including constraints);


-- name: set_constants
alter table bench_limit.week
    alter column period_start set default {period_start},
    alter column period_end set default {period_end},
    alter column bigquery_sync_id set default 'limit',
    alter column sync_log_id set default {sync_log_id},
    alter column last_synced_at set default now();


-- name: copy_rows
copy bench_limit.week ({columns}) from stdin (format binary, freeze);


-- name: sort_in_memory
set local maintenance_work_mem = '256MB';


-- name: add_key
alter table bench_limit.week add primary key (period_start, query, asin);


-- name: add_sync_index
create index on bench_limit.week (last_synced_at, bigquery_sync_id);


-- name: add_reference_index
create index on bench_limit.week (sync_log_id) where sync_log_id is not null;


-- name: add_reference
alter table bench_limit.week add foreign key (sync_log_id) references sqp.sync_log (id);
