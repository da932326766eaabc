-- The statements of the status page. None of them writes.


-- name: statement_timeout
select set_config('statement_timeout', %(milliseconds)s::text, true);


-- name: freshness
-- check_data_freshness() lacks the allowed age and the last sync of each table; table_freshness() has them.
select
    table_name,
    period_end as newest_day,
    days_old,
    days_allowed,
    is_stale,
    last_sync_log_id,
    last_status,
    left(last_error, 300) as last_error,
    current_timestamp as asked_at
from table_freshness();


-- name: latest
-- The last run of each type that counts: its time from get_latest_sync_status, and which run it is from counted_run.
select
    asked.sync_type,
    newest.id as sync_log_id,
    newest.period_start,
    newest.period_end,
    newest.started_at,
    newest.dag_id,
    newest.run_id,
    newest.sync_metadata ->> 'outcome' as outcome,
    status.last_sync_status,
    status.last_sync_time,
    status.records_processed,
    status.next_sync_due
from period_type as asked
left join lateral get_latest_sync_status(asked.sync_type) as status on true
left join lateral (
    select id, period_start, period_end, started_at, dag_id, run_id, sync_metadata
    from counted_run
    where sync_type = asked.sync_type
    order by started_at desc, id desc
    limit 1
) as newest on true
order by asked.step;


-- name: periods
-- The newest periods of each type, oldest first: the requested number, else as many as the page shows of the type.
select
    p.sync_type,
    p.period_start,
    p.period_end,
    p.status,
    p.state,
    p.row_count,
    p.published_at,
    p.sync_log_id,
    p.last_sync_log_id,
    p.last_status,
    p.last_error,
    p.last_finished_at,
    p.source_row_count,
    p.source_seen_at,
    p.cause,
    p.verdict,
    p.coverage,
    p.asins_found,
    p.asins_expected,
    p.expected_by,
    p.weeks_published,
    p.weeks_total,
    p.trusted,
    p.why
from period_type as t
join period_status as p
    on p.sync_type = t.sync_type
    and p.period_start
        > current_date - t.step * (coalesce(%(periods)s::integer, (%(shown)s::jsonb ->> t.sync_type)::integer) + 1)
where %(sync_type)s::text is null or t.sync_type = %(sync_type)s
order by t.step, p.period_start;


-- name: activity
-- The last run that counts, and the bytes that BigQuery read for all attempts of all runs that started in the last days.
select
    newest.id as last_sync_log_id,
    newest.sync_status as last_status,
    coalesce(newest.completed_at, newest.started_at) as last_sync_at,
    spent.bytes_processed
from (
    select coalesce(sum(found.bytes_processed), 0)::bigint as bytes_processed
    from sync_log
    cross join lateral (
        select bytes::numeric as bytes_processed
        from jsonb_path_query(sync_metadata, '$.snapshot.bytes_processed ? (@.type() == "number")') as bytes
        union all
        select bytes::numeric
        from jsonb_path_query(sync_metadata, '$.attempts[*].bytes_processed ? (@.type() == "number")') as bytes
    ) as found
    where started_at > current_timestamp - make_interval(days => %(days)s)
) as spent
left join lateral (
    select id, sync_status, started_at, completed_at
    from counted_run
    order by started_at desc, id desc
    limit 1
) as newest on true;


-- name: failures
-- The newest runs that failed their period, unless a later run made it good or the period was deleted since.
select
    failed.id as sync_log_id,
    failed.sync_type,
    failed.period_start,
    failed.period_end,
    failed.started_at,
    failed.completed_at,
    failed.dag_id,
    failed.run_id,
    failed.error_details ->> 'stage' as stage,
    failed.error_details ->> 'type' as error_type,
    failed.error_message
from counted_run as failed
where
    failed.sync_status = 'failed'
    and failed.sync_metadata ->> 'outcome' is null
    and not exists (
        select from counted_run as later
        where
            later.sync_type = failed.sync_type
            and later.period_start = failed.period_start
            and (later.sync_status = 'completed' or later.sync_metadata ->> 'outcome' is not null)
            and later.completed_at > coalesce(failed.completed_at, failed.started_at)
    )
    and not exists (
        select from synced_period as ledger
        where
            ledger.sync_type = failed.sync_type
            and ledger.period_start = failed.period_start
            and ledger.state = 'deleted'
            and ledger.published_at > failed.completed_at
    )
order by failed.started_at desc
limit %(rows)s;


-- name: history
-- A page of runs, newest first. It starts below the last id of the page before, so that new runs do not shift pages.
select
    id as sync_log_id,
    sync_type,
    sync_status,
    period_start,
    period_end,
    started_at,
    completed_at,
    extract(epoch from completed_at - started_at)::float8 as seconds,
    attempt,
    dag_id,
    run_id,
    sync_metadata ->> 'outcome' as outcome,
    records_processed,
    records_inserted,
    records_updated,
    coalesce((sync_metadata ->> 'deleted')::bigint, 0) as records_deleted,
    records_failed as rejects,
    error_details ->> 'stage' as stage,
    left(error_message, 300) as error_message
from sync_log
where
    (%(sync_type)s::text is null or sync_type = %(sync_type)s)
    and (%(status)s::text is null or sync_status = %(status)s)
    and (%(period_from)s::date is null or period_start >= %(period_from)s)
    and (%(period_to)s::date is null or period_start <= %(period_to)s)
    and (%(dag_id)s::text is null or dag_id = %(dag_id)s)
    and (
        %(text)s::text is null
        or strpos(lower(concat_ws(' ', id, run_id, error_message)), lower(%(text)s)) > 0
    )
    and (%(before)s::bigint is null or id < %(before)s)
order by id desc
limit %(rows)s;


-- name: dags
-- The Dags that have runs in the log. The recursion jumps from one Dag to the next in the index.
with recursive dag (dag_id) as (
    select min(dag_id) from sync_log
    union all
    select (select min(later.dag_id) from sync_log as later where later.dag_id > dag.dag_id)
    from dag
    where dag.dag_id is not null
)

select dag_id from dag where dag_id is not null;


-- name: sync
select
    s.id as sync_log_id,
    s.sync_type,
    s.sync_status,
    s.started_at,
    s.completed_at,
    extract(epoch from s.completed_at - s.started_at)::float8 as seconds,
    s.source_table,
    s.target_table,
    s.period_start,
    s.period_end,
    s.records_processed,
    s.records_inserted,
    s.records_updated,
    s.records_failed as rejects,
    s.error_message,
    s.error_details,
    s.sync_metadata,
    s.dag_id,
    s.run_id,
    s.attempt,
    case when ledger.sync_log_id = s.id and ledger.attempt = s.attempt then ledger.published_at end as published_at
from sync_log as s
left join synced_period as ledger
    on ledger.sync_type = s.sync_type and ledger.period_start = s.period_start
where s.id = %(sync_log_id)s;


-- name: sync_of_run
select id as sync_log_id from sync_log where dag_id = %(dag_id)s and run_id = %(run_id)s;


-- name: checks
select
    attempt,
    check_type,
    check_status,
    column_name,
    source_value,
    target_value,
    difference,
    difference_pct,
    check_message,
    check_query,
    created_at
from data_quality_checks
where sync_log_id = %(sync_log_id)s
order by attempt desc nulls last, array_position(array['failed', 'warning', 'passed'], check_status), id
limit 500;


-- name: reject_reasons
-- How many rejects are kept for each reason and attempt, with the first three raw rows.
select
    attempt,
    reason,
    count(*) as rows,
    (array_agg(raw order by id))[1:3] as examples
from sync_rejects
where sync_log_id = %(sync_log_id)s
group by attempt, reason
order by attempt desc, count(*) desc, reason;


-- name: reject_columns
-- The names of the raw rows' columns, for the heading of a download.
select distinct jsonb_object_keys(raw) as name
from sync_rejects
where sync_log_id = %(sync_log_id)s and jsonb_typeof(raw) = 'object'
order by name;


-- name: rejects_after
-- The next rejects of a download. Each batch is a statement of its own, so that a slow reader holds no cursor open.
select id, attempt, reason, raw
from sync_rejects
where sync_log_id = %(sync_log_id)s and id > %(after)s
order by id
limit %(rows)s;
