-- The log of runs: one row for each run, with its earlier attempts in sync_metadata.


-- name: start_sync
-- A cleared run resumes its own row as a new attempt. The outcome of the last attempt moves to sync_metadata.
insert into sync_log as s (
    sync_type, sync_status, started_at, source_table, target_table, period_start, period_end,
    dag_id, run_id, attempt, sync_metadata
)
values (
    %(sync_type)s, 'started', clock_timestamp(), %(source_table)s, %(target_table)s, %(period_start)s, %(period_end)s,
    %(dag_id)s, %(run_id)s, 1, jsonb_build_object('options', %(options)s::jsonb, 'attempts', '[]'::jsonb)
)
on conflict (dag_id, run_id) do update set
    sync_type = excluded.sync_type,
    sync_status = 'started',
    started_at = excluded.started_at,
    completed_at = null,
    source_table = excluded.source_table,
    target_table = excluded.target_table,
    period_start = excluded.period_start,
    period_end = excluded.period_end,
    attempt = s.attempt + 1,
    records_processed = 0,
    records_inserted = 0,
    records_updated = 0,
    records_failed = 0,
    error_message = null,
    error_details = null,
    sync_metadata = jsonb_build_object(
        'options', %(options)s::jsonb,
        'attempts', coalesce(s.sync_metadata -> 'attempts', '[]'::jsonb) || jsonb_build_array(jsonb_build_object(
            'attempt', s.attempt,
            'started_at', s.started_at,
            'completed_at', s.completed_at,
            'status', s.sync_status,
            'outcome', s.sync_metadata ->> 'outcome',
            'inserted', s.records_inserted,
            'updated', s.records_updated,
            'rejects', s.records_failed,
            'error_message', s.error_message,
            'bytes_processed', s.sync_metadata -> 'snapshot' -> 'bytes_processed'
        ))
    )
returning id, attempt;


-- name: read_sync
select
    s.id, s.attempt, s.sync_status, s.sync_type, s.period_start, s.started_at, s.dag_id, s.run_id, s.sync_metadata,
    partition_name(t.target_table, s.period_start) as partition_name
from sync_log as s
join period_type as t on t.sync_type = s.sync_type
where s.id = %(sync_log_id)s;


-- name: read_attempt
-- The outcome and the snapshot of the attempt, and how the previous attempt finished. Locked, so that a publish that is
-- about to commit has its outcome there.
select
    sync_metadata ->> 'outcome' as outcome,
    sync_metadata -> 'snapshot' as snapshot,
    sync_metadata -> 'attempts' -> -1 as previous
from sync_log
where id = %(sync_log_id)s and attempt = %(attempt)s
for no key update;


-- name: current_attempt
-- Locked until the end of the transaction, so that no newer attempt can start between this check and the commit.
select attempt, sync_status
from sync_log
where id = %(sync_log_id)s
for share;


-- name: newer_run
-- A run of the same period that started after this one, and is running or completed.
select n.id, n.run_id, n.started_at, n.sync_status
from counted_run as n
where
    n.sync_type = %(sync_type)s
    and n.period_start = %(period_start)s
    and n.id <> %(sync_log_id)s
    and (n.started_at, n.id) > (%(started_at)s, %(sync_log_id)s)
    and n.sync_status in ('started', 'completed')
order by n.started_at desc
limit 1;


-- name: record_snapshot
-- Written before anything is loaded, so that the row of a run that fails later has its rejects too.
update sync_log set
    records_failed = %(rejects)s,
    sync_metadata = sync_metadata || jsonb_build_object('snapshot', %(snapshot)s::jsonb)
where id = %(sync_log_id)s and attempt = %(attempt)s;


-- name: record_counts
update sync_log set
    records_processed = %(processed)s,
    records_inserted = %(inserted)s,
    records_updated = %(updated)s,
    sync_metadata = sync_metadata || %(metadata)s::jsonb
where id = %(sync_log_id)s and attempt = %(attempt)s;


-- name: finish_sync
-- Only the current attempt may finish the run.
update sync_log set
    sync_status = %(sync_status)s,
    completed_at = clock_timestamp(),
    error_message = %(error_message)s,
    error_details = %(error_details)s::jsonb
where id = %(sync_log_id)s and attempt = %(attempt)s;
