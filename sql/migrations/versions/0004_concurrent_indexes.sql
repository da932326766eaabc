-- Indexes of tables that may hold rows already, built while they stay readable and writable. A partitioned table got its
-- own when it was created. What an interrupted build left behind is dropped first: "if not exists" would keep it, invalid.
-- The key's index is not unique, because an adopted table may hold a key twice. A table that has an index like ours,
-- under whatever name, gets none.

-- Whether a plain table lacks an index that begins with these columns, unique or not.
create or replace function pg_temp.lacks_index(p_table text, variadic p_columns text[]) returns boolean
language sql
as $$
    select
        (select relkind = 'r' from pg_class where oid = p_table::regclass)
        and not exists (
            select from pg_index as i
            where
                i.indrelid = p_table::regclass
                and i.indisvalid
                and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) = format('(%I IS NOT NULL)', p_columns[1]))
                and p_columns = array(
                    select a.attname::text
                    from unnest(i.indkey::smallint[]) with ordinality as k (attnum, position)
                    join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
                    where k.position <= cardinality(p_columns)
                    order by k.position
                )
        )
$$;


create or replace function pg_temp.is_left_invalid(p_index text) returns boolean
language sql
as $$
    select exists (select from pg_index where indexrelid = to_regclass(p_index) and not indisvalid)
$$;


-- outside a transaction, when pg_temp.is_left_invalid('weekly_summary_period_start_query_asin_idx')
drop index concurrently weekly_summary_period_start_query_asin_idx;

-- outside a transaction, when pg_temp.lacks_index('weekly_summary', 'period_start', 'query', 'asin')
create index concurrently if not exists weekly_summary_period_start_query_asin_idx
on weekly_summary (period_start, query, asin);


-- outside a transaction, when pg_temp.is_left_invalid('weekly_summary_sync_log_id_idx')
drop index concurrently weekly_summary_sync_log_id_idx;

-- outside a transaction, when pg_temp.lacks_index('weekly_summary', 'sync_log_id')
create index concurrently if not exists weekly_summary_sync_log_id_idx
on weekly_summary (sync_log_id) where sync_log_id is not null;


-- outside a transaction, when pg_temp.is_left_invalid('monthly_summary_period_start_query_asin_idx')
drop index concurrently monthly_summary_period_start_query_asin_idx;

-- outside a transaction, when pg_temp.lacks_index('monthly_summary', 'period_start', 'query', 'asin')
create index concurrently if not exists monthly_summary_period_start_query_asin_idx
on monthly_summary (period_start, query, asin);


-- outside a transaction, when pg_temp.is_left_invalid('monthly_summary_sync_log_id_idx')
drop index concurrently monthly_summary_sync_log_id_idx;

-- outside a transaction, when pg_temp.lacks_index('monthly_summary', 'sync_log_id')
create index concurrently if not exists monthly_summary_sync_log_id_idx
on monthly_summary (sync_log_id) where sync_log_id is not null;


-- outside a transaction, when pg_temp.is_left_invalid('quarterly_summary_period_start_query_asin_idx')
drop index concurrently quarterly_summary_period_start_query_asin_idx;

-- outside a transaction, when pg_temp.lacks_index('quarterly_summary', 'period_start', 'query', 'asin')
create index concurrently if not exists quarterly_summary_period_start_query_asin_idx
on quarterly_summary (period_start, query, asin);


-- outside a transaction, when pg_temp.is_left_invalid('quarterly_summary_sync_log_id_idx')
drop index concurrently quarterly_summary_sync_log_id_idx;

-- outside a transaction, when pg_temp.lacks_index('quarterly_summary', 'sync_log_id')
create index concurrently if not exists quarterly_summary_sync_log_id_idx
on quarterly_summary (sync_log_id) where sync_log_id is not null;


-- outside a transaction, when pg_temp.is_left_invalid('idx_weekly_summary_sync')
drop index concurrently idx_weekly_summary_sync;

-- outside a transaction, when pg_temp.lacks_index('weekly_summary', 'last_synced_at', 'bigquery_sync_id')
create index concurrently if not exists idx_weekly_summary_sync
on weekly_summary (last_synced_at, bigquery_sync_id);


-- outside a transaction, when pg_temp.is_left_invalid('sync_log_sync_type_period_start_started_at_idx')
drop index concurrently sync_log_sync_type_period_start_started_at_idx;

-- outside a transaction, when true
create index concurrently if not exists sync_log_sync_type_period_start_started_at_idx
on sync_log (sync_type, period_start, started_at desc);
