-- What the proof of a period or of a figure reads. All of it is read in transactions that can change nothing.


-- name: status
select * from period_status where sync_type = %(sync_type)s and period_start = %(period_start)s;


-- name: ledger
select * from synced_period where sync_type = %(sync_type)s and period_start = %(period_start)s;


-- name: running
-- The run that is syncing the period.
select coalesce(run_id, format('of sync_log %%s', id)) as run
from counted_run
where sync_type = %(sync_type)s and period_start = %(period_start)s and sync_status = 'started'
order by started_at desc, id desc
limit 1;


-- name: weeks
-- How the weeks of a month or quarter stand.
select period_start, status
from period_status
where sync_type = 'weekly' and period_start between %(first_day)s and %(last_day)s and status <> 'missing';


-- name: sync
-- A sync, with the snapshot of its last attempt. What an earlier attempt published is marked as such by the ledger.
select
    id,
    dag_id,
    run_id,
    attempt,
    sync_status,
    started_at,
    completed_at,
    sync_metadata #>> '{{snapshot,job_id}}' as job_id,
    sync_metadata #>> '{{snapshot,snapshot_at}}' as snapshot_at
from sync_log
where id = %(sync_log_id)s;


-- name: checks
select check_type, check_status, column_name, check_message
from data_quality_checks
where sync_log_id = %(sync_log_id)s and attempt = %(attempt)s
order by id;


-- name: has_rows
select exists (select from {target} where period_start = {first_day}) as found;


-- name: count_rows
select count(*) as row_count from {target} where period_start = {first_day} and {asked};


-- name: rows
-- The largest come first, because they are who a dashboard shows.
select * from {target}
where period_start = {first_day} and {asked}
order by total_impressions desc nulls last, query, asin
limit {most};


-- name: elsewhere
-- The newest periods that have the query or ASIN. Only a few periods are looked at: an ASIN alone has no index everywhere.
select newest.period_start
from (
    select period_start
    from synced_period
    where sync_type = {sync_type} and state <> 'deleted' and period_start <> {period_start}
    order by period_start desc
    limit {periods}
) as newest
cross join lateral (
    select from {target} as t where t.period_start = newest.period_start and {asked} limit 1
) as found
order by newest.period_start desc;


-- name: history
-- What changed a key, newest first. A change without a version is somebody else's.
select
    c.change, c.before, c.after, c.version, c.is_healing, c.changed_at, c.changed_by, v.how, v.sync_log_id
from period_change as c
left join period_version as v
    on v.sync_type = c.sync_type and v.period_start = c.period_start and v.version = c.version
where
    c.sync_type = %(sync_type)s
    and c.period_start = %(period_start)s
    and c.query = %(query)s
    and c.asin = %(asin)s
order by c.id desc
limit %(most)s;


-- name: not_kept
-- How many publishes changed more rows of the period than are kept.
select count(*) as publishes
from period_version
where sync_type = %(sync_type)s and period_start = %(period_start)s and not is_kept;


-- name: stored
(select * from {target} where period_start = {first_day})


-- name: bucket
-- sql/macros.sql has the same for BigQuery.
('x' || substr(md5(coalesce(asin, '') || coalesce(query, '')), 1, 3))::bit(12)::integer


-- name: buckets
select {bucket} as bucket, count(*) as row_count, bit_xor({row_hash}) as row_hash, {sums}
from {rows} as rows
group by bucket;


-- name: bucket_rows
select query::text as query, asin::text as asin, {figures}, {row_hash} as row_hash
from {rows} as rows
where {bucket} = any(%(buckets)s);
