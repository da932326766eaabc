-- What the benchmark of many feeds reads from the target, from Airflow's metadata database and about the server.


-- name: published_weeks
select
    {feed} as client,
    period_start::text as period_start,
    count(*) as row_count,
    sum(total_impressions)::bigint as impressions,
    sum(total_clicks)::bigint as clicks,
    sum(total_cart_adds)::bigint as cart_adds,
    sum(total_purchases)::bigint as purchases,
    sum(('x' || substr(md5(concat_ws(
        '|', period_start, period_end, asin, query, total_impressions, total_clicks, total_cart_adds, total_purchases,
        market_impressions, market_clicks, market_cart_adds, market_purchases, query_score, query_volume,
        (avg_ctr * 1000000)::bigint, (avg_cvr * 1000000)::bigint, (impression_share * 1000000)::bigint,
        (click_share * 1000000)::bigint, (cart_add_share * 1000000)::bigint, (purchase_share * 1000000)::bigint
    )), 1, 10))::bit(40)::bigint)::bigint as row_hash
from {schema}.weekly_summary
group by period_start;


-- name: published_sums
select
    {feed} as client,
    period_start::text as period_start,
    count(*) as row_count,
    sum(total_impressions)::bigint as impressions,
    sum(total_clicks)::bigint as clicks,
    sum(total_cart_adds)::bigint as cart_adds,
    sum(total_purchases)::bigint as purchases,
    sum(('x' || substr(md5(concat_ws(
        '|', period_start, asin, query, total_impressions, total_clicks, total_cart_adds, total_purchases
    )), 1, 10))::bit(40)::bigint)::bigint as row_hash
from {schema}.{table}
group by period_start;


-- name: unsure
-- Periods that the feed itself does not call right; what nobody has asked the source about is left out.
select {feed} as client, sync_type, period_start::text as period_start, status
from {schema}.period_status
where status in ('outdated', 'failed', 'restated', 'changed');


-- name: run_states
select coalesce(state, 'none') as state, count(*) as runs from dag_run where dag_id like %(dags)s group by 1;


-- name: finished_tasks
select count(*) as tasks from task_instance where dag_id like %(dags)s and end_date is not null;


-- name: dags_found
select count(*) as dags from dag where not is_stale and dag_id like 'sqp%%';


-- name: runs
select
    count(*) as runs,
    count(*) filter (where state = 'success') as succeeded,
    count(*) filter (where run_type = 'scheduled') as scheduled,
    max(end_date) as ended_at,
    percentile_cont(0.5) within group (order by extract(epoch from end_date - start_date)) as run_seconds,
    max(extract(epoch from end_date - start_date)) as longest_run_seconds
from dag_run
where dag_id like %(dags)s;


-- name: tasks
-- queued: from the moment when a task could start until it is handed to the executor; starting: from then until it runs.
select
    task_id,
    count(*) as tasks,
    count(*) filter (where state = 'failed') as failed,
    sum(greatest(try_number - 1, 0)) as retries,
    percentile_cont(0.5) within group (order by extract(epoch from queued_dttm - scheduled_dttm)) as queued_median,
    percentile_cont(0.95) within group (order by extract(epoch from queued_dttm - scheduled_dttm)) as queued_95,
    percentile_cont(0.5) within group (order by extract(epoch from start_date - queued_dttm)) as starting_median,
    percentile_cont(0.95) within group (order by extract(epoch from start_date - queued_dttm)) as starting_95,
    percentile_cont(0.5) within group (order by duration) as seconds_median,
    percentile_cont(0.95) within group (order by duration) as seconds_95,
    sum(duration) as seconds
from task_instance
where dag_id like %(dags)s
group by task_id
order by min(start_date);


-- name: sync_errors
select left(error_message, 300) as error, count(*) as runs from {schema}.sync_log where sync_status <> 'completed' group by 1;


-- name: server
-- Counted since the server started, by database.
select
    datname as database,
    xact_commit + xact_rollback as transactions,
    xact_rollback as rollbacks,
    blks_read,
    blks_hit,
    tup_inserted + tup_updated + tup_deleted as tuples_written,
    temp_bytes,
    deadlocks,
    active_time / 1000 as active_seconds,
    pg_database_size(datname) as bytes
from pg_stat_database
where datname = any(%(databases)s);


-- name: wal
select wal_bytes, wal_records, wal_fpi from pg_stat_wal;


-- name: postmaster
select pg_backend_pid() as backend;


-- name: clients
select
    datname as database,
    count(*) as connections,
    count(*) filter (where state = 'active') as active
from pg_stat_activity
where datname = any(%(databases)s) and backend_type = 'client backend'
group by datname;


-- name: waits
-- What active statements wait for at this moment; a statement that waits for nothing computes.
select datname as database, coalesce(wait_event_type || '/' || wait_event, 'computing') as wait, count(*) as statements
from pg_stat_activity
where datname = any(%(databases)s) and backend_type = 'client backend' and state = 'active'
group by 1, 2;


-- name: lock_waits
select d.datname as database, max(extract(epoch from clock_timestamp() - l.waitstart)) as seconds
from pg_locks as l
join pg_stat_activity as d on d.pid = l.pid
where not l.granted and d.datname = any(%(databases)s)
group by d.datname;
