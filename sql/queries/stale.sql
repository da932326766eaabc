-- Rows that say started: whose they are, and closing those that nobody is at work on any more.


-- name: open_runs
select
    id as sync_log_id,
    attempt,
    sync_type,
    period_start,
    started_at,
    clock_timestamp() - started_at as age,
    dag_id,
    run_id
from sync_log
where sync_status = 'started' and (%(sync_type)s::text is null or sync_type = %(sync_type)s)
order by started_at, id;


-- name: lock_open
-- Not there when a new attempt has begun or the run has ended since; skipped when its publish is about to commit.
select id
from sync_log
where
    id = %(sync_log_id)s
    and attempt = %(attempt)s
    and started_at = %(started_at)s
    and sync_status = 'started'
for no key update skip locked;


-- name: staged_of
-- What the run staged: a table whose name ends with its id.
select c.relname as name
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where n.nspname = %(staging_schema)s and c.relkind = 'r' and c.relname ~ ('_[0-9]{{8}}_' || %(sync_log_id)s || '$');
