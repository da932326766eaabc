-- Indexes of tables that may hold rows already, built while they stay readable and writable. A partitioned table got its
-- own when it was created. What an interrupted build left behind is dropped first: "if not exists" would keep it, invalid.
-- The key's index is not unique, because an adopted table may hold a key twice.

create or replace function pg_temp.is_plain(p_table text) returns boolean
language sql
as $$
    select relkind = 'r' from pg_class where oid = p_table::regclass
$$;


create or replace function pg_temp.is_left_invalid(p_index text) returns boolean
language sql
as $$
    select exists (select from pg_index where indexrelid = to_regclass(p_index) and not indisvalid)
$$;


-- outside a transaction, when pg_temp.is_left_invalid('weekly_summary_period_start_query_asin_idx')
drop index concurrently weekly_summary_period_start_query_asin_idx;

-- outside a transaction, when pg_temp.is_plain('weekly_summary')
create index concurrently if not exists weekly_summary_period_start_query_asin_idx
on weekly_summary (period_start, query, asin);


-- outside a transaction, when pg_temp.is_left_invalid('weekly_summary_sync_log_id_idx')
drop index concurrently weekly_summary_sync_log_id_idx;

-- outside a transaction, when pg_temp.is_plain('weekly_summary')
create index concurrently if not exists weekly_summary_sync_log_id_idx
on weekly_summary (sync_log_id) where sync_log_id is not null;


-- outside a transaction, when pg_temp.is_left_invalid('monthly_summary_period_start_query_asin_idx')
drop index concurrently monthly_summary_period_start_query_asin_idx;

-- outside a transaction, when pg_temp.is_plain('monthly_summary')
create index concurrently if not exists monthly_summary_period_start_query_asin_idx
on monthly_summary (period_start, query, asin);


-- outside a transaction, when pg_temp.is_left_invalid('monthly_summary_sync_log_id_idx')
drop index concurrently monthly_summary_sync_log_id_idx;

-- outside a transaction, when pg_temp.is_plain('monthly_summary')
create index concurrently if not exists monthly_summary_sync_log_id_idx
on monthly_summary (sync_log_id) where sync_log_id is not null;


-- outside a transaction, when pg_temp.is_left_invalid('quarterly_summary_period_start_query_asin_idx')
drop index concurrently quarterly_summary_period_start_query_asin_idx;

-- outside a transaction, when pg_temp.is_plain('quarterly_summary')
create index concurrently if not exists quarterly_summary_period_start_query_asin_idx
on quarterly_summary (period_start, query, asin);


-- outside a transaction, when pg_temp.is_left_invalid('quarterly_summary_sync_log_id_idx')
drop index concurrently quarterly_summary_sync_log_id_idx;

-- outside a transaction, when pg_temp.is_plain('quarterly_summary')
create index concurrently if not exists quarterly_summary_sync_log_id_idx
on quarterly_summary (sync_log_id) where sync_log_id is not null;


-- outside a transaction, when pg_temp.is_left_invalid('idx_weekly_summary_sync')
drop index concurrently idx_weekly_summary_sync;

-- outside a transaction, when pg_temp.is_plain('weekly_summary')
create index concurrently if not exists idx_weekly_summary_sync
on weekly_summary (last_synced_at, bigquery_sync_id);


-- outside a transaction, when pg_temp.is_left_invalid('sync_log_sync_type_period_start_started_at_idx')
drop index concurrently sync_log_sync_type_period_start_started_at_idx;

-- outside a transaction, when true
create index concurrently if not exists sync_log_sync_type_period_start_started_at_idx
on sync_log (sync_type, period_start, started_at desc);
